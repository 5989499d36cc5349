"""What the vendors sell, for people and for programs."""

from __future__ import annotations

import functools
import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scraper.cli.display.vendors import print_vendor, print_vendors, vendor_json, vendors_json
from scraper.cli.rows import json_text
from scraper.core.catalogue import ErrorRule, OutcomeKind
from scraper.io.config_files.vendor_files import read_catalogue
from tests.cli.examples import ACME, BOARDS, CATALOGUE, UNSAFE, dedent_page, rendered

pytestmark = pytest.mark.own_instant


def test_all_endpoints_at_80_columns() -> None:
    assert rendered(lambda console: print_vendors(CATALOGUE, console)) == dedent_page("""
    endpoint     credits  rows/page  table     status
    ─────────────────────────────────────────────────────
    acme.boards        8        100  hashtags  documented
    acme.posts         8         30  posts     gone
    Details: scraper vendors NAME
""")


def test_an_endpoint_keeps_its_name_on_a_narrow_terminal() -> None:
    page = rendered(lambda console: print_vendors(CATALOGUE, console), 30)
    assert page.startswith(
        "acme.boards\n  credits  8\n  rows     100 a page\n  table    hashtags\n  status   documented\n"
    )
    assert max(map(len, page.splitlines())) <= 30


def test_a_vendor_at_80_columns() -> None:
    assert rendered(lambda console: print_vendor(ACME, console)) == dedent_page("""
    Acme [1]
    name       acme
    url        https://acme.example
    key        ACME_API_KEY → x-api-key: {key}

    Plans, the first is the default [1]
    starter      $9 a month, $0.75 for 1,000 credits more, 15 requests a minute,
                 5,000 credits a day, 20,000 credits a month
    unpublished  1 request a second (assumed), no credits a month known (assumed)

    Charged [1]
    rows               charged
    empty list         charged
    2xx that failed    presumed charged: the vendor documents no rule (assumed)
    refused or failed  free

    acme.boards [1]
    Trending things of a country.
    path        /boards
    price       8 credits a request
    status      documented since 2026-11-20
    pages       by number (page), at most 100 rows (limit), clamped to pages 1–10:
                past it the last one is charged again
    records     data.list, identified by thing_id
    table       hashtags
    usual size  100 rows (assumed, from recorded answers)
    note        It may go soon.
    parameters
      page      integer, role page
                Page number.
      country   string, default all, all = no filter, role country
                Two letters.
      audience  integer, one of 1 | 2, ignored by the vendor: a sweep of it is
                refused
                Kept for old clients.

    acme.posts [1]
    Posts of a thing.
    path       /posts
    price      8 credits a request
    status     gone since 2026-11-01
    pages      by cursor (cursor, from data.cursor), 30 rows (assumed)
    records    data.items, identified by id
    table      posts
    parameters
      id       string, required, filled by each, from thing_id
               The thing.

    Error rules (the first match decides)
       when                                           outcome
    ────────────────────────────────────────────────────────────────────────────────
    1  HTTP 402 or 403 and reason = no_credits or 7   quota exhausted of the day [2]
       and text holds “[/b] spent”
       Recorded.
    2  HTTP 429                                       rate limited [1]

    Sources
    [1]  Acme page 'Boards', read 2026-11-20
    [2]  Acme error page, read 2026-11-19
""")


def test_programs_get_a_flat_object_for_each_endpoint() -> None:
    assert vendors_json(CATALOGUE)[1] == {
        "endpoint": "acme.posts",
        "vendor": "acme",
        "credits": 8,
        "credits_basis": "known",
        "rows_per_page": 30,
        "table": "posts",
        "status": "gone",
        "status_since": "2026-11-01",
        "successor": None,
        "summary": "Posts of a thing.",
    }


def test_programs_get_every_term_of_a_vendor_with_its_source() -> None:
    shown = vendor_json(ACME)
    assert shown["plans"][1]["assumed"] == ["requests_per_second", "credits_per_month"]
    assert shown["charge"]["failed_2xx"] == "presumed"
    assert shown["endpoints"][0]["source"] == {"document": "Acme page 'Boards'", "read_on": "2026-11-20"}
    assert shown["endpoints"][0]["pagination"] == {"kind": "page", "rows_per_page": 100, "max_page": 10, "assumed": []}
    assert shown["error_rules"][0] == {
        "outcome": "quota_exhausted",
        "statuses": [402, 403],
        "conditions": [
            {"field": "reason", "values": ["no_credits", "7"], "contains": None},
            {"field": "text", "values": [], "contains": "[/b] spent"},
        ],
        "scope": "day",
        "retries": None,
        "basis": "known",
        "note": "Recorded.",
        "source": {"document": "Acme error page", "read_on": "2026-11-19"},
    }


def test_the_vendors_that_come_with_the_program_can_all_be_shown() -> None:
    for vendor in read_catalogue().vendors.values():
        plain: Any = json.loads(json_text(vendor_json(vendor)))
        assert plain == vendor_json(vendor)
        for width in (40, 80, 120):
            lines = rendered(functools.partial(print_vendor, vendor), width).splitlines()
            assert max(map(len, lines)) <= width


@settings(deadline=None)  # whole pages a case
@given(st.text(st.characters()), st.integers(30, 120))
def test_no_text_of_a_vendor_file_moves_the_cursor(said: str, width: int) -> None:
    parameters = (replace(BOARDS.parameters[0], description=said, default=said),)
    rules = (ErrorRule(OutcomeKind.GONE, note=said),)
    endpoint = replace(BOARDS, note=said, summary=said, parameters=parameters)
    strange = replace(ACME, title=said, endpoints=(endpoint,), error_rules=rules)
    assert not set(rendered(lambda console: print_vendor(strange, console), width)) & set(UNSAFE)
