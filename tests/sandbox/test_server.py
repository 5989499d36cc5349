"""The sandbox on its port: accounts, headers, what it remembers, how it starts and stops."""

from __future__ import annotations

import asyncio
from datetime import date

import aiohttp
import pytest

from scraper.core.subscriptions import Subscription
from scraper.sandbox import Sandbox, ServedRecords, serve
from tests.sandbox.visits import (
    C_CREATORS,
    C_HASHTAGS,
    C_POSTS,
    K_HASHTAGS,
    K_VIDEOS,
    KEYS,
    NOON,
    Reply,
    Visitor,
    opened,
    some_hashtag_id,
)

OPEN = Subscription("open")


def test_the_account_page_tells_what_was_used() -> None:
    sandbox = opened(Subscription("starter", credits_per_day=24))

    async def script(visitor: Visitor) -> Reply:
        await visitor.get(C_HASHTAGS)
        sandbox.clock.move(days=1)
        for period in (7, 30, 5, 120, 7):
            await visitor.get(C_HASHTAGS, period=period)
        await visitor.get(C_HASHTAGS, headers={})
        return await visitor.get("/_sandbox/account", vendor="crawlora")

    reply = sandbox.visit(script)
    assert reply.status == 200
    assert reply.body == {
        "vendor": "crawlora",
        "plan": "starter",
        "credits_charged": 32,
        "credits_today": 24,
        "credits_this_month": 32,
        "requests": 7,
        "requests_by_status": {"200": 4, "400": 1, "401": 1, "429": 1},
        "charged_requests": 4,
        "most_starts_in_a_minute": 5,
    }
    assert reply.body == sandbox.sandbox.account("crawlora")


def test_vendors_keep_separate_accounts() -> None:
    sandbox = opened()
    sandbox.get(K_VIDEOS)
    assert sandbox.sandbox.account("keyapi")["credits_charged"] == 2
    assert sandbox.sandbox.account("crawlora")["requests"] == 0


def test_an_account_of_nobody_is_a_404() -> None:
    reply = opened().get("/_sandbox/account", vendor="acme")
    assert (reply.status, reply.body["vendors"]) == (404, ["crawlora", "keyapi"])


def test_crawlora_states_the_request_and_what_may_still_start() -> None:
    reply = opened(Subscription("free", requests_per_minute=5)).get(C_HASHTAGS)
    assert reply.headers["X-RateLimit-Per-Second-Remaining"] == "4"
    assert reply.headers["x-request-id"] == reply.body["data"]["request_id"]


def test_every_request_has_an_id_of_its_own_and_the_same_in_a_second_sandbox() -> None:
    first, second = (opened().bodies(K_HASHTAGS, {}, {}) for _ in range(2))
    assert first == second
    assert first[0]["requestId"] != first[1]["requestId"]


def test_records_are_of_the_day_that_it_is_given_and_metering_is_of_the_clock() -> None:
    sandbox, hashtag_id = opened(day=date(2025, 2, 28)), some_hashtag_id(opened())

    async def script(visitor: Visitor) -> list[list[object]]:
        days = []
        for _ in range(2):
            board, posts = await visitor.get(C_HASHTAGS), await visitor.get(C_POSTS, id=hashtag_id)
            creators, videos = await visitor.get(C_CREATORS), await visitor.get(K_VIDEOS)
            days.append([board.body["data"]["data"], posts.body["data"]["itemList"]])
            days[-1] += [creators.body["data"]["data"], videos.body["data"]]
            sandbox.clock.move(days=1, hours=7)
        return days

    first, second = sandbox.visit(script)
    assert first == second
    assert sandbox.sandbox.account("crawlora")["credits_charged"] == 48
    assert sandbox.sandbox.account("crawlora")["credits_today"] == 0
    assert first[0] != opened().get(C_HASHTAGS).body["data"]["data"]


def test_served_records_are_remembered_in_order() -> None:
    sandbox = opened(remember=True)

    async def script(visitor: Visitor) -> list[Reply]:
        return [
            await visitor.get(C_HASHTAGS, limit=2, country_code="US"),
            await visitor.get(C_HASHTAGS, period=8),
            await visitor.get(C_POSTS, id="nobody"),
            await visitor.get(K_VIDEOS, limit="3"),
        ]

    hashtags, _, _, videos = sandbox.visit(script)
    assert sandbox.sandbox.served == [
        ServedRecords(
            "crawlora", C_HASHTAGS, {"limit": "2", "country_code": "US"}, hashtags.body["data"]["data"]["list"], NOON
        ),
        ServedRecords("crawlora", C_POSTS, {"id": "nobody"}, (), NOON),
        ServedRecords("keyapi", K_VIDEOS, {"limit": "3"}, videos.body["data"]["videos"], NOON),
    ]


def test_nothing_is_remembered_unless_asked_for() -> None:
    sandbox = opened()
    sandbox.get(C_HASHTAGS)
    assert sandbox.sandbox.served == []


def test_one_vendor_can_be_played_alone() -> None:
    alone = Sandbox(subscriptions={"keyapi": OPEN}, keys={"keyapi": KEYS["keyapi"]})

    async def script() -> tuple[int, int]:
        async with serve(alone) as base, aiohttp.ClientSession() as session:
            visitor = Visitor(base, session)
            return (await visitor.get(K_VIDEOS)).status, (await visitor.get(C_HASHTAGS)).status

    assert asyncio.run(script()) == (200, 404)


@pytest.mark.parametrize(
    ("subscriptions", "keys"),
    [
        ({"acme": OPEN}, {"acme": "k"}),
        ({"crawlora": OPEN}, {}),
        ({"crawlora": OPEN}, {"crawlora": ""}),
    ],
)
def test_a_vendor_that_cannot_be_played_is_refused(
    subscriptions: dict[str, Subscription], keys: dict[str, str]
) -> None:
    with pytest.raises(ValueError, match=r"plays|empty API key"):
        Sandbox(subscriptions=subscriptions, keys=keys)


def test_it_binds_loopback_alone_and_stops_at_once_though_a_client_keeps_its_connection() -> None:
    async def script() -> str:
        async with aiohttp.ClientSession() as session:
            async with asyncio.timeout(5), serve(opened().sandbox) as base:
                await Visitor(base, session).get(K_VIDEOS)
            with pytest.raises(aiohttp.ClientConnectionError):
                await Visitor(base, session).get(K_VIDEOS)
            return base

    assert asyncio.run(script()).startswith("http://127.0.0.1:")
