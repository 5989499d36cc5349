"""Crawlora's statements and usage, as its own package types them (crawlora 1.50.0.dev1, read 2026-11-29)."""

from __future__ import annotations

from typing import Any

import pytest

from scraper.core.subscriptions import Subscription
from tests.sandbox.visits import C_BILLING, C_CREATORS, C_EVENTS, C_HASHTAGS, Opened, Reply, Visitor, opened

PERIODS = f"{C_BILLING}/periods"
USAGE = C_BILLING.replace("billing/me", "usage/me")
LINE = {
    "billable": bool,
    "created_at": str,
    "credit_cost": int,
    "endpoint": str,
    "event_status": str,
    "request_id": str,
    "status_code": int,
}


def two_months() -> Opened:
    """Two charged requests and a refused one in the month from 14 November, one charged in the next."""
    sandbox = opened(Subscription("starter", credits_per_month=100, month_starts_on=14))

    async def script(visitor: Visitor) -> None:
        await visitor.get(C_HASHTAGS)
        sandbox.clock.move(days=1)
        await visitor.get(C_CREATORS)
        await visitor.get(C_HASHTAGS, period=8)
        sandbox.clock.move(days=30)
        await visitor.get(C_HASHTAGS)
        sandbox.clock.move(seconds=1)

    sandbox.visit(script)
    return sandbox


def data(reply: Reply) -> Any:
    assert (reply.status, reply.body["code"], reply.body["msg"]) == (200, 200, "OK")
    return reply.body["data"]


def test_a_period_states_its_bounds_its_total_and_what_each_endpoint_cost() -> None:
    current, last = data(two_months().get(PERIODS))
    assert [(each["period_key"], each["status"], each["credits_used"]) for each in (current, last)] == [
        ("2026-12-14", "open", 8),
        ("2026-11-14", "closed", 16),
    ]
    assert (last["period_start"], last["period_end"]) == ("2026-11-14T00:00:00Z", "2026-12-14T00:00:00Z")
    assert (last["charged_requests"], last["non_billable_requests"], last["failed_requests"]) == (2, 1, 0)
    costs = {each["endpoint"]: (each["requests"], each["credits"]) for each in last["endpoint_breakdown"]}
    assert costs == {"/tiktok/popular-trend/creator": (1, 8), "/tiktok/popular-trend/hashtag": (2, 8)}
    assert data(two_months().get(PERIODS, limit=1)) == [current]
    assert data(two_months().get(f"{PERIODS}/2026-11-14")) == last


def test_a_statement_lists_events_where_they_are_asked_for_as_many_as_asked() -> None:
    sandbox = two_months()
    page = f"{PERIODS}/2026-11-14/statement"
    bare = data(sandbox.get(page))
    assert ("events" in bare, bare["expected"], bare["period"]["status"]) == (False, {"credits_used": 16}, "closed")
    events = data(sandbox.get(page, include_events="true"))["events"]
    assert [event["event_status"] for event in events] == ["charged", "charged", "non_billable"]
    assert all({name: type(event[name]) for name in event} == LINE for event in events)
    assert data(sandbox.get(page, include_events="true", event_limit=1))["events"] == events[:1]


def test_usage_is_told_by_day_by_hour_and_by_endpoint() -> None:
    sandbox = two_months()
    span = {"range": "custom", "from": "2026-11-14T00:00:00Z", "to": "2026-12-14T00:00:00Z"}
    days = data(sandbox.get(f"{USAGE}/timeseries", bucket="day", **span))["items"]
    assert [(day["bucket_start"], day["credits"], day["requests"]) for day in days] == [
        ("2026-11-21T00:00:00Z", 8, 1),
        ("2026-11-22T00:00:00Z", 8, 2),
    ]
    hours = data(sandbox.get(f"{USAGE}/timeseries", bucket="hour", **span))["items"]
    assert [hour["bucket_start"] for hour in hours] == ["2026-11-21T12:00:00Z", "2026-11-22T12:00:00Z"]
    assert [each["credits"] for each in data(sandbox.get(f"{USAGE}/endpoints", **span))["items"]] == [8, 8]
    overview = data(sandbox.get(f"{USAGE}/overview"))
    assert (overview["range"], overview["usage"]["credits"], overview["billing"]["credits_used"]) == ("period", 8, 8)


def test_lists_leave_out_repeat_and_clip_what_they_are_told_to_and_totals_do_not() -> None:
    sandbox = two_months()
    log = sandbox.sandbox.event_log("crawlora")
    first, second, third, last = (event.request_id for event in sandbox.sandbox.events("crawlora"))
    log.unlist(first)
    log.list_twice(second)
    assert [event["request_id"] for event in data(sandbox.get(C_EVENTS))] == [last, third, second, second]
    log.most_listed = 2
    assert [event["request_id"] for event in data(sandbox.get(C_EVENTS))] == [last, third]
    assert data(sandbox.get(f"{PERIODS}/2026-11-14"))["credits_used"] == 16


@pytest.mark.parametrize(
    ("question", "places"),
    [({"limit": 2}, [3, 2]), ({"event_status": "charged"}, [3, 1, 0]), ({"billable": "false"}, [2])],
)
def test_events_can_be_chosen(question: dict[str, Any], places: list[int]) -> None:
    sandbox = two_months()
    ids = [event.request_id for event in sandbox.sandbox.events("crawlora")]
    found = data(sandbox.get(C_EVENTS, **question))
    assert [event["request_id"] for event in found] == [ids[place] for place in places]


@pytest.mark.parametrize(
    ("path", "params", "fault"),
    [
        (f"{PERIODS}/2026-10-14", {}, "period_key"),
        (f"{PERIODS}/nonsense/statement", {}, "period_key"),
        (f"{USAGE}/timeseries", {"range": "custom"}, "from"),
        (f"{USAGE}/timeseries", {"bucket": "week"}, "bucket"),
        (C_EVENTS, {"event_status": "paid"}, "event_status"),
        (PERIODS, {"limit": "all"}, "limit"),
    ],
)
def test_a_wrong_question_is_refused(path: str, params: dict[str, str], fault: str) -> None:
    reply = two_months().get(path, **params)
    assert (reply.status, reply.body["msg"]) == (400, f"Invalid input: {fault}")


@pytest.mark.parametrize("path", [PERIODS, f"{PERIODS}/2026-12-14/statement", f"{USAGE}/overview"])
def test_another_key_reads_none_of_it(path: str) -> None:
    sandbox = two_months()
    reply = sandbox.visit(lambda visitor: visitor.get(path, headers={"x-api-key": "another"}))
    assert (reply.status, reply.body["data"]) == (401, None)
