"""Vendor files: the packaged ones, those laid over them, and what can be wrong with one."""

from __future__ import annotations

import re
from importlib import resources
from pathlib import Path

import pytest

from scraper.core.catalogue import Catalogue, Charge, OutcomeKind, Records
from scraper.core.errors import ConfigurationError
from scraper.core.outcomes import Answer, classify
from scraper.core.pagination import CursorPagination, EndSign, SinglePagination
from scraper.core.rate_headers import RateHeaders
from scraper.io.config_files.addresses import url_fault
from scraper.io.config_files.vendor_files import read_catalogue
from scraper.sandbox.records import words
from tests.core.builders import NOON

VIDEO_DETAIL = """
[sources]
detail = { document = "Crawlora endpoint page 'Videos'", read_on = 2026-11-21 }
[endpoints.cc_videos]
source = "detail"
path = "/tiktok/creative-center/videos"
summary = "Four videos of a country."
cost = 8
table = "videos"
status = "documented"
status_since = 2026-11-21
success = [{ field = "code", is = 200 }]
records = { path = "data.videos", id = "item_id" }
[endpoints.cc_videos.pagination]
kind = "cursor"
cursor_param = "cursor"
cursor_field = "data.cursor"
has_more_field = "data.has_more"
rows_per_page = 4
[endpoints.cc_videos.parameters.country_code]
type = "string"
required = true
role = "country"
description = "Two letters."
"""

ACME = """
name = "acme"
title = "Acme"
base_url = "https://api.acme.test/v2/"
auth_header = "X-Token"
auth_format = "Token {key}"
key_env = "ACME_KEY"
source = "page"
[charge]
source = "page"
ok = "charged"
empty = "free"
failed_2xx = "presumed"
refused = "free"
[plans.only]
source = "page"
requests_per_minute = 30
[[errors]]
source = "page"
status = [402, 429]
when = [{ field = "error.kind", contains = "quota" }]
outcome = "quota_exhausted"
scope = "day"
[sources]
page = { document = "Acme's page", read_on = 2026-11-20 }
""" + VIDEO_DETAIL.partition("\n[endpoints")[2].join(["[endpoints", ""]).replace('"detail"', '"page"')


@pytest.fixture
def vendors(tmp_path: Path) -> Path:
    directory = tmp_path / "configs" / "vendors"
    directory.mkdir(parents=True)
    return directory


def read(vendors: Path, **files: str) -> Catalogue:
    for name, text in files.items():
        (vendors / f"{name}.toml").write_text(text, encoding="utf-8")
    return read_catalogue(vendors.parent)


def faults(vendors: Path, **files: str) -> list[str]:
    with pytest.raises(ConfigurationError) as failure:
        read(vendors, **files)
    return str(failure.value).replace(f"{vendors}/", "").splitlines()


def test_the_packaged_vendors_sell_these_endpoints_at_documented_or_assumed_prices() -> None:
    known = {
        each.full_name: (each.cost, str(each.cost_basis), each.table, each.status)
        for each in read_catalogue().endpoints
    }
    assert known == {
        "crawlora.hashtags": (8, "known", "hashtags", "gone"),
        "crawlora.creators": (8, "known", "creators", "deprecated"),
        "crawlora.hashtag_posts": (8, "known", "posts", "documented"),
        "crawlora.creative_hashtags": (8, "assumed", "hashtags", "documented"),
        "crawlora.hashtag_detail": (8, "known", "hashtag_details", "documented"),
        "crawlora.mobile_hashtag_posts": (8, "assumed", "mobile_posts", "documented"),
        "crawlora.mobile_music": (8, "assumed", "sounds", "documented"),
        "crawlora.mobile_effects": (8, "assumed", "mobile_posts", "documented"),
        "crawlora.mobile_categories": (8, "assumed", "mobile_categories", "documented"),
        "crawlora.top_ads": (8, "assumed", "top_ads", "documented"),
        "crawlora.top_ads_spotlight": (8, "assumed", "top_ads", "documented"),
        "crawlora.top_ads_recommend": (8, "assumed", "top_ads", "documented"),
        "crawlora.creator_search": (8, "assumed", "creator_profiles", "documented"),
        "keyapi.hashtags": (2, "known", "hashtags", "documented"),
        "keyapi.videos": (2, "known", "videos", "documented"),
        "keyapi.music": (2, "known", "sounds", "documented"),
        "keyapi.music_detail": (2, "known", "sound_details", "documented"),
    }


