"""Nights: the period that a run of a repeated job belongs to, independent of the exact second of its start.

Nights begin on a grid: at `starts_at` (on a Monday, for periods of days) and every period after it; without
`starts_at`, at the instant at which the job's first run began. A start belongs to the night that has begun, except
for starts that come early:

- A timer fires a little before the hour as often as after it. So the last moments of a night (`SOON`) count for the
  coming night, unless this night's run has just begun, or would otherwise be missed.
- A timer that is set to some other hour than the grid's fires once a period all the same. So where the last run began
  about a period ago (up to `EARLY` less), the coming night is meant if it is near.

Either way a timer that fires once a period gets one run each time, at any hour and with any jitter below `SOON`, and
retries of the same night find its run. A clock that was far ahead for one run does not matter after it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

_MONDAY = datetime(1970, 1, 5, tzinfo=UTC)
_SOON = timedelta(minutes=15)
_SOON_PARTS = 24
_EARLY_PARTS = 8
DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Every:
    """The period at which a job is repeated."""

    period: timedelta
    words: str
    """The period in the job's words: ``day``, ``6h``."""
    starts_at: timedelta | None = None
    """Time of day, UTC, at which a night begins; ``None``: when the job's first run began."""

    @property
    def period_s(self) -> int:
        """The period in whole seconds; no job can state less."""
        return self.period // timedelta(seconds=1)

    @property
    def soon(self) -> timedelta:
        """The end of a night that counts for the coming one: a 24th of the period, at most a quarter of an hour."""
        return min(self.period / _SOON_PARTS, _SOON)

    @property
    def early(self) -> timedelta:
        """The most by which the time from one start of a timer to the next may fall short of a period."""
        return self.period / _EARLY_PARTS


@dataclass(frozen=True, slots=True)
class LastRun:
    """The job's last run."""

    night: datetime
    """The beginning of its night."""
    began_at: datetime


@dataclass(frozen=True, slots=True)
class Night:
    """The night that a start belongs to."""

    begins_at: datetime
    has_run: bool
    """True if the job's last run belongs to it."""
    ends_at: datetime


def night_of(every: Every, now: datetime, last: LastRun | None) -> Night:
    """Return the night of a start at this instant. `last`: the job's last run, by whatever clock."""
    first = last.night if last is not None else now
    anchor = first if every.starts_at is None else _MONDAY + every.starts_at
    present = _grid(anchor, every.period, now)
    begins_at = present
    its_night = None if last is None else _grid(anchor, every.period, last.night)
    if its_night is not None and its_night > present + every.period:
        last, its_night = None, None  # it began under a clock that was ahead
    if _is_for_the_coming(every, now, present, last, its_night):
        begins_at = present + every.period
    return Night(begins_at, its_night == begins_at, begins_at + every.period)


def _grid(anchor: datetime, period: timedelta, at: datetime) -> datetime:
    return anchor + (at - anchor) // period * period


def _is_for_the_coming(
    every: Every, now: datetime, present: datetime, last: LastRun | None, its_night: datetime | None
) -> bool:
    """Return whether a start counts for the night after the one that has begun."""
    period = every.period
    until = present + period - now
    if last is None or its_night is None:
        return every.starts_at is not None and until <= every.soon
    since = now - last.began_at
    if its_night > present:
        return True
    if its_night == present:
        near = every.early * (2 if last.began_at < its_night else 1)
        return (until <= every.soon and since > every.soon) or (until <= near and since >= period - every.early)
    expected = its_night + round(since / period) * period
    return until <= every.soon and expected != present
