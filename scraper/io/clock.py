"""The machine's clock."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime


class SystemClock:
    """Wall time in UTC, and waiting on the running event loop.

    With a state that several machines share it follows the database's clock: theirs may differ, and slots, days and
    leases have to mean the same to all of them. It then goes on by itself, whatever the machine's clock is set to.
    """

    def __init__(self, elapsed: Callable[[], float] | None = None) -> None:
        """`elapsed`: seconds that pass everywhere at the same speed; default `since_boot_s`."""
        self._elapsed = since_boot_s if elapsed is None else elapsed
        self._ahead_s: float | None = None
        """The followed clock, as seconds since 1970, minus `elapsed`; ``None``: none is followed."""

    def now(self) -> datetime:
        if self._ahead_s is None:
            return datetime.now(UTC)
        return datetime.fromtimestamp(self._elapsed() + self._ahead_s, UTC)

    def follow(self, at: datetime, asked_s: float, answered_s: float) -> None:
        """Follow a clock that said `at` at some time after `asked_s` and before `answered_s`, by `elapsed`.

        What is known of it is kept as long as it agrees with that: a slow answer tells less than a quick one.
        """
        latest, earliest = at.timestamp() - asked_s, at.timestamp() - answered_s
        known_s = (latest + earliest) / 2 if self._ahead_s is None else self._ahead_s
        self._ahead_s = min(max(known_s, earliest), latest)

    def monotonic(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        import asyncio  # noqa: PLC0415 - most commands only need `now`

        await asyncio.sleep(max(0.0, seconds))


def suspended_s() -> float:
    """Return how long the machine has been suspended since it was started; 0 where it does not tell."""
    since_boot = getattr(time, "CLOCK_BOOTTIME", None)
    return 0.0 if since_boot is None else time.clock_gettime(since_boot) - time.clock_gettime(time.CLOCK_MONOTONIC)


def since_boot_s() -> float:
    """Return the seconds since the machine was started, those included in which it was suspended."""
    return time.monotonic() + suspended_s()