def test_an_endpoint_that_ends_names_its_successor_and_one_that_is_described_by_assumption_says_so() -> None:
    endpoints = {each.full_name: each for each in read_catalogue().endpoints}
    moves = {name: each.successor.full_name for name, each in endpoints.items() if each.successor is not None}
    assert moves == {
        "crawlora.hashtags": "crawlora.creative_hashtags",
        "crawlora.creators": "crawlora.creator_search",
    }
    assert all(endpoints[name].moving for name in moves)
    assert {name for name, each in endpoints.items() if "records" in each.assumed} == {
        "crawlora.hashtag_detail", "crawlora.mobile_hashtag_posts", "crawlora.mobile_music", "crawlora.mobile_effects",
        "crawlora.mobile_categories",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("lines", "fault"),
    [
        ('successor = "creator"', ".successor: there is no endpoint 'creator'; did you mean 'creators'?"),
        ('successor = "creators"', ".successor: creators has a successor itself; name the last one"),
        ('status = "documented"', ': successor needs status = "deprecated" or "gone"'),
    ],
)
def test_a_successor_has_to_be_there_and_the_last_one_and_of_something_that_ends(
    vendors: Path, lines: str, fault: str
) -> None:
    (met,) = faults(vendors, crawlora=f"[endpoints.hashtags]\n{lines}")
    assert fault in met
    (met,) = faults(vendors, crawlora='[endpoints.top_ads]\nmoving = "All is well."')
    assert "no successor is named" in met


def test_every_figure_has_its_source() -> None:
    for vendor in read_catalogue().vendors.values():
        assert vendor.source
        assert vendor.charge.source
        assert all(rule.source for rule in vendor.error_rules)
        assert all(endpoint.source.document for endpoint in vendor.endpoints)


def test_documented_countries_and_industries_are_those_that_the_sandbox_serves() -> None:
    known = {
        (endpoint.full_name, parameter.name): {each.value for each in parameter.known}
        for endpoint in read_catalogue().endpoints
        for parameter in endpoint.parameters
        if parameter.known
    }
    industries = {str(industry) for industry in words.INDUSTRIES}
    assert known == {
        ("crawlora.hashtags", "country_code"): set(words.HASHTAG_COUNTRIES),
        ("crawlora.hashtags", "industry_id"): industries,
        ("crawlora.creators", "creator_country"): set(words.CREATOR_COUNTRIES),
        ("crawlora.creative_hashtags", "country_code"): set(words.HASHTAG_COUNTRIES),
        ("keyapi.hashtags", "region"): set(words.HASHTAG_COUNTRIES),
        ("keyapi.hashtags", "industry_id"): industries,
        ("keyapi.videos", "region"): set(words.VIDEO_COUNTRIES),
    }


@pytest.mark.parametrize(
    ("stated", "fault"),
    [
        ('known = ["US"]', ".country_code: known needs known_source"),
        ('known = ["US"]\nknown_source = "atlas"', ".country_code.known_source: 'atlas' is not in [sources]"),
    ],
)
def test_known_values_need_the_document_that_lists_them(tmp_path: Path, stated: str, fault: str) -> None:
    packaged = resources.files("scraper").joinpath("vendors/crawlora.toml").read_text(encoding="utf-8")
    before, at, behind = packaged.partition("[endpoints.hashtags.parameters.country_code]\n")
    rest = behind[behind.index("[endpoints.hashtags.parameters.filter_by]") :]
    table = f'type = "string"\nrole = "country"\ndescription = "A country."\n{stated}\n'
    changed = (before + at + table + rest).replace('"crawlora"', '"other"', 1)
    (tmp_path / "vendors").mkdir()
    (tmp_path / "vendors" / "other.toml").write_text(changed, encoding="utf-8")
    with pytest.raises(ConfigurationError, match=re.escape(fault)):
        read_catalogue(tmp_path)


