"""Durations and periods of a job file, and keys of earlier versions."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

from scraper.core.errors import Fault
from scraper.core.nearest import nearest
from scraper.core.nights import DAY, Every
from scraper.io.config_files.validation import shortened

_DURATION = re.compile(r"([0-9]{1,12})\s*([smhd])")
_LONGEST = timedelta(days=36_500)
"""Longer than anyone needs, and still a valid date when subtracted from now."""
_UNITS_S = {"s": 1, "m": 60, "h": 3600, "d": 86400}

_NAMED = {"hour": timedelta(hours=1), "day": DAY, "week": 7 * DAY}
_SHORTEST_PERIOD, _LONGEST_PERIOD = timedelta(minutes=10), timedelta(days=366)
"""Jitter of a timer is a part of ten minutes; a job with a period longer than a year is a one-off job."""
_CLOCK = re.compile(r"([01]?[0-9]|2[0-3]):([0-5][0-9])")

_REMOVED = {
    "resume_within": "is no longer a key: leave it out. The open run of a one-off job continues until it is complete; "
    'for a repeated job, state how often, as in every = "day"'
}


def removed_keys(content: dict[str, Any], where: str) -> list[Fault]:
    """Take keys of earlier versions out of a job's content; return a fault for each that says what to write."""
    return [Fault(f"{where}: {key}", advice) for key, advice in _REMOVED.items() if content.pop(key, None) is not None]


def duration_of(text: str | None, where: str, faults: list[Fault]) -> timedelta | None:
    if text is None:
        return None
    found = _DURATION.fullmatch(text.strip())
    if found is None:
        faults.append(Fault(where, f'{shortened(text)!r} is not a duration like "90s", "30m", "20h" or "2d"'))
        return None
    seconds = int(found[1]) * _UNITS_S[found[2]]
    if seconds > _LONGEST.total_seconds():
        faults.append(Fault(where, f"{text!r} is longer than {_LONGEST.days} days"))
        return None
    return timedelta(seconds=seconds)


def every_of(every: str | None, starts_at: str | None, where: str, faults: list[Fault]) -> Every | None:
    """Return how often a job is repeated; ``None`` for a one-off job, or where a fault was added."""
    begins = time_of_day_of(starts_at, f"{where}: starts_at", faults)
    if every is None:
        if starts_at is not None:
            met = 'says when a night begins, and a one-off job has none: state every = "day" as well, or leave it out'
            faults.append(Fault(f"{where}: starts_at", met))
        return None
    period = period_of(every.strip(), f"{where}: every", faults)
    if period is None:
        return None
    if begins is not None and period % DAY and DAY % period:
        met = f"needs a period of whole days or an even part of a day, and {every!r} is neither"
        met = f"{met}: leave it out, or change every"
        faults.append(Fault(f"{where}: starts_at", met))
        return None
    return Every(period, every.strip(), begins)


def order_faults(order: str, max_staleness: timedelta | None, every: Every | None, where: str) -> list[Fault]:
    """Return the faults of `order` and `max_staleness` beside the job's other keys."""
    faults = []
    if order != "value" and every is None:
        met = f'"{order}" compares nights, and a one-off job has none: state every = "day", or leave it out'
        faults.append(Fault(f"{where}: order", met))
    if max_staleness is not None and order != "changes":
        met = 'goes with order = "changes"; any other order reads the stalest boards first by itself'
        faults.append(Fault(f"{where}: max_staleness", met))
    elif max_staleness is not None and every is not None and max_staleness < every.period:
        met = f'is shorter than every = "{every.words}", and no board is read more often than once a night'
        faults.append(Fault(f"{where}: max_staleness", met))
    return faults


def period_of(text: str, where: str, faults: list[Fault]) -> timedelta | None:
    """Return the period that `every` states; ``None`` where a fault was added."""
    if text in _NAMED:
        return _NAMED[text]
    found = _DURATION.fullmatch(text)
    if found is None:
        allowed = '"hour", "day", "week", "6h" or "2d"'
        faults.append(Fault(where, f"{shortened(text)!r} is not a period like {allowed}{nearest(text, _NAMED)}"))
        return None
    seconds = int(found[1]) * _UNITS_S[found[2]]
    if not _SHORTEST_PERIOD.total_seconds() <= seconds <= _LONGEST_PERIOD.total_seconds():
        faults.append(Fault(where, f"{text!r} is not between 10 minutes and {_LONGEST_PERIOD.days} days"))
        return None
    return timedelta(seconds=seconds)


def time_of_day_of(text: str | None, where: str, faults: list[Fault]) -> timedelta | None:
    """Return the time of day that `starts_at` states; ``None`` without one, or where a fault was added."""
    if text is None:
        return None
    found = _CLOCK.fullmatch(text.strip())
    if found is None:
        faults.append(Fault(where, f'{shortened(text)!r} is not a time of day (UTC) like "02:00"'))
        return None
    return timedelta(hours=int(found[1]), minutes=int(found[2]))
