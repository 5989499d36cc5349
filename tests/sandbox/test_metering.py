"""What an account is charged, and when it turns a request away."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scraper.core.subscriptions import Subscription, day_of, month_of
from scraper.sandbox.metering import Hold, Limit, Meter, Rejected
from tests.sandbox.visits import NOON


def account(cost: int = 8, **limits: object) -> Meter:
    return Meter("crawlora", Subscription("test", **limits), cost)  # type: ignore[arg-type]


def buy(one: Meter, at: datetime) -> Limit | None:
    """A request that succeeds if it is let in; else the limit that turned it away."""
    hold = one.admit(at)
    if isinstance(hold, Rejected):
        return hold.limit
    one.settle(hold, charged=True)
    return None


def turned_away(one: Meter, at: datetime) -> Rejected:
    met = one.admit(at)
    assert isinstance(met, Rejected)
    return met


def test_a_success_is_charged_and_a_failure_is_free() -> None:
    one = account()
    for charged in (True, False, True):
        hold = one.admit(NOON)
        assert isinstance(hold, Hold)
        one.settle(hold, charged=charged)
    page = one.page(NOON)
    assert (page["credits_charged"], page["charged_requests"]) == (16, 2)


def test_the_minute_slides() -> None:
    one = account(requests_per_minute=2)
    assert [buy(one, NOON + timedelta(seconds=s)) for s in (0, 50)] == [None, None]
    assert buy(one, NOON + timedelta(seconds=60)) is None, "the first has just left the window"
    assert buy(one, NOON + timedelta(seconds=61)) is Limit.MINUTE


def test_a_request_that_was_turned_away_counts_in_the_window_as_well() -> None:
    one = account(requests_per_minute=1)
    assert [buy(one, NOON + timedelta(seconds=s)) for s in (0, 59, 60)] == [None, Limit.MINUTE, Limit.MINUTE]
    assert one.page(NOON)["most_starts_in_a_minute"] == 2


def test_the_wait_is_said_in_whole_seconds_rounded_up() -> None:
    one = account(requests_per_minute=2)
    for second in (0.0, 10.0):
        buy(one, NOON + timedelta(seconds=second))
    met = turned_away(one, NOON + timedelta(seconds=20.5))
    assert (met.limit, met.resets_at, met.wait_s) == (Limit.MINUTE, NOON + timedelta(seconds=70), 50)


def test_requests_a_second_are_limited_too() -> None:
    one = account(requests_per_second=2)
    assert [buy(one, NOON + timedelta(seconds=s)) for s in (0, 0.5, 0.9, 2)] == [None, None, Limit.SECOND, None]


def test_starts_left_speaks_of_the_second_where_the_plan_has_one_else_of_the_minute() -> None:
    by_second = account(requests_per_second=3, requests_per_minute=100)
    by_minute, open_end = account(requests_per_minute=5), account()
    for one in (by_second, by_minute, open_end):
        buy(one, NOON)
    assert [one.starts_left(NOON) for one in (by_second, by_minute, open_end)] == [2, 4, None]
    assert by_second.starts_left(NOON + timedelta(seconds=1)) == 3


def test_the_day_turns_at_midnight_utc() -> None:
    one = account(credits_per_day=16)
    late = datetime(2026, 11, 21, 23, 59, 59, tzinfo=UTC)
    assert [buy(one, late), buy(one, late)] == [None, None]
    met = turned_away(one, late)
    assert (met.limit, met.wait_s, met.used_today) == (Limit.DAY, 1, 16)
    assert buy(one, met.resets_at) is None
    page = one.page(met.resets_at)
    assert (page["credits_charged"], page["credits_today"], page["credits_this_month"]) == (24, 8, 24)


def test_the_month_turns_on_its_own_day() -> None:
    one = account(credits_per_month=20, month_starts_on=14)
    before = datetime(2026, 11, 13, 22, tzinfo=UTC)
    assert [buy(one, before), buy(one, before)] == [None, None]
    met = turned_away(one, before)
    assert (met.limit, met.resets_at, met.wait_s) == (Limit.MONTH, datetime(2026, 11, 14, tzinfo=UTC), 7200)
    assert buy(one, met.resets_at) is None
    assert one.page(met.resets_at)["credits_this_month"] == 8


@pytest.mark.parametrize(("allowed", "requests"), [(True, 5), (False, 2)])
def test_overage_is_bought_up_to_its_dollars_and_only_if_allowed(*, allowed: bool, requests: int) -> None:
    one = account(
        credits_per_month=16,
        overage=allowed,
        overage_usd_per_1000=Decimal("0.75"),
        max_overage_usd=Decimal("0.02"),  # buys 26 credits: three more requests
    )
    met = [buy(one, NOON) for _ in range(6)]
    assert met == [None] * requests + [Limit.MONTH] * (6 - requests)


def test_requests_side_by_side_cannot_pass_a_limit() -> None:
    one = account(credits_per_day=16)
    holds = [one.admit(NOON) for _ in range(3)]
    assert [type(hold) for hold in holds] == [Hold, Hold, Rejected]
    assert one.page(NOON)["credits_today"] == 0, "nothing is charged before it is answered"
    assert isinstance(holds[0], Hold)
    one.settle(holds[0], charged=False)
    assert isinstance(one.admit(NOON), Hold), "a failed request's credits are free again"


def test_a_request_over_midnight_is_booked_on_the_day_of_its_arrival() -> None:
    one = account()
    hold = one.admit(datetime(2026, 11, 21, 23, 59, 59, tzinfo=UTC))
    assert isinstance(hold, Hold)
    one.settle(hold, charged=True)
    assert one.page(datetime(2026, 11, 22, tzinfo=UTC))["credits_today"] == 0


LIMITS = st.none() | st.integers(0, 60)


@given(
    month=LIMITS,
    day=LIMITS,
    minute=st.none() | st.integers(0, 6),
    steps=st.lists(st.tuples(st.floats(0, 200_000), st.sampled_from(("ok", "failed", "later"))), max_size=60),
)
def test_no_limit_is_ever_passed(
    month: int | None, day: int | None, minute: int | None, steps: list[tuple[float, str]]
) -> None:
    subscription = Subscription(
        "any", credits_per_month=month, credits_per_day=day, requests_per_minute=minute, month_starts_on=20
    )
    one, at = Meter("crawlora", subscription, 8), NOON
    open_holds: list[Hold] = []
    let_in: list[datetime] = []
    days: dict[str, int] = {}
    months: dict[str, int] = {}
    for gap_s, end in steps:
        at += timedelta(seconds=gap_s)
        met = one.admit(at)
        if isinstance(met, Rejected):
            continue
        let_in.append(at)
        if end == "later":
            open_holds.append(met)
        else:
            one.settle(met, charged=end == "ok")
        page = one.page(at)
        days[day_of(at)], months[month_of(at, 20)] = page["credits_today"], page["credits_this_month"]
    for hold in open_holds:
        one.settle(hold, charged=True)
        days[hold.day] = days.get(hold.day, 0) + hold.credits
        months[hold.month] = months.get(hold.month, 0) + hold.credits
    assert day is None or all(charged <= day for charged in days.values())
    assert month is None or all(charged <= month for charged in months.values())
    assert one.page(at)["credits_charged"] == 8 * one.page(at)["charged_requests"]
    for last in let_in:
        in_the_minute = sum(last - timedelta(seconds=60) < each <= last for each in let_in)
        assert minute is None or in_the_minute <= minute
