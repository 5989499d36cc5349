"""Faults on purpose: who meets them, what they look like, what the vendor takes for them."""

from __future__ import annotations

import asyncio
import functools
import itertools
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import aiohttp
import orjson
import pytest

from scraper.core.errors import ConfigurationError
from scraper.core.subscriptions import Subscription
from scraper.sandbox import KINDS, Charged, FailedRequests, Sandbox, endpoints_played, read_injections, serve
from scraper.sandbox.faults import FaultPlan
from scraper.sandbox.faults.pages import CURSOR_FORMS
from tests.sandbox.visits import (
    C_CREATORS,
    C_HASHTAGS,
    C_POSTS,
    HEADERS,
    K_HASHTAGS,
    K_VIDEOS,
    KEYS,
    HandClock,
    Opened,
    Visitor,
    opened,
    some_hashtag_id,
)

PATHS = {
    "crawlora.hashtags": C_HASHTAGS,
    "crawlora.creators": C_CREATORS,
    "crawlora.hashtag_posts": C_POSTS,
    "keyapi.hashtags": K_HASHTAGS,
    "keyapi.videos": K_VIDEOS,
}
PLAYED = endpoints_played(KEYS)
PRICE = {"crawlora": 8, "keyapi": 2}


def plan(*texts: str, seed: int = 0) -> FaultPlan:
    return FaultPlan(read_injections(texts, PLAYED), seed)


def hits(planned: FaultPlan, asked: Sequence[tuple[str, Mapping[str, str]]]) -> list[bool]:
    return [planned.hit(endpoint, parameters) is not None for endpoint, parameters in asked]


# --- who meets a fault ------------------------------------------------------------------------------------------------

BOARDS = [
    ("crawlora.hashtags", {"country_code": country, "page": str(page)})
    for country in "ABCDEFGHIJ"
    for page in range(20)
]


def test_the_same_requests_meet_a_fault_in_whatever_order_and_company_they_are_asked() -> None:
    forward = dict(zip(range(200), hits(plan("http_500:share=0.2"), BOARDS), strict=True))
    backward = dict(zip(reversed(range(200)), hits(plan("http_500:share=0.2"), BOARDS[::-1]), strict=True))
    among_others = plan("http_500:share=0.2")
    for _ in range(50):
        among_others.hit("keyapi.videos", {"page": "1"})
    assert forward == backward
    assert forward == dict(enumerate(hits(among_others, [(e, dict(reversed(p.items()))) for e, p in BOARDS])))


def test_a_share_is_kept_and_shares_of_several_faults_add_up() -> None:
    both = plan("http_500:share=0.2", "html:share=0.3")
    for endpoint, parameters in BOARDS * 10:
        both.hit(endpoint, parameters)
    kinds = [met.kind for met in both.met]
    assert 0.17 < kinds.count("http_500") / 2000 < 0.23
    assert 0.27 < kinds.count("html") / 2000 < 0.33


def test_another_seed_makes_another_night() -> None:
    assert hits(plan("html:share=0.5", seed=1), BOARDS) != hits(plan("html:share=0.5", seed=2), BOARDS)


def test_nth_counts_how_often_the_same_is_asked_for() -> None:
    asked = [("keyapi.videos", {"page": page}) for page in ("1", "2", "1", "1", "2")]
    assert hits(plan("http_500:nth=2"), asked) == [False, False, True, False, True]
    assert hits(plan("http_500:nth=1,3"), asked) == [True, True, False, True, False]


def test_a_fault_hits_only_the_endpoints_and_parameters_that_it_names() -> None:
    japan = {"country_code": "JP", "page": "1"}
    assert hits(plan("html:endpoint=crawlora"), [("crawlora.hashtags", {}), ("keyapi.hashtags", {})]) == [True, False]
    assert hits(plan("html:with=country_code=JP,with=page=2"), [("crawlora.hashtags", japan)]) == [False]
    assert hits(plan("html:with=country_code=JP"), [("crawlora.hashtags", japan), ("crawlora.hashtags", {})]) == [
        True,
        False,
    ]
    by_cursor = hits(plan("cursor_loop"), [(endpoint, {}) for endpoint in PATHS])
    assert by_cursor == [False, False, True, False, False]


