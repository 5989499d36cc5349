"""Rules of vendors that count a minute otherwise than the sandbox: the pacing has to keep all of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta

from scraper.sandbox.metering import RateRule, sliding_minute

MINUTE = timedelta(seconds=60)
MICROSECOND = timedelta(microseconds=1)


class CalendarMinute:
    """At most `allowed` in each UTC minute of the clock: around a full minute twice as many pass within seconds."""

    def __init__(self, allowed: int) -> None:
        self._allowed = allowed
        self._minute: datetime | None = None
        self._arrived = 0

    def take(self, at: datetime) -> datetime | None:
        minute = _minute_of(at)
        if minute != self._minute:
            self._minute, self._arrived = minute, 0
        self._arrived += 1
        return None if self._arrived <= self._allowed else minute + MINUTE

    def left(self, at: datetime) -> int:
        return self._allowed if _minute_of(at) != self._minute else max(0, self._allowed - self._arrived)


class TokenBucket:
    """`allowed` tokens at first and at most, refilled by as many in 60 seconds; a request takes one or is turned away.

    Exact: the level is counted in parts of a token of which one microsecond refills `allowed`.
    """

    TOKEN = MINUTE // MICROSECOND

    def __init__(self, allowed: int) -> None:
        self._allowed = allowed
        self._level = allowed * self.TOKEN
        self._filled_at: datetime | None = None

    def take(self, at: datetime) -> datetime | None:
        self._level, self._filled_at = self._level_at(at), at
        if self._level >= self.TOKEN:
            self._level -= self.TOKEN
            return None
        if not self._allowed:
            return at + MINUTE
        return at + MICROSECOND * -((self._level - self.TOKEN) // self._allowed)

    def left(self, at: datetime) -> int:
        return self._level_at(at) // self.TOKEN

    def _level_at(self, at: datetime) -> int:
        if self._filled_at is None:
            return self._level
        refilled = max(0, (at - self._filled_at) // MICROSECOND) * self._allowed
        return min(self._allowed * self.TOKEN, self._level + refilled)


RULES: Mapping[str, Callable[[int], RateRule]] = {
    "sliding": sliding_minute,
    "fixed": CalendarMinute,
    "token_bucket": TokenBucket,
}
"""How vendors may count the requests of a minute: in the last 60 seconds, in the UTC calendar minute, or by tokens, of
which there are as many as requests are allowed, refilled evenly over 60 seconds."""


def _minute_of(at: datetime) -> datetime:
    return at.astimezone(UTC).replace(second=0, microsecond=0)
