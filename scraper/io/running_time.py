"""Deadlines that count only the time in which the event loop ran.

A process that was stopped (Ctrl-Z, SIGSTOP, `docker pause`, a machine without a free core) wakes up with all its
timers due, in the very tick in which it sees that the answers have come: the timers would win, and paid answers would
be thrown away. asyncio's own timeouts cannot tell the two cases apart; these ask first how long the loop stood still.
"""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Final

BEAT_S: Final = 0.5
"""Interval at which the loop is observed. As much of each gap counts, so that a loop whose every tick is slow still
reaches its deadlines."""
LONGEST_GAP_S: Final = 1.5
"""The loop stood still if it was not observed for longer. Shorter gaps count: a slow tick is no standstill."""


class RunningTime:
    """Seconds in which the loop ran, watched from `begin` to `end`."""

    def __init__(self) -> None:
        self._seen_at = 0.0
        self._stood_still_s = 0.0
        self._beat: asyncio.TimerHandle | None = None

    def begin(self) -> None:
        self._seen_at = asyncio.get_running_loop().time()
        self._next_beat()

    def end(self) -> None:
        if self._beat is not None:
            self._beat.cancel()

    def now(self) -> float:
        """Return the loop's time without the gaps in which it stood still; a gap ends here at the latest."""
        at = asyncio.get_running_loop().time()
        gap_s, self._seen_at = at - self._seen_at, at
        if gap_s > LONGEST_GAP_S:
            self._stood_still_s += gap_s - BEAT_S
        return at - self._stood_still_s

    def until(self, deadline: float) -> Until:
        """Return a block that TimeoutError ends at this instant of `now`."""
        return Until(self, deadline)

    def _next_beat(self) -> None:
        self.now()
        self._beat = asyncio.get_running_loop().call_later(BEAT_S, self._next_beat)


class Until:
    """As `asyncio.timeout_at`, in running time."""

    def __init__(self, time: RunningTime, deadline: float) -> None:
        self._time = time
        self._deadline = deadline
        self._timeout = asyncio.timeout(None)
        self._timer: asyncio.TimerHandle | None = None

    async def __aenter__(self) -> None:
        await self._timeout.__aenter__()
        self._wait()

    async def __aexit__(
        self, kind: type[BaseException] | None, raised: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._timer is not None:
            self._timer.cancel()
        await self._timeout.__aexit__(kind, raised, trace)

    def _wait(self) -> None:
        """End the block if it is time; wait again for as long as the loop stood still."""
        loop, left_s = asyncio.get_running_loop(), self._deadline - self._time.now()
        if left_s > 0:
            self._timer = loop.call_later(left_s, self._wait)
        else:
            self._timeout.reschedule(loop.time())
