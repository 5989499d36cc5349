"""What Crawlora tells of an account: an event for each billable request, and how its credits stand."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
import yarl
from aiohttp import web
from aiohttp.typedefs import Handler
from hypothesis import given
from hypothesis import strategies as st

from scraper.core.subscriptions import Subscription
from scraper.sandbox import Event, Sandbox
from scraper.sandbox.billing_events import EventLog
from tests.sandbox.visits import (
    C_BILLING,
    C_CREATORS,
    C_EVENTS,
    C_HASHTAGS,
    C_POSTS,
    K_VIDEOS,
    KEYS,
    NOON,
    Reply,
    Visitor,
    opened,
)


def events_in(reply: Reply) -> list[dict[str, Any]]:
    """Oldest first; the vendor lists the newest first."""
    assert (reply.status, reply.body["code"], reply.body["msg"]) == (200, 200, "OK")
    found: list[dict[str, Any]] = reply.body["data"]
    return found[::-1]


def test_each_billable_request_leaves_one_event_under_the_id_it_was_answered_with() -> None:
    sandbox = opened(Subscription("starter", credits_per_month=100, credits_per_day=16))

    async def script(visitor: Visitor) -> tuple[list[Reply], Reply]:
        replies = []
        for path, params in ((C_HASHTAGS, {}), (C_HASHTAGS, {"period": 8}), (C_POSTS, {"id": "1"}), (C_CREATORS, {})):
            replies.append(await visitor.get(path, **params))
            sandbox.clock.move(seconds=1.5)
        return replies, await visitor.get(C_EVENTS)

    replies, told = sandbox.visit(script)

    def event(place: int, endpoint: str, status: str, before: int, after: int, created_at: str) -> dict[str, Any]:
        return {
            "request_id": replies[place].headers["x-request-id"],
            "endpoint": endpoint,
            "event_status": status,
            "credit_cost": 8,
            "credits_remaining_before": before,
            "credits_remaining_after": after,
            "status_code": replies[place].status,
            "created_at": created_at,
            "billable": status == "charged",
            "method": "GET",
        }

    assert [reply.status for reply in replies] == [200, 400, 200, 429]
    assert events_in(told) == [
        event(0, "/tiktok/popular-trend/hashtag", "charged", 100, 92, "2026-11-21T12:00:00Z"),
        event(1, "/tiktok/popular-trend/hashtag", "non_billable", 92, 92, "2026-11-21T12:00:01.500000Z"),
        event(2, "/tiktok/hashtags", "charged", 92, 84, "2026-11-21T12:00:03Z"),
        event(3, "/tiktok/popular-trend/creator", "non_billable", 84, 84, "2026-11-21T12:00:04.500000Z"),
    ]


def test_a_request_without_the_key_or_for_nothing_that_is_sold_leaves_no_event() -> None:
    sandbox = opened()

    async def script(visitor: Visitor) -> Reply:
        await visitor.get(C_HASHTAGS, headers={})
        await visitor.get("/api/v1/tiktok/nothing")
        await visitor.ask("POST", C_HASHTAGS)
        await visitor.get(C_BILLING)
        await visitor.get(K_VIDEOS)
        return await visitor.get(C_EVENTS)

    assert events_in(sandbox.visit(script)) == []
    assert [event.endpoint for event in sandbox.sandbox.events("keyapi")] == ["/tiktok/trending/videos"]


def test_a_plan_without_an_end_has_nothing_remaining_to_tell() -> None:
    sandbox = opened()
    sandbox.get(C_HASHTAGS)
    (event,) = events_in(sandbox.get(C_EVENTS))
    assert (event["credits_remaining_before"], event["credits_remaining_after"]) == (None, None)


@pytest.mark.parametrize(
    ("question", "places"),
    [
        ({}, [0, 1, 2, 3, 4]),
        ({"from": "2026-11-21T12:01:00Z"}, [1, 2, 3, 4]),
        ({"to": "2026-11-21T12:01:00Z"}, [0]),
        ({"from": "2026-11-21T12:01:00Z", "to": "2026-11-21T12:03:00Z"}, [1, 2]),
        ({"from": "2026-11-21T13:01:00+01:00", "to": "2026-11-21T12:01:00.000001Z"}, [1]),
        ({"from": "2026-11-21T12:03:00Z", "to": "2026-11-21T12:01:00Z"}, []),
        ({"from": "0001-01-01T00:00:00+23:59", "to": "9999-12-31T23:59:59-23:59"}, [0, 1, 2, 3, 4]),
        ({"endpoint": "/tiktok/hashtags"}, [1, 3]),
        ({"endpoint": "/api/v1/tiktok/hashtags"}, []),
        ({"endpoint": "/tiktok/hashtags", "from": "2026-11-21T12:02:00Z"}, [3]),
        ({"request_id": "nobody's"}, []),
    ],
)
def test_events_are_found_from_inclusive_to_exclusive_by_route_and_id(
    question: dict[str, Any], places: list[int]
) -> None:
    sandbox = opened()

    async def script(visitor: Visitor) -> tuple[list[str], Reply]:
        ids = []
        for path in (C_HASHTAGS, C_POSTS, C_HASHTAGS, C_POSTS, C_CREATORS):
            ids.append((await visitor.get(path, id="1")).headers["x-request-id"])
            sandbox.clock.move(minutes=1)
        assert [event["request_id"] for event in events_in(await visitor.get(C_EVENTS, request_id=ids[2]))] == [ids[2]]
        return ids, await visitor.get(C_EVENTS, **question)

    ids, told = sandbox.visit(script)
    assert [event["request_id"] for event in events_in(told)] == [ids[place] for place in places]


@pytest.mark.parametrize(
    ("name", "met"),
    [
        ("from", "yesterday"),
        ("from", ""),
        ("to", "2026-11-21"),
        ("to", "2026-11-21T12:00:00"),
        ("to", "1795262400"),
        ("endpoint", ""),
        ("request_id", ""),
    ],
)
def test_a_wrong_parameter_is_refused_and_no_event(name: str, met: str) -> None:
    sandbox = opened()
    reply = sandbox.get(C_EVENTS, **{name: met})
    assert (reply.status, reply.body) == (400, {"code": 400, "msg": f"Invalid input: {name}", "data": None})
    assert sandbox.sandbox.events("crawlora") == ()


def test_asking_about_the_account_costs_nothing_and_counts_against_nothing() -> None:
    sandbox = opened(Subscription("free", credits_per_month=8, requests_per_minute=1))

    async def script(visitor: Visitor) -> list[Reply]:
        told = [await visitor.get(path) for path in (C_BILLING, C_EVENTS) * 3]
        bought = await visitor.get(C_HASHTAGS)
        told += [await visitor.get(path) for path in (C_BILLING, C_EVENTS)]
        refused = await visitor.get(C_HASHTAGS)
        assert (bought.status, refused.status) == (200, 429)
        return told

    before = sandbox.sandbox.account("crawlora")
    assert [reply.status for reply in sandbox.visit(script)] == [200] * 8
    assert before["requests"] == 0
    page = sandbox.sandbox.account("crawlora")
    assert (page["requests"], page["requests_by_status"], page["credits_charged"]) == (2, {"200": 1, "429": 1}, 8)
    assert page["most_starts_in_a_minute"] == 2


@pytest.mark.parametrize("path", [C_BILLING, C_EVENTS])
@pytest.mark.parametrize("headers", [{}, {"x-api-key": "another"}, {"Authorization": f"Bearer {KEYS['crawlora']}"}])
def test_nobody_else_is_told(path: str, headers: dict[str, str]) -> None:
    sandbox = opened()
    reply = sandbox.visit(lambda visitor: visitor.get(path, headers=headers))
    assert (reply.status, reply.body["data"]) == (401, None)
    assert sandbox.sandbox.account("crawlora")["requests"] == 0


def test_the_account_tells_how_its_plan_stands() -> None:
    sandbox = opened(
        Subscription(
            "starter",
            credits_per_month=16,
            credits_per_day=40,
            month_starts_on=14,
            overage=True,
            overage_usd_per_1000=Decimal(1),
            max_overage_usd=Decimal("0.02"),
        )
    )

    async def script(visitor: Visitor) -> Reply:
        for _ in range(3):
            await visitor.get(C_HASHTAGS)
            sandbox.clock.move(hours=8)
        return await visitor.get(C_BILLING)

    reply = sandbox.visit(script)
    assert reply.body == {
        "code": 200,
        "msg": "OK",
        "data": {
            "plan": "starter",
            "credits_used": 24,
            "credits_remaining": 12,
            "included_credits": 16,
            "daily_credit_limit": 40,
            "daily_credits_used": 8,
            "daily_credits_remaining": 32,
            "daily_key": "2026-11-22",
            "period_key": "2026-11-14",
            "period_start": "2026-11-14T00:00:00Z",
            "period_end": "2026-12-14T00:00:00Z",
            "allow_overage": True,
            "hard_limit": True,
            "overage_credits": 8,
        },
    }


def test_an_account_without_limits_tells_so() -> None:
    data = opened().get(C_BILLING).body["data"]
    assert {name for name, met in data.items() if met is None} == {
        "credits_remaining",
        "included_credits",
        "daily_credit_limit",
        "daily_credits_remaining",
    }
    assert (data["hard_limit"], data["overage_credits"]) == (False, 0)


class Troubled(Sandbox):
    """Loses the answers to hashtags on their way, breaks down over creators, and holds posts back until told."""

    def application(self) -> web.Application:
        self.let_go, self.arrived = asyncio.Event(), asyncio.Event()
        application = super().application()
        application.middlewares.insert(0, self._lose)
        application.middlewares.append(self._trouble)
        return application

    @staticmethod
    @web.middleware
    async def _lose(request: web.Request, handler: Handler) -> web.StreamResponse:
        answered = await handler(request)
        if request.path == C_HASHTAGS and request.transport is not None:
            request.transport.abort()
        return answered

    @web.middleware
    async def _trouble(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.path == C_CREATORS:
            if "page" in request.query:
                raise web.HTTPServiceUnavailable
            raise RuntimeError("not a vendor's words")
        if request.path == C_POSTS:
            self.arrived.set()
            await self.let_go.wait()
        return await handler(request)


def test_a_client_whose_answer_was_lost_was_charged_and_finds_the_event() -> None:
    sandbox = opened(Subscription("free", credits_per_month=20), kind=Troubled)

    async def lost(visitor: Visitor) -> bytes:
        """By hand: aiohttp's client would send a GET again by itself, and be charged twice."""
        port = yarl.URL(visitor.base).port
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(f"GET {C_HASHTAGS} HTTP/1.1\r\nHost: sandbox\r\nx-api-key: {KEYS['crawlora']}\r\n\r\n".encode())
        try:
            return await reader.read()
        except ConnectionResetError:
            return b""
        finally:
            writer.close()

    assert sandbox.visit(lost) == b""
    (event,) = events_in(sandbox.get(C_EVENTS, endpoint="/tiktok/popular-trend/hashtag"))
    assert (event["event_status"], event["status_code"], event["credits_remaining_after"]) == ("charged", 200, 12)
    assert sandbox.sandbox.account("crawlora")["credits_charged"] == 8