def test_after_lets_so_many_come_through() -> None:
    assert hits(plan("auth:after=3,endpoint=crawlora.hashtags"), BOARDS[:5]) == [False, False, False, True, True]


def test_of_several_faults_the_first_hits() -> None:
    planned = plan("html:nth=1", "http_500")
    assert [found.kind.name for _ in range(2) if (found := planned.hit("keyapi.videos", {}))] == ["html", "http_500"]


# --- how a plan is written --------------------------------------------------------------------------------------------


def test_all_that_is_wrong_with_a_plan_is_told_at_once() -> None:
    texts = (
        "http_50",
        "html:share=2",
        "html:nth=0",
        "html:endpoint=crawlora.hashtag",
        "html:shar=0.1",
        "rate_limit:as=smoke,wait_s=-1",
        "cursor_loop:endpoint=keyapi",
        "html:with=JP",
        "html:JP",
        "slow:after=x",
    )
    with pytest.raises(ConfigurationError) as raised:
        read_injections(texts, PLAYED)
    assert str(raised.value).splitlines() == [
        "--fault http_50: there is no such kind; did you mean 'http_504'?; `scraper sandbox --faults` lists them",
        "--fault html:share=2: share is a number from 0 to 1, not '2'",
        "--fault html:nth=0: nth is a number of 1 or more, not '0'",
        "--fault html:endpoint=crawlora.hashtag: the sandbox has no endpoint 'crawlora.hashtag';"
        " did you mean 'crawlora.hashtags'?",
        "--fault html:shar=0.1: html has no 'shar'; did you mean 'share'?; it has share, nth, endpoint, with, after",
        "--fault rate_limit:as=smoke,wait_s=-1: as is one of seconds, date, body, nothing, not 'smoke'",
        "--fault rate_limit:as=smoke,wait_s=-1: wait_s is a number, not '-1'",
        "--fault cursor_loop:endpoint=keyapi: keyapi is not paginated by cursor: this fault cannot happen there",
        "--fault html:with=JP: with is followed by PARAMETER=VALUE: with=country_code=JP, not 'JP'",
        "--fault html:JP: 'JP' is not of the form key=value",
        "--fault slow:after=x: after is a number of requests, not 'x'",
    ]


def test_shares_of_more_than_all_requests_are_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"the shares for crawlora\.hashtags add up to 1\.2, more than 1"):
        read_injections(["html:share=0.6", "http_500:share=0.6"], {"crawlora.hashtags": "page"})


# --- what a fault looks like, and costs -------------------------------------------------------------------------------


Got: TypeAlias = tuple[int, bytes, Mapping[str, str]]
"""Status, body and headers."""


def visited(
    endpoint: str,
    *texts: str,
    params: Mapping[str, str] | None = None,
    times: int = 1,
    failed_requests: FailedRequests = "free",
    key: str | None = None,
    charged: list[int] | None = None,
) -> tuple[list[Got | str], Sandbox]:
    """What a plain client gets for asking so often, or what its connection met; `charged` hears of the account."""

    async def sleep(_: float) -> None:
        """At once."""

    sandbox = Sandbox(
        subscriptions=dict.fromkeys(KEYS, Subscription("open")),
        keys=KEYS,
        clock=HandClock(),
        remember_served=True,
        faults=read_injections(texts, PLAYED),
        failed_requests=failed_requests,
        sleep=sleep,
    )
    path, vendor = PATHS[endpoint], endpoint.partition(".")[0]
    headers = next(own for prefix, own in HEADERS.items() if path.startswith(prefix))
    if key is not None:
        headers = {name: value.replace(KEYS[vendor], key) for name, value in headers.items()}
    asked = dict(params or {})
    if endpoint == "crawlora.hashtag_posts":
        asked["id"] = hashtag_id()

    async def script() -> list[Got | str]:
        met: list[Got | str] = []
        async with serve(sandbox) as base, aiohttp.ClientSession() as session:
            session._retry_connection = False  # it would ask twice, unseen
            for _ in range(times):
                try:
                    async with session.get(base + path, params=asked, headers=headers, allow_redirects=False) as answer:
                        met.append((answer.status, await answer.read(), answer.headers))
                except aiohttp.ClientError as failure:
                    met.append(type(failure).__name__)
                if charged is not None:
                    charged.append(sandbox.account(vendor)["credits_charged"])
        return met

    return asyncio.run(script()), sandbox


