"""Requests dated after now: which explanation fits, and a sentence with dates that says what to do."""

from __future__ import annotations

from datetime import timedelta

import pytest

from scraper.core.clock_gap import ClockFault, ClockGap
from tests.core.builders import NOON

DAY = timedelta(days=1)
MINUTE = timedelta(minutes=1)


def gap(first: timedelta, last: timedelta, before: timedelta | None = DAY, attempts: int = 12) -> ClockGap:
    """Requests from `first` to `last` after now; the newest other one `before` now."""
    return ClockGap(
        "crawlora/default", NOON, attempts, NOON + first, NOON + last, None if before is None else NOON - before
    )


@pytest.mark.parametrize(
    ("met", "fault"),
    [
        (gap(400 * DAY, 400 * DAY + 5 * MINUTE), ClockFault.WAS_AHEAD),
        (gap(2 * DAY, 2 * DAY), ClockFault.WAS_AHEAD),
        (gap(10 * MINUTE, 8 * DAY), ClockFault.WENT_BACK),
        (gap(10 * MINUTE, 55 * MINUTE), ClockFault.WENT_BACK),
        (gap(55 * MINUTE, 60 * MINUTE), ClockFault.UNCLEAR),
        (gap(400 * DAY, 400 * DAY, before=None), ClockFault.UNCLEAR),
    ],
)
def test_a_clock_that_was_ahead_is_told_from_one_that_went_back(met: ClockGap, fault: ClockFault) -> None:
    assert met.fault is fault


def test_the_sentence_has_both_dates_and_what_to_do() -> None:
    says = "the clock says 2026-11-21 12:00 UTC, and its last request is dated"
    assert gap(400 * DAY, 400 * DAY).words == (
        f"{says} 2027-12-26 12:00 UTC: the clock was about 400 days ahead when the last 12 requests were sent; if it "
        "is right now, scraper account crawlora/default --lift makes the account usable again"
    )
    assert gap(MINUTE, 8 * DAY).words == (
        f"{says} 2026-11-29 12:00 UTC: the clock has gone back by about 8 days; set the clock right (if it is right, "
        "scraper account crawlora/default --lift)"
    )
    assert gap(60 * MINUTE, 90 * MINUTE, None).words == (
        f"{says} 2026-11-21 13:30 UTC: either the clock is 90 minutes behind (set the clock right), or it was ahead "
        "then (scraper account crawlora/default --lift)"
    )