@pytest.mark.parametrize(("params", "status"), [({}, 500), ({"page": 1}, 503)])
def test_a_vendors_failure_is_an_event_of_its_own_kind_under_the_id_that_went_out(
    params: dict[str, int], status: int
) -> None:
    sandbox = opened(kind=Troubled)
    reply = sandbox.get(C_CREATORS, **params)
    assert reply.status == status
    (event,) = sandbox.sandbox.events("crawlora")
    assert event == Event(
        reply.headers["x-request-id"], "/tiktok/popular-trend/creator", "failed", 8, None, None, status, NOON
    )


def test_a_request_under_way_is_reserved_and_takes_its_place_by_arrival() -> None:
    sandbox = opened(Subscription("free", credits_per_month=20), kind=Troubled)
    troubled = sandbox.sandbox
    assert isinstance(troubled, Troubled)

    async def script(visitor: Visitor) -> list[list[dict[str, Any]]]:
        waiting = asyncio.create_task(visitor.get(C_POSTS, id="1"))
        await troubled.arrived.wait()
        await visitor.get(C_CREATORS)
        before = events_in(await visitor.get(C_EVENTS))
        troubled.let_go.set()
        await waiting
        return [before, events_in(await visitor.get(C_EVENTS))]

    told = [[(event["event_status"], event["status_code"]) for event in events] for events in sandbox.visit(script)]
    assert told == [[("reserved", None), ("failed", 500)], [("charged", 200), ("failed", 500)]]


@given(gaps_days=st.lists(st.integers(0, 60), max_size=30), kept_events=st.integers(1, 5))
def test_the_log_keeps_the_youngest_events_within_its_bounds(gaps_days: list[int], kept_events: int) -> None:
    log, at = EventLog(kept_events=kept_events), datetime(2026, 1, 1, tzinfo=UTC)
    reserved: list[datetime] = []
    for number, days in enumerate(gaps_days):
        at += timedelta(days=days)
        log.reserve(str(number), "/one", at, credit_cost=8, credits_left=None)
        reserved.append(at)
        kept = [each for each in reserved if each >= at - timedelta(days=100)][-kept_events:]
        assert [event.created_at for event in log.matching()] == kept
        assert len(log) == len(kept)


def test_settling_what_is_no_longer_kept_changes_nothing() -> None:
    log = EventLog(kept_events=1)
    for name in ("first", "second"):
        log.reserve(name, "/one", NOON, credit_cost=8, credits_left=20)
    log.settle("first", 200, charged=True, credits_left=12)
    assert [event.event_status for event in log.matching()] == ["reserved"]
