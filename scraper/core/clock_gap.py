"""Requests dated after now: the clock has gone back, or it was ahead when they were sent.

While an account has any, nothing more is sent for it: its send slots and its day would be wrong. The ledger cannot
prove which of the two it is, and states the explanation that fits; the user ends the lock with `scraper account
--lift`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum, auto

AHEAD_BY = timedelta(days=1)
"""A smaller difference is as likely to be a clock that was set back as one that was ahead."""


class ClockFault(Enum):
    """The explanation that fits."""

    WAS_AHEAD = auto()
    """Earlier requests are dated before now, and all later ones lie in a short span far ahead of it."""
    WENT_BACK = auto()
    """The requests after now were made over a longer time than the gap before them: in ordinary use."""
    UNCLEAR = auto()


@dataclass(frozen=True, slots=True)
class ClockGap:
    """The requests of one account that are dated after now."""

    account: str
    now: datetime
    attempts: int
    first_at: datetime
    last_at: datetime
    before_at: datetime | None
    """The newest request that is not dated after now."""

    @property
    def fault(self) -> ClockFault:
        if self.before_at is not None and self.last_at - self.first_at >= self.first_at - self.now:
            return ClockFault.WENT_BACK
        if self.before_at is not None and self.first_at - self.now >= AHEAD_BY:
            return ClockFault.WAS_AHEAD
        return ClockFault.UNCLEAR

    @property
    def words(self) -> str:
        """Return a sentence with both dates, the explanation that fits, and what to do."""
        met = f"the clock says {_minute(self.now)}, and its last request is dated {_minute(self.last_at)}"
        lift = f"scraper account {self.account} --lift"
        match self.fault:
            case ClockFault.WAS_AHEAD:
                times = "that request was" if self.attempts == 1 else f"the last {self.attempts:,} requests were"
                ahead = f"the clock was about {_span(self.first_at - self.now)} ahead when {times} sent"
                return f"{met}: {ahead}; if it is right now, {lift} makes the account usable again"
            case ClockFault.WENT_BACK:
                back = f"the clock has gone back by about {_span(self.last_at - self.now)}"
                return f"{met}: {back}; set the clock right (if it is right, {lift})"
            case ClockFault.UNCLEAR:
                back = f"the clock is {_span(self.last_at - self.now)} behind (set the clock right)"
                return f"{met}: either {back}, or it was ahead then ({lift})"


def _minute(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def _span(span: timedelta) -> str:
    minutes = max(1, round(span.total_seconds() / 60))
    if minutes < 120:
        return f"{minutes} minute{'' if minutes == 1 else 's'}"
    hours = round(minutes / 60)
    return f"{hours} hours" if hours < 48 else f"{round(hours / 24):,} days"