@functools.cache
def hashtag_id() -> str:
    """An id from the first board, as a client would get it."""
    return some_hashtag_id(opened())


@pytest.mark.parametrize(
    ("endpoint", "told", "charging"),
    [
        ("crawlora.hashtags", "free", {Charged.YES, Charged.FAILED_2XX}),  # documented: each 2xx
        ("crawlora.hashtag_posts", "free", {Charged.YES, Charged.FAILED_2XX}),
        ("keyapi.videos", "free", {Charged.YES}),
        ("keyapi.videos", "charged", {Charged.YES, Charged.FAILED_2XX, Charged.FAILED}),
    ],
)
def test_a_fault_costs_what_its_line_says_by_the_vendors_rule(
    endpoint: str, told: FailedRequests, charging: set[Charged]
) -> None:
    kinds = [kind for kind in KINDS if kind.paging in {None, PLAYED[endpoint]}]
    plan = [f"{kind.name}:nth={nth}" for nth, kind in enumerate(kinds, start=1)]
    charged: list[int] = []
    params = {"cursor": "31"} if endpoint == "crawlora.hashtag_posts" else {}
    visited(endpoint, *plan, times=len(plan), failed_requests=told, params=params, charged=charged)
    cost = [after - before for before, after in itertools.pairwise([0, *charged])]
    price = PRICE[endpoint.partition(".")[0]]
    assert {kind.name: credits for kind, credits in zip(kinds, cost, strict=True)} == {
        kind.name: price if kind.charged in charging else 0 for kind in kinds
    }


def answered(endpoint: str, *texts: str, **params: str) -> Got:
    """The one answer of a client."""
    [answer], _ = visited(endpoint, *texts, params=params)
    assert not isinstance(answer, str), answer
    return answer


def test_a_connection_that_breaks_brings_nothing_and_what_it_lost_counts_as_not_served() -> None:
    for kind in ("reset", "lost", "hang"):
        met, sandbox = visited("keyapi.videos", kind)
        assert met == ["ServerDisconnectedError"]
        assert sandbox.served == []
    met, sandbox = visited("keyapi.videos", "truncated:nth=1", times=2)
    assert (met[0], len(sandbox.served)) == ("ClientPayloadError", 1)


def test_a_rate_limit_says_when_to_come_back_in_each_of_the_ways_that_were_met() -> None:
    said = {}
    for way in ("seconds", "date", "body", "nothing"):
        status, body, headers = answered("crawlora.hashtags", f"rate_limit:as={way},wait_s=7")
        data = orjson.loads(body)["data"]
        assert (status, data["reason"]) == (429, "rate_limited")
        said[way] = (headers.get("Retry-After"), data.get("retry_after_seconds"))
    assert said == {
        "seconds": ("7", None),
        "date": ("Sat, 21 Nov 2026 12:00:07 GMT", None),
        "body": (None, 7),
        "nothing": (None, None),
    }