def test_a_directory_without_vendors_changes_nothing(tmp_path: Path) -> None:
    assert read_catalogue(tmp_path) == read_catalogue()


@pytest.mark.parametrize("key", ["from_parent", "parent_id"])
def test_the_field_of_a_parent_is_read_by_its_name_of_before_too(vendors: Path, key: str) -> None:
    corrected = f'[endpoints.hashtag_posts.parameters.id]\n{key} = "hashtag_name"\n'
    posts = read(vendors, crawlora=corrected).endpoint("crawlora.hashtag_posts")
    assert posts is not None
    assert [(one.name, one.from_parent) for one in posts.parameters] == [("id", "hashtag_name"), ("cursor", None)]


def test_an_endpoint_of_one_record_has_no_more_to_say_of_its_pages(vendors: Path) -> None:
    start, end = VIDEO_DETAIL.index('kind = "cursor"'), VIDEO_DETAIL.index("[endpoints.cc_videos.parameters")
    single = VIDEO_DETAIL[:start] + 'kind = "single"\n' + VIDEO_DETAIL[end:]
    added = read(vendors, crawlora=single).endpoint("crawlora.cc_videos")
    assert added is not None
    assert added.pagination == SinglePagination()


def test_a_new_endpoint_for_a_known_vendor_is_one_table(vendors: Path) -> None:
    catalogue = read(vendors, crawlora=VIDEO_DETAIL)
    assert len(catalogue.endpoints) == len(read_catalogue().endpoints) + 1
    added = catalogue.endpoint("crawlora.cc_videos")
    assert added is not None
    assert (added.path, added.records, added.pagination, added.source.document) == (
        "/tiktok/creative-center/videos",
        Records("data.videos", "item_id"),
        CursorPagination("cursor", "data.cursor", "data.has_more", 4),
        "Crawlora endpoint page 'Videos'",
    )
    assert catalogue.vendors["crawlora"].plans == read_catalogue().vendors["crawlora"].plans


def test_a_corrected_figure_is_one_line(vendors: Path) -> None:
    catalogue = read(vendors, keyapi='[endpoints.videos]\ncost = 3\nstatus = "gone"')
    changed = catalogue.endpoint("keyapi.videos")
    assert changed is not None
    assert (changed.cost, changed.status, changed.path) == (3, "gone", "/v1/tiktok/trending/videos")


def test_a_vendor_of_ones_own_is_one_file(vendors: Path) -> None:
    acme = read(vendors, acme=ACME).vendors["acme"]
    assert (acme.base_url, acme.key_env, acme.plans[0].requests_per_minute) == (
        "https://api.acme.test/v2", "ACME_KEY", 30,
    )  # fmt: skip
    endpoint = acme.endpoints[0]
    empty = classify(acme, endpoint, Answer(200, {}, b'{"code":"200","data":{"videos":[]}}'), NOON)
    refused = classify(acme, endpoint, Answer(429, {}, b'{"error":{"kind":"your quota is used"}}'), NOON)
    assert [(outcome.kind, outcome.charge) for outcome in (empty, refused)] == [
        (OutcomeKind.EMPTY, Charge.FREE),
        (OutcomeKind.QUOTA_EXHAUSTED, Charge.FREE),
    ]


