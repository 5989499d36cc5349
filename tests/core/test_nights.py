"""Which night a start belongs to: one for each firing of a timer, at any hour, with any jitter below a quarter hour."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scraper.core.nights import DAY, Every, LastRun, Night, night_of
from tests.examples import examples

MIDNIGHT = datetime(2026, 11, 2, tzinfo=UTC)
JITTER_S = 90.0


def at(day: int, clock: str) -> datetime:
    hours, minutes, *seconds = (int(each) for each in clock.split(":"))
    return MIDNIGHT + timedelta(days=day, hours=hours, minutes=minutes, seconds=sum(seconds))


def nights(every: Every, starts: Sequence[datetime]) -> Iterator[Night]:
    """The nights of these starts, each of which begins a run where its night has none."""
    last: LastRun | None = None
    for start in starts:
        night = night_of(every, start, last)
        if not night.has_run:
            last = LastRun(night.begins_at, start)
        yield night


@st.composite
def timers(draw: st.DrawFn) -> tuple[Every, list[datetime]]:
    """A timer that fires once a period at some hour, after a run by hand or none."""
    period = draw(st.sampled_from([timedelta(hours=1), timedelta(hours=6), DAY, 7 * DAY]))
    seconds = period.total_seconds()
    edges = [0.0, seconds / 8, seconds / 4, seconds / 2, seconds * 3 / 4, seconds * 7 / 8, seconds - 900, seconds - 1]
    hour_s = draw(st.sampled_from(edges) | st.floats(0, seconds))
    jitter = st.floats(-JITTER_S, JITTER_S)
    firings = [
        MIDNIGHT + number * period + timedelta(seconds=hour_s + late)
        for number, late in enumerate(draw(st.lists(jitter, min_size=3, max_size=8)), start=1)
    ]
    by_hand = draw(st.none() | st.floats(0, seconds).map(lambda late: MIDNIGHT + timedelta(seconds=late)))
    starts_at = draw(st.none() | st.sampled_from([timedelta(0), timedelta(minutes=30)]))
    starts = ([] if by_hand is None else [by_hand]) + firings
    return Every(period, "some time", starts_at), sorted(starts)


@examples(150)
@given(timers())
def test_a_timer_gets_a_night_of_its_own_each_time_it_fires(timer: tuple[Every, list[datetime]]) -> None:
    """But for its first firing, where a run by hand may have been that night's."""
    every, starts = timer
    met = list(nights(every, starts))
    assert [night.has_run for night in met[2:]] == [False] * len(met[2:])
    begun = [night.begins_at for night in met if not night.has_run]
    assert begun == sorted(set(begun)), "no night has two"


@pytest.mark.parametrize("starts_at", [None, timedelta(hours=3)])
def test_retries_of_a_night_find_its_run_and_a_missed_night_has_none(starts_at: timedelta | None) -> None:
    fired = [at(day, "03:00") for day in (0, 1, 4, 5)]
    late = [timedelta(0), *(timedelta(hours=hours) for hours in (1, 6, 12, 18, 20))]
    met = list(nights(Every(DAY, "day", starts_at), [start + each for start in fired for each in late]))
    assert [night.has_run for night in met] == [False, True, True, True, True, True] * 4
    assert [night.begins_at for night in met[::6]] == fired


@pytest.mark.parametrize(
    ("last", "start", "begins"),
    [
        ((0, "02:00"), (0, "22:30"), (0, "02:00")),
        ((0, "12:00"), (1, "01:44"), (0, "02:00")),
        ((0, "12:00"), (1, "01:46"), (1, "02:00")),
        ((0, "02:00"), (1, "01:46"), (1, "02:00")),
        ((0, "02:00"), (1, "01:00"), (1, "02:00")),  # daylight saving: the timer's own hour has moved
        ((0, "14:00"), (1, "01:00"), (0, "02:00")),
        ((0, "14:00"), (1, "01:59"), (1, "02:00")),
        ((0, "01:50"), (0, "01:55"), (0, "02:00")),
        (None, (0, "01:58"), (0, "02:00")),
        (None, (0, "01:00"), (-1, "02:00")),
    ],
)
def test_a_start_a_little_before_the_hour_is_for_the_night_to_come(
    last: tuple[int, str] | None, start: tuple[int, str], begins: tuple[int, str]
) -> None:
    every = Every(DAY, "day", timedelta(hours=2))
    before = None if last is None else LastRun(next(nights(every, [at(*last)])).begins_at, at(*last))
    assert night_of(every, at(*start), before).begins_at == at(*begins)


def test_a_run_under_a_clock_that_was_far_ahead_keeps_no_night_from_its_run() -> None:
    every = Every(DAY, "day", timedelta(hours=2))
    ahead = LastRun(at(400, "02:00"), at(400, "02:00"))
    assert night_of(every, at(0, "02:00"), ahead) == Night(at(0, "02:00"), has_run=False, ends_at=at(1, "02:00"))


def test_without_starts_at_nights_begin_when_the_first_run_did() -> None:
    starts = [at(0, "04:35"), at(1, "04:36"), at(2, "04:34"), at(3, "09:00"), at(4, "04:35")]
    met = [night.begins_at for night in nights(Every(DAY, "day"), starts)]
    assert met == [at(day, "04:35") for day in range(5)]


def test_weeks_begin_on_monday() -> None:
    every = Every(7 * DAY, "week", timedelta(hours=2))
    assert night_of(every, at(4, "12:00"), None).begins_at == at(0, "02:00")
    assert at(0, "02:00").weekday() == 0
