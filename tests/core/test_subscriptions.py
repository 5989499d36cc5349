"""Days, months and limits of an account."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scraper.core.subscriptions import Subscription, day_ends_at, day_of, month_ends_at, month_of
from tests.core.builders import CATALOGUE

MOMENTS = st.datetimes(datetime(2020, 1, 1), datetime(2035, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001


def test_the_plans_are_those_that_the_vendor_documents() -> None:
    plans = {
        plan.name: (
            plan.usd_per_month,
            plan.credits_per_month,
            plan.credits_per_day,
            plan.requests_per_minute,
            plan.overage_usd_per_1000,
        )
        for plan in CATALOGUE.vendors["crawlora"].plans
    }
    assert plans == {
        "free": (Decimal(0), 2_000, 500, 5, None),
        "starter": (Decimal(9), 20_000, 5_000, 15, Decimal("0.75")),
        "growth": (Decimal(29), 100_000, 25_000, 45, Decimal("0.45")),
        "pro": (Decimal(79), 400_000, None, 120, Decimal("0.30")),
        "business": (Decimal(199), 1_200_000, None, 300, Decimal("0.20")),
        "enterprise": (Decimal(499), 5_000_000, None, 1_000, Decimal("0.12")),
    }


def test_a_vendor_that_publishes_no_plan_has_one_whose_figures_are_labelled_assumed() -> None:
    (plan,) = CATALOGUE.vendors["keyapi"].plans
    assert plan == Subscription(
        "unpublished", requests_per_second=1, assumed=("requests_per_second", "credits_per_month")
    )


@pytest.mark.parametrize(
    ("dollars", "price", "limit"),
    [("5.00", "0.75", 26_666), ("0", "0.75", 20_000), ("0.07", "0.07", 21_000), ("5", "0", 20_000)],
)
def test_overage_buys_whole_credits_and_never_more_dollars(dollars: str, price: str, limit: int) -> None:
    subscription = Subscription(
        "starter",
        credits_per_month=20_000,
        overage=True,
        max_overage_usd=Decimal(dollars),
        overage_usd_per_1000=Decimal(price),
    )
    assert subscription.month_limit == limit


def test_the_month_has_no_overage_unless_it_was_asked_for_and_bounded() -> None:
    price = Decimal("0.75")
    asked = Subscription("s", credits_per_month=100, overage=True, overage_usd_per_1000=price)
    silent = Subscription("s", credits_per_month=100, max_overage_usd=Decimal(9), overage_usd_per_1000=price)
    assert (asked.month_limit, silent.month_limit, Subscription("s", overage=True).month_limit) == (100, 100, None)


def test_the_tighter_rate_counts() -> None:
    assert Subscription("s", requests_per_minute=90, requests_per_second=2).starts_per_second == 1.5
    assert Subscription("s", requests_per_minute=300, requests_per_second=2).starts_per_second == 2.0
    assert Subscription("s").starts_per_second is None


def test_a_day_is_a_utc_day_wherever_the_clock_stands() -> None:
    tokyo = datetime(2026, 11, 22, 8, 59, tzinfo=timezone(timedelta(hours=9)))
    assert (day_of(tokyo), day_ends_at(tokyo)) == ("2026-11-21", datetime(2026, 11, 22, tzinfo=UTC))


@pytest.mark.parametrize(
    ("moment", "starts_on", "month", "ends"),
    [
        (datetime(2026, 11, 21, tzinfo=UTC), 1, "2026-11-01", datetime(2026, 12, 1, tzinfo=UTC)),
        (datetime(2026, 11, 21, tzinfo=UTC), 21, "2026-11-21", datetime(2026, 12, 21, tzinfo=UTC)),
        (datetime(2026, 11, 20, 23, 59, tzinfo=UTC), 21, "2026-10-21", datetime(2026, 11, 21, tzinfo=UTC)),
        (datetime(2027, 1, 5, tzinfo=UTC), 14, "2026-12-14", datetime(2027, 1, 14, tzinfo=UTC)),
        (datetime(2026, 12, 31, tzinfo=UTC), 31, "2026-12-31", datetime(2027, 1, 31, tzinfo=UTC)),
        (datetime(2027, 2, 28, tzinfo=UTC), 31, "2027-02-28", datetime(2027, 3, 31, tzinfo=UTC)),
        (datetime(2027, 3, 30, tzinfo=UTC), 31, "2027-02-28", datetime(2027, 3, 31, tzinfo=UTC)),
        (datetime(2028, 2, 29, 6, tzinfo=UTC), 30, "2028-02-29", datetime(2028, 3, 30, tzinfo=UTC)),
    ],
)
def test_a_billing_month_begins_on_its_day_or_the_last_of_a_shorter_month(
    moment: datetime, starts_on: int, month: str, ends: datetime
) -> None:
    assert (month_of(moment, starts_on), month_ends_at(moment, starts_on)) == (month, ends)


@given(MOMENTS, st.integers(1, 31))
def test_months_follow_each_other_without_a_gap(moment: datetime, starts_on: int) -> None:
    begins = datetime.fromisoformat(month_of(moment, starts_on)).replace(tzinfo=UTC)
    ends = month_ends_at(moment, starts_on)
    assert begins <= moment < ends
    assert month_of(ends - timedelta(microseconds=1), starts_on) == month_of(moment, starts_on)
    assert month_of(ends, starts_on) == ends.date().isoformat()
