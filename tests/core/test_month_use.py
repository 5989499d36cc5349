"""An account's month: thresholds, and the day on which it is dry at its pace."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scraper.core.month_use import dry_on, month_warning
from scraper.core.subscriptions import Subscription, month_ends_at
from tests.examples import examples

PLAN = Subscription("starter", credits_per_month=20_000)
NOON = datetime(2026, 11, 16, 12, tzinfo=UTC)
"""The middle of a month of 30 days is the 16th at midnight."""


@pytest.mark.parametrize(
    ("used", "sentence"),
    [
        (0, None),
        (3_999, None),
        (10_000, None),
        (13_778, "13,778 of the month's 20,000 credits are used (68 %): at this pace they run out on 2026-11-23"),
        (16_000, "16,000 of the month's 20,000 credits are used (80 %): at this pace they run out on 2026-11-20"),
        (19_000, "19,000 of the month's 20,000 credits are used (95 %): at this pace they run out on 2026-11-17"),
    ],
)
def test_a_month_is_warned_of_at_its_thresholds_and_where_its_pace_outruns_it(used: int, sentence: str | None) -> None:
    expected = None if sentence is None else f"crawlora: {sentence}, and are renewed on 2026-12-01"
    assert month_warning("crawlora", PLAN, used, NOON) == expected


@pytest.mark.parametrize("used", [20_000, 20_008])
def test_a_month_that_is_used_up_says_when_it_is_renewed(used: int) -> None:
    told = month_warning("crawlora", PLAN, used, NOON)
    assert told == f"crawlora: {used:,} of the month's 20,000 credits are used (100 %); they are renewed on 2026-12-01"


def test_at_its_end_a_month_that_lasts_is_told_of_by_its_share_alone() -> None:
    last = datetime(2026, 11, 30, 2, 15, tzinfo=UTC)
    assert month_warning("crawlora", PLAN, 19_200, last) == (
        "crawlora: 19,200 of the month's 20,000 credits are used (96 %); they are renewed on 2026-12-01"
    )


def test_a_first_day_says_nothing_of_a_pace() -> None:
    assert month_warning("crawlora", PLAN, 6_000, datetime(2026, 11, 1, 23, tzinfo=UTC)) is None
    assert month_warning("crawlora", PLAN, 6_000, datetime(2026, 11, 3, 23, tzinfo=UTC)) is not None


@pytest.mark.parametrize("limit", [None, 0])
def test_a_month_without_a_limit_is_never_warned_of(limit: int | None) -> None:
    assert month_warning("keyapi", Subscription("assumed", credits_per_month=limit), 10**9, NOON) is None


@given(
    st.integers(1, 10**9),
    st.floats(0, 1.2),
    st.integers(1, 31),
    st.integers(0, 3 * 365 * 24).map(lambda hours: datetime(2026, 1, 1, tzinfo=UTC) + timedelta(hours=hours)),
)
@examples(100)
def test_a_month_is_dry_after_now_and_before_it_is_renewed(
    limit: int, share: float, starts_on: int, now: datetime
) -> None:
    plan = Subscription("any", credits_per_month=limit, month_starts_on=starts_on)
    dry_at = dry_on(plan, int(limit * share), now)
    assert dry_at is None or now <= dry_at < month_ends_at(now, starts_on)


@given(st.integers(1, 29), st.integers(100, 10**6))
@examples(50)
def test_who_spends_as_much_each_day_as_the_month_allows_is_not_warned_of_a_pace(days: int, limit: int) -> None:
    now = datetime(2026, 11, 1, tzinfo=UTC) + timedelta(days=days)
    assert dry_on(Subscription("even", credits_per_month=limit), limit * days // 30, now) is None