def test_faults_of_all_vendor_files_are_told_at_once_with_the_nearest_names(vendors: Path) -> None:
    over = "crawlora.toml over scraper/vendors/crawlora.toml"
    lines = """
    auth_headr = "x"
    [charge]
    ok = "free"
    [endpoints.hashtags]
    cost = 0
    sumary = "x"
    [endpoints.hashtags.pagination]
    max_sise = 3
    [endpoints.hashtags.parameters.period]
    role = "days"
    """
    told = faults(vendors, crawlora=lines, acme='name = "acme"', broken="[[")
    assert told[0].startswith("broken.toml: is not valid TOML: ")
    assert told[1:6] == [
        f"{over}: charge.ok: input should be 'charged' or 'presumed', not 'free'",
        f"{over}: endpoints.hashtags.cost: input should be greater than or equal to 1, not 0",
        f"{over}: endpoints.hashtags.pagination.max_sise: no such key; did you mean 'max_size'?; known are kind, "
        "page_param, size_param, max_size, max_page, page_field, size_field, total_field, has_more_field, "
        "past_max_page, counts, first, ends",
        f"{over}: endpoints.hashtags.parameters.period.role: input should be 'country', 'period_days', 'page', "
        "'page_size', 'cursor' or 'delta', not 'days'",
        f"{over}: endpoints.hashtags.sumary: no such key; did you mean 'summary'?; known are source, path, summary, "
        "cost, table, status, status_since, successor, moving, assumed, note, typical_total, success, records, "
        "pagination, parameters",
    ]
    assert told[6].startswith(f"{over}: auth_headr: no such key; did you mean 'auth_header'?; known are name, title, ")
    assert "acme.toml: title: is missing" in told


@pytest.mark.parametrize(
    ("met", "instead", "message"),
    [
        ('name = "acme"', 'name = "other"', "name: the file is named acme, and says 'other'"),
        ("https://", "ftp://", "base_url: 'ftp://api.acme.test/v2/' is not an address of the form https://host/path"),
        ('source = "page"\n[charge]', 'source = "pge"\n[charge]', "source: 'pge' is not in [sources], which has page"),
        ('source = "page"\npath', 'source = "x"\npath', "endpoints.cc_videos.source: 'x' is not in [sources], "
         "which has page"),
        ("requests_per_minute = 30", 'usd_per_month = "NaN"', """plans.only.usd_per_month: should be dollars like """
         """"0.75", not 'NaN'"""),
        ("{key}", "key", r"auth_format: string should match pattern '\{key\}', not 'Token key'"),
        (', contains = "quota"', "", "errors[0].when[0]: needs is or contains: a condition without them never holds"),
        ('kind = "cursor"', 'kind = "cursr"', "endpoints.cc_videos.pagination: input tag 'cursr' found using 'kind' "
         "does not match any of the expected tags: 'page', 'cursor'"),
        ('"/tiktok/creative-center/videos"', '"tiktok"', "endpoints.cc_videos.path: string should match pattern "
         "'^/[A-Za-z0-9_/.{}-]*$', not 'tiktok'"),
    ],
)  # fmt: skip
def test_a_fault_of_a_vendor_file_names_the_key_and_what_was_met(
    vendors: Path, met: str, instead: str, message: str
) -> None:
    assert met in ACME
    (told,) = faults(vendors, acme=ACME.replace(met, instead, 1))
    assert told.startswith(f"acme.toml: {message}")


@pytest.mark.parametrize(
    "url", ["https://api.acme.test", "http://127.0.0.1:8080/api", "http://localhost", "http://[::1]:9"]
)
def test_a_key_goes_over_tls_or_to_this_machine(url: str) -> None:
    assert url_fault(url) is None


@pytest.mark.parametrize(
    "url",
    [
        "http://api.acme.test",
        "http://10.0.0.1",
        "http://127.0.0.1.acme.test",
        "http://2130706433",
        "http://0.0.0.0",
    ],
)
def test_a_key_goes_nowhere_else_unless_the_account_says_so(url: str) -> None:
    assert "would send the key unencrypted" in (url_fault(url) or "")
    assert url_fault(url, allow_http=True) is None


