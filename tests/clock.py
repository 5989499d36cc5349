"""When the tests take place: at a fixed instant, or where `pytest --clock` puts them."""

from __future__ import annotations

import asyncio
import os
import time
from datetime import UTC, datetime, timedelta

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
_CLOCK = "TESTS_CLOCK"
"""Instant at which the suite began, for the processes that the tests start; read here only."""
_BEGAN = "TESTS_CLOCK_BEGAN"
"""The machine's monotonic clock at that instant."""


def set_clock(begins_at: str) -> None:
    """The suite begins now, and it is that instant: for this process and those that it starts."""
    os.environ[_CLOCK] = instant(begins_at).isoformat()
    os.environ[_BEGAN] = repr(time.monotonic())


def instant(text: str) -> datetime:
    """An instant as a user types it, UTC where no zone is given."""
    read = datetime.fromisoformat(text)
    return (read if read.tzinfo is not None else read.replace(tzinfo=UTC)).astimezone(UTC)


def begins_at() -> datetime:
    """The instant at which a clock that is moved by hand begins, the same in each test."""
    return instant(os.environ.get(_CLOCK, NOON.isoformat()))


class ShiftedClock:
    """The Clock port at the machine's own speed, and at another time: by default the suite's, in all its processes."""

    def __init__(self, began_at: datetime | None = None) -> None:
        self._zero = (began_at or begins_at()) - timedelta(seconds=float(os.environ.get(_BEGAN, time.monotonic())))

    def now(self) -> datetime:
        """Aware, UTC."""
        return self._zero + timedelta(seconds=time.monotonic())

    def monotonic(self) -> float:
        """Seconds, for durations."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Waits."""
        await asyncio.sleep(max(0.0, seconds))


def dated(query: str) -> str:
    """SQL on the day of the tests: DuckDB's own day is the machine's."""
    now = ShiftedClock().now()
    return query.replace("current_date", f"DATE '{now:%Y-%m-%d}'").replace("now()", f"TIMESTAMP '{now:%Y-%m-%d %H:%M}'")
