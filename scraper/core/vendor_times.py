"""Times that a vendor states: waits, and renewals of a quota.

Their form is recognised by the value. A wait lasts a day at most: then one request tries. Otherwise a mistake (years
instead of seconds, an instant instead of a number of seconds) would lock an account for that long.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from scraper.core.bodies import Json

LONGEST_WAIT = timedelta(days=1)
"""Longest wait that a vendor can impose. Our choice: long enough for every daily quota, short enough to notice a
mistake."""
LONGEST_WAIT_S = LONGEST_WAIT.total_seconds()

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EVIDENT = timedelta(days=366)
"""A number that names an instant this close to now is one: as a number of seconds it would be 50 years."""
_PER_SECOND = (1, 1_000, 1_000_000)
"""Units of epoch numbers: seconds, milliseconds, microseconds."""
_LARGEST = 1e17
_NUMBER = re.compile(r"[0-9]{1,18}(?:\.[0-9]{1,9})?")
_EPOCH_TEXT = re.compile(r"[0-9]{10,18}(?:\.[0-9]{1,9})?")
"""Shorter ones may be dates: 20261122 is one in ISO 8601."""


def wait_of(value: Json, now: datetime) -> float | None:
    """Return seconds to wait, 0 to a day, from Retry-After or a similar field; ``None``: not understood.

    A number of seconds, an epoch number (RFC 9110 knows none, and vendors send them), or an HTTP date.
    """
    if isinstance(value, str):
        said = value.strip()
        if _NUMBER.fullmatch(said):
            return _wait_s(float(said), now)
        if said.isdecimal():
            return LONGEST_WAIT_S  # an absurdly large number
        return _until_http_date_s(said, now)
    if isinstance(value, (int, float)) and not isinstance(value, bool) and value >= 0:
        return _wait_s(float(min(value, _LARGEST)), now)
    return None


def instant_of(value: Json) -> datetime | None:
    """Parse an instant: ISO 8601, or seconds, milliseconds or microseconds since 1970, as a number or as text."""
    if isinstance(value, str):
        stripped = value.strip()
        if _EPOCH_TEXT.fullmatch(stripped):
            return _epoch_instant(float(stripped))
        try:
            moment = datetime.fromisoformat(stripped)
            return moment.replace(tzinfo=moment.tzinfo or UTC).astimezone(UTC)
        except (ValueError, OverflowError):
            return None
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return _epoch_instant(value)
    return None


def quota_end(stated: datetime | None, scope_ends_at: datetime, now: datetime) -> datetime:
    """Return the time at which an exhausted quota is tried again.

    `scope_ends_at`: the end of the day or the month that the refusal closes, by our own calendar. An earlier instant of
    the vendor's counts; a later one only within a day from now.
    """
    if stated is None or stated <= now:
        return scope_ends_at
    return min(stated, max(scope_ends_at, now + LONGEST_WAIT))


def _bounded_s(seconds: float) -> float:
    return min(max(0.0, seconds), LONGEST_WAIT_S)


def _wait_s(number: float, now: datetime) -> float:
    for unit in _PER_SECOND:
        until_s = number / unit - (now - _EPOCH).total_seconds()
        if abs(until_s) <= _EVIDENT.total_seconds():
            return _bounded_s(until_s)
    return _bounded_s(number)


_MILLISECONDS_FROM = 1e11
"""Seconds reach this in the year 5138; milliseconds had it in 1973."""


def _epoch_instant(number: float) -> datetime | None:
    size = abs(number)
    unit = 1 if size < _MILLISECONDS_FROM else 1_000 if size < _MILLISECONDS_FROM * 1_000 else 1_000_000
    try:
        return datetime.fromtimestamp(number / unit, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def _until_http_date_s(said: str, now: datetime) -> float | None:
    try:
        until = parsedate_to_datetime(said)
        return _bounded_s((until.replace(tzinfo=until.tzinfo or UTC) - now).total_seconds())
    except (ValueError, OverflowError):  # not a date, or an impossible zone
        return None