@pytest.mark.parametrize(
    "url",
    [
        "ftp://localhost",
        "https://",
        "localhost:80",
        "",
        "http://[::1",
        "https://api.acme.test:70000",
        "http://127.0.0.1\\@acme.test",
        "https://acme.test/a b",
        "https://acme.test/\x1b[2J",
        "https://ácme.test",
    ],
)
def test_what_is_no_address_is_refused_whatever_the_account_says(url: str) -> None:
    assert "is not an address of the form" in (url_fault(url, allow_http=True) or "")


@pytest.mark.parametrize("secret", ["user:SECRET@", "SECRET@", "acme.test/v1?key=SECRET&", "acme.test/#SECRET"])
def test_an_address_that_may_hold_a_key_is_refused_and_not_shown(secret: str) -> None:
    said = url_fault(f"https://{secret}acme.test", allow_http=True)
    assert said is not None
    assert "SECRET" not in said


@pytest.mark.parametrize(
    ("endpoint", "sign"),
    [
        *(("hashtags", sign) for sign in EndSign),
        *(("hashtag_posts", sign) for sign in EndSign if sign is not EndSign.TOTAL),
    ],
)
def test_a_vendor_file_says_how_its_lists_end(endpoint: str, sign: EndSign, vendors: Path) -> None:
    stated = f'[endpoints.{endpoint}.pagination]\nends = "{sign}"\n'
    described = read(vendors, crawlora=stated).endpoint(f"crawlora.{endpoint}")
    assert described is not None
    assert described.pagination.ends is sign  # type: ignore[attr-defined]
    assert described.pagination.words.endswith(f", the end is marked by {sign.replace('_page', ' page')}")


@pytest.mark.parametrize("sign", ["has_more", "total"])
def test_a_list_can_only_end_by_a_field_that_the_vendor_file_describes(sign: str, vendors: Path) -> None:
    start, end = VIDEO_DETAIL.index('kind = "cursor"'), VIDEO_DETAIL.index("[endpoints.cc_videos.parameters")
    paging = f'kind = "page"\npage_param = "page"\nmax_size = 10\nends = "{sign}"\n'
    (fault,) = faults(vendors, crawlora=VIDEO_DETAIL[:start] + paging + VIDEO_DETAIL[end:])
    assert f'ends = "{sign}" needs {sign}_field' in fault


def test_a_feed_cannot_end_by_a_total(vendors: Path) -> None:
    (fault,) = faults(vendors, crawlora='[endpoints.hashtag_posts.pagination]\nends = "total"\n')
    assert "endpoints.hashtag_posts.pagination" in fault
    assert "'short_page', 'empty_page' or 'has_more'" in fault


def test_the_headers_that_tell_how_many_requests_remain_are_named_in_a_table_with_its_source(vendors: Path) -> None:
    named = '[rate_headers]\nsource = "page"\nremaining = "X-RateLimit-Remaining"\nresets = "RateLimit"\n'
    (vendors / "acme.toml").write_text(ACME.replace("[plans.only]", named + "[plans.only]"))
    acme = read_catalogue(vendors.parent).vendors["acme"]
    assert acme.rate_headers == RateHeaders("x-ratelimit-remaining", "ratelimit")
    assert acme.rate_header_names == {"x-ratelimit-remaining", "ratelimit"}
    wrong = named.replace('"page"', '"rumour"').replace('"RateLimit"', '"Rate Limit"')
    (vendors / "acme.toml").write_text(ACME.replace("[plans.only]", wrong + "[plans.only]"))
    with pytest.raises(ConfigurationError, match=r"rate_headers\.resets"):
        read_catalogue(vendors.parent)
    unknown = named.replace('"page"', '"rumour"')
    (vendors / "acme.toml").write_text(ACME.replace("[plans.only]", unknown + "[plans.only]"))
    with pytest.raises(ConfigurationError, match=r"rate_headers\.source: 'rumour' is not in \[sources\]"):
        read_catalogue(vendors.parent)
