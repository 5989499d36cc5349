"""The machine's clock."""

from __future__ import annotations

import time
from datetime import UTC, datetime


class SystemClock:
    """Wall time in UTC, and waiting on the running event loop."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        import asyncio  # noqa: PLC0415 - most commands only need `now`

        await asyncio.sleep(max(0.0, seconds))


def suspended_s() -> float:
    """Return how long the machine has been suspended since it was started; 0 where it does not tell."""
    since_boot = getattr(time, "CLOCK_BOOTTIME", None)
    return 0.0 if since_boot is None else time.clock_gettime(since_boot) - time.clock_gettime(time.CLOCK_MONOTONIC)


def uptime_s() -> float:
    """Return the seconds since the machine started, with those that it slept where the system counts them."""
    counted = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic() if counted is None else time.clock_gettime(counted)
