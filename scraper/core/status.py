"""Judgement of nights: those that were missed, the worst one, and the usual figures of a job."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from statistics import median
from typing import Final

MISSED: Final = 6
"""Exit code of a night without a run: expected rows are missing."""

COMPARED_NIGHTS: Final = 7
"""Earlier nights that define the usual figures: a week of a nightly job."""

STOPPED_AFTER: Final = timedelta(days=31)
"""A repeated job without a run for this long, and for three of its periods, is given up: no more nights are missed."""
_STOPPED_PERIODS: Final = 3

ONE_OFF_TOLD_FOR: Final = timedelta(days=7)
"""Time for which a one-off job is listed after its last run."""

_GRACE_PARTS: Final = 8
_ORDER: Final = (0, 3, 7, 130, 6, 4, 5, 1)


@dataclass(frozen=True, slots=True)
class NightStart:
    """A run of a repeated job: the beginning of its night, and its own."""

    night_at: datetime
    began_at: datetime
    period: timedelta


def worst_code(codes: Iterable[int]) -> int:
    """Return the worst of exit codes: 1 · 5 · 4 · 6 · 130 · 7 · 3 · 0.

    The worst ones do not improve by themselves: a bug, a disk, a key. A night that failed or was missed
    comes next, then one that was cut off, then one that waits for credits; 3 and 0 are good nights.
    """
    return max(codes, key=badness, default=0)


def badness(code: int) -> int:
    """Return the place of an exit code in that order, the best first."""
    return _ORDER.index(code) if code in _ORDER else len(_ORDER)


def is_stopped(period: timedelta | None, last_active_at: datetime, now: datetime) -> bool:
    """Return whether a job is no longer reported because its last run is long ago."""
    if period is None:
        return now - last_active_at > ONE_OFF_TOLD_FOR
    return now - last_active_at > max(STOPPED_AFTER, _STOPPED_PERIODS * period)


def missed_nights(starts: Sequence[NightStart], now: datetime) -> list[datetime]:
    """Return the beginnings of the nights without a run between and after these runs, the last run first.

    A night is missed an eighth of its period after the time at which the job's runs usually begin, and at the latest
    when the next night begins; a run that starts later than that makes it no longer missed.
    """
    if not starts:
        return []
    return [*_between(starts), *_since(starts, now)]


def _between(starts: Sequence[NightStart]) -> Iterator[datetime]:
    for later, earlier in reversed(list(pairwise(starts))):
        yield from nights_between(earlier, later)


def nights_between(earlier: NightStart, later: NightStart) -> list[datetime]:
    """Return the beginnings of the nights without a run between two runs that follow each other."""
    period = max(later.period, earlier.period)  # of a job whose period was changed
    passed = (later.night_at - earlier.night_at) // period
    return [earlier.night_at + number * period for number in range(1, passed)]


def _since(starts: Sequence[NightStart], now: datetime) -> Iterator[datetime]:
    last = starts[0]
    period = last.period
    usual_s = median((start.began_at - start.night_at).total_seconds() for start in starts[:COMPARED_NIGHTS])
    due_after = min(timedelta(seconds=max(0.0, usual_s)) + period / _GRACE_PARTS, period)
    passed = (now - last.night_at - due_after) // period
    yield from (last.night_at + number * period for number in range(1, passed + 1))


def next_night(last: NightStart, now: datetime) -> datetime:
    """Return the beginning of the first night after the last run's that is not over yet."""
    passed = max(1, (now - last.night_at) // last.period)
    return last.night_at + passed * last.period


def usual(amounts: Sequence[int]) -> int | None:
    """Return the median of earlier nights, in whole units; ``None`` without any."""
    return round(median(amounts)) if amounts else None