def test_a_quota_names_its_scope_in_the_vendors_words() -> None:
    for text, status, reason in (
        ("quota", 429, "daily_credit_limit"),
        ("quota:reason=monthly", 402, "insufficient_credits"),
        ("quota:status=403", 403, "daily_credit_limit"),
    ):
        met, body, _ = answered("crawlora.hashtags", text)
        assert (met, orjson.loads(body)["data"]["reason"]) == (status, reason)
    status, body, _ = answered("keyapi.videos", "quota")
    assert (status, orjson.loads(body)["message"]) == (402, "apiKey quota is not enough")


def test_the_posts_envelope_holds_tiktoks_own_refusal_and_a_board_sends_it_bare() -> None:
    _, wrapped, _ = answered("crawlora.hashtag_posts", "in_band_10201")
    _, bare, _ = answered("crawlora.hashtags", "in_band_10201")
    assert orjson.loads(wrapped)["data"] == orjson.loads(bare)
    assert orjson.loads(bare)["status_code"] == 10201


def test_a_page_that_lies_is_else_the_vendors_own() -> None:
    for endpoint, records_at in (
        ("crawlora.hashtags", ("data", "data", "list")),
        ("keyapi.videos", ("data", "videos")),
    ):
        _, honest, _ = answered(endpoint, page="2", limit="20")
        _, forever, _ = answered(endpoint, "more_for_ever", page="2", limit="20")
        _, again, _ = answered(endpoint, "repeated_page", page="2", limit="20")
        _, first, _ = answered(endpoint, page="1", limit="20")
        listed = [_at(orjson.loads(each), records_at) for each in (honest, forever, first)]
        assert listed[0] == listed[1]
        assert _at(orjson.loads(again), records_at) == listed[2] != listed[0]


def test_a_cursor_goes_round_or_back_or_comes_in_another_form() -> None:
    def cursor(text: str) -> object:
        _, body, _ = answered("crawlora.hashtag_posts", text, cursor="31")
        page = orjson.loads(body)["data"]
        assert page["itemList"]
        return page.get("cursor", "missing")

    assert [cursor(text) for text in ("cursor_loop", "cursor_back")] == ["31", "15"]
    forms = {form: cursor(f"cursor_form:as={form}") for form in CURSOR_FORMS}
    assert isinstance(forms["integer"], int)
    assert (forms["minus_one"], forms["null"], forms["empty"], forms["missing"]) == (-1, None, "", "missing")


def test_what_was_served_are_the_records_that_really_left() -> None:
    _, sandbox = visited("keyapi.videos", "repeated_page:with=page=2", params={"page": "2"})
    _, first = visited("keyapi.videos", params={"page": "1"})
    assert sandbox.served[0].records == orjson.loads(orjson.dumps(first.served[0].records))
    without = ("html", "half_json", "in_band_4", "empty_page", "null_list", "list_is_object")
    plan = [f"{kind}:nth={nth}" for nth, kind in enumerate(without, start=1)]
    _, sandbox = visited("keyapi.videos", *plan, times=len(plan))
    assert [record for served in sandbox.served for record in served.records] == []


def test_the_sandbox_tells_what_was_planned_and_met() -> None:
    sandbox = Sandbox(
        subscriptions={"keyapi": Subscription("open")},
        keys={"keyapi": KEYS["keyapi"]},
        faults=read_injections(["html:nth=1"], endpoints_played({"keyapi"})),
    )

    async def script(visitor: Visitor) -> Any:
        for _ in range(2):
            async with visitor.session.get(visitor.base + K_VIDEOS, headers=HEADERS["/v1/"]):
                pass
        return (await visitor.get("/_sandbox/faults")).body

    assert Opened(sandbox).visit(script) == {"faults": ["html:nth=1"], "met": {"html": 1}}


def test_a_wrong_key_meets_no_fault() -> None:
    [answer], sandbox = visited("keyapi.videos", "html", key="another")
    assert not isinstance(answer, str)
    assert answer[0] == 401
    assert sandbox.met == []


def _at(document: Any, path: tuple[str, ...]) -> Any:
    for name in path:
        document = document[name]
    return document
