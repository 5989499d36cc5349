"""The machine's clock."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime

DRIFT = 50e-6
"""The most by which the clocks of two machines drift apart, as a ratio, unless one of them is set."""


class SystemClock:
    """Wall time in UTC, and waiting on the running event loop.

    With a state that several machines share it follows the database's clock: slots, days and leases must mean the same
    on all of them. It then no longer depends on the machine's wall clock.
    """

    def __init__(
        self, wall: Callable[[], datetime] = lambda: datetime.now(UTC), elapsed: Callable[[], float] | None = None
    ) -> None:
        """`wall`: the machine's clock. `elapsed`: a monotonic clock in seconds; default `since_boot_s`."""
        self._wall = wall
        self._elapsed = since_boot_s if elapsed is None else elapsed
        self._ahead: tuple[float, float] | None = None
        """The least and the most seconds by which the followed clock (since 1970) is ahead of `elapsed`."""
        self._asked_s = 0.0

    @property
    def doubt_s(self) -> float:
        """The seconds by which the followed clock may be ahead of `now`; it is never behind."""
        return 0.0 if self._ahead is None else self._ahead[1] - self._ahead[0]

    def now(self) -> datetime:
        if self._ahead is None:
            return self._wall()
        return datetime.fromtimestamp(self._elapsed() + self._ahead[0], UTC)

    def follow(self, at: datetime, asked_s: float, answered_s: float) -> None:
        """Follow a clock that read `at` at some time between `asked_s` and `answered_s`, by `elapsed`.

        Earlier readings narrow that down: a slow answer is less precise than a quick one.
        """
        least, most = at.timestamp() - answered_s, at.timestamp() - asked_s
        if self._ahead is not None:
            drifted_s = DRIFT * (answered_s - self._asked_s)
            least, most = max(least, self._ahead[0] - drifted_s), min(most, self._ahead[1] + drifted_s)
        if least > most:  # it was set
            least, most = at.timestamp() - answered_s, at.timestamp() - asked_s
        self._ahead, self._asked_s = (least, most), answered_s

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
