"""Nights that were missed, and the worst of exit codes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scraper.core.status import NightStart, is_stopped, missed_nights, next_night, usual, worst_code
from tests.examples import examples

FIRST = datetime(2026, 11, 21, 2, tzinfo=UTC)
DAY, HOUR = timedelta(days=1), timedelta(hours=1)


def starts(*nights: int, late: timedelta = timedelta(0), period: timedelta = DAY) -> list[NightStart]:
    """Runs of these nights, given the first one first."""
    return [NightStart(FIRST + n * period, FIRST + n * period + late, period) for n in reversed(nights)]


@pytest.mark.parametrize(
    ("late", "at", "missed"),
    [
        (timedelta(0), DAY - HOUR, 0),
        (timedelta(0), DAY + 2 * HOUR, 0),
        (timedelta(0), DAY + 3 * HOUR, 1),
        (timedelta(0), 3 * DAY, 2),
        (5 * HOUR, DAY + 7 * HOUR, 0),
        (5 * HOUR, DAY + 8 * HOUR, 1),
        (23 * HOUR, 2 * DAY - HOUR, 0),
        (23 * HOUR, 2 * DAY, 1),
        (-HOUR, DAY + 3 * HOUR, 1),
    ],
)  # fmt: skip
def test_a_night_is_missed_an_eighth_of_its_period_after_runs_usually_begin_or_when_the_next_begins(
    late: timedelta, at: timedelta, missed: int
) -> None:
    assert missed_nights(starts(0, late=late), FIRST + at) == [FIRST + n * DAY for n in range(1, missed + 1)]


def test_one_run_that_began_late_does_not_move_the_time_at_which_a_night_is_missed() -> None:
    known = starts(0, 1, 2)
    known[0] = NightStart(known[0].night_at, known[0].night_at + 20 * HOUR, DAY)
    assert missed_nights(known, FIRST + 3 * DAY + 3 * HOUR) == [FIRST + 3 * DAY]


def test_nights_between_two_runs_were_missed_and_two_runs_of_one_night_hide_none() -> None:
    assert missed_nights(starts(0, 1, 1, 4), FIRST + 4 * DAY) == [FIRST + 2 * DAY, FIRST + 3 * DAY]


def test_a_job_that_is_repeated_more_often_now_missed_no_night_before() -> None:
    hourly = NightStart(FIRST + DAY, FIRST + DAY, HOUR)
    assert missed_nights([hourly, *starts(0)], FIRST + DAY) == []


def test_a_run_under_a_clock_that_was_ahead_misses_nothing() -> None:
    assert missed_nights(starts(9), FIRST) == []
    assert missed_nights([], FIRST) == []


@examples(50)
@given(st.sets(st.integers(0, 40), min_size=1), st.integers(0, 41 * 24))
def test_every_night_that_is_over_has_a_run_or_was_missed(ran: set[int], hours: int) -> None:
    ran = {night for night in ran if night * 24 <= hours} or {0}
    now = FIRST + hours * HOUR
    missed = {(at - FIRST) // DAY for at in missed_nights(starts(*sorted(ran)), now)}
    over = set(range(min(ran), hours // 24))
    assert missed.isdisjoint(ran)
    assert over <= missed | ran
    assert all(FIRST + night * DAY <= now for night in missed)


def test_the_next_night_is_the_one_that_has_no_run_yet() -> None:
    (last,) = starts(0)
    assert next_night(last, FIRST + HOUR) == FIRST + DAY
    assert next_night(last, FIRST + DAY + HOUR) == FIRST + DAY
    assert next_night(last, FIRST + 5 * DAY + HOUR) == FIRST + 5 * DAY


def test_the_worst_code_is_what_will_be_as_bad_tomorrow() -> None:
    assert [worst_code(codes) for codes in ([], [0, 3], [3, 7], [7, 130], [130, 6], [6, 4], [4, 5], [5, 1])] == [
        0, 3, 7, 130, 6, 4, 5, 1,
    ]  # fmt: skip
    assert worst_code([0, 99, 5]) == 99


def test_a_job_is_given_up_after_a_month_and_three_periods_and_a_one_off_job_after_a_week() -> None:
    assert not is_stopped(DAY, FIRST, FIRST + 31 * DAY)
    assert is_stopped(DAY, FIRST, FIRST + 32 * DAY)
    assert not is_stopped(30 * DAY, FIRST, FIRST + 90 * DAY)
    assert is_stopped(None, FIRST, FIRST + 8 * DAY)
    assert not is_stopped(None, FIRST, FIRST + 7 * DAY)


def test_the_usual_is_the_median_in_whole_units() -> None:
    assert (usual([]), usual([7]), usual([1, 100, 3]), usual([1, 2])) == (None, 7, 3, 2)
