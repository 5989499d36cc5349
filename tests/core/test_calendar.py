"""Credits laid out over UTC days, under caps and at a rate."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from scraper.core.budget import Balance
from scraper.core.planning import AccountStanding, Day
from scraper.core.planning.calendar import LONGEST, Schedule, merged, overage_usd, schedule
from tests.core.builders import NOON, account


def laid_out(requests: int, cost: int = 8, standing: AccountStanding | None = None, **limits: Any) -> Schedule:
    return schedule(account(**limits), standing or AccountStanding(), requests, cost, NOON, 1.0)


def test_a_free_account_buys_whole_requests_under_its_cap_night_by_night() -> None:
    made = laid_out(150, credits_per_day=500, credits_per_month=2_000, requests_per_minute=5)
    assert made.days == (Day("2026-11-21", 496, 62), Day("2026-11-22", 496, 62), Day("2026-11-23", 208, 26))
    assert made.done_at == datetime(2026, 11, 23, 0, 5, 1, tzinfo=UTC)


def test_what_stands_against_the_day_and_the_month_is_not_bought_again() -> None:
    used = AccountStanding(day=Balance(charged=400), month=Balance(charged=1_900))
    made = laid_out(20, standing=used, credits_per_day=500, credits_per_month=2_000)
    assert made.days == (Day("2026-11-21", 96, 12), Day("2026-12-01", 64, 8))


def test_a_closed_account_begins_when_it_is_open_again() -> None:
    opens_at = datetime(2026, 11, 24, tzinfo=UTC)
    made = laid_out(1, standing=AccountStanding(day=Balance(charged=500), closed_until=opens_at), credits_per_day=500)
    assert (made.days, made.done_at) == ((Day("2026-11-24", 8, 1),), opens_at + timedelta(seconds=1))


def test_a_rate_may_be_what_fills_a_day() -> None:
    made = laid_out(1_000, requests_per_minute=1)
    assert [day.requests for day in made.days] == [721, 279]


def test_caps_that_hold_no_request_never_end() -> None:
    assert laid_out(1, credits_per_day=7) == Schedule((), None, 1)


def test_accounts_work_side_by_side() -> None:
    one, two = laid_out(150, credits_per_day=500), laid_out(10)
    both = merged([one, two])
    assert both.days[0] == Day("2026-11-21", 496 + 80, 72)
    assert both.done_at == one.done_at


def test_overage_is_what_these_credits_add_to_the_month() -> None:
    limits: dict[str, Any] = {"overage": True, "max_overage_usd": Decimal(5), "overage_usd_per_1000": Decimal("0.75")}
    bought = account(credits_per_month=800, **limits)
    assert overage_usd(bought, AccountStanding(), 1_000) == Decimal("0.15")
    assert overage_usd(bought, AccountStanding(month=Balance(charged=900)), 1_000) == Decimal("0.75")
    assert overage_usd(bought, AccountStanding(month=Balance(charged=900)), 1_000_000) == Decimal(5) - Decimal("0.0755")


CAPS = st.none() | st.integers(1, 300)


@settings(deadline=None)
@given(st.integers(0, 300), st.sampled_from([1, 2, 8]), CAPS, CAPS, st.none() | st.integers(1, 60), st.integers(1, 31))
def test_no_day_and_no_month_is_overdrawn_and_nothing_is_lost(
    requests: int, cost: int, per_day: int | None, per_month: int | None, per_minute: int | None, starts_on: int
) -> None:
    limits: dict[str, Any] = {
        "credits_per_day": per_day,
        "credits_per_month": per_month,
        "requests_per_minute": per_minute,
    }
    made = laid_out(requests, cost, month_starts_on=starts_on, **limits)
    assert all(day.credits == day.requests * cost > 0 for day in made.days)
    assert all(day.credits <= (per_day or day.credits) for day in made.days)
    bought = sum(day.requests for day in made.days)
    if made.done_at is None:
        assert made.days == () or datetime.fromisoformat(made.days[-1].day).replace(tzinfo=UTC) > NOON + LONGEST / 2
    else:
        assert bought == requests
    if per_month is not None and starts_on == 1:
        months = {day.day[:7] for day in made.days}
        assert all(sum(d.credits for d in made.days if d.day[:7] == month) <= per_month for month in months)
