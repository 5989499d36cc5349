"""An event loop whose time is moved by hand: waiting costs nothing, and ten minutes of a run pass in a second.

aiolimiter and asyncio read the loop's own clock, so nothing has to be told or patched. Nothing may wait for a thread.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from datetime import datetime, timedelta
from typing import Any, TypeVar

from tests.clock import begins_at

T = TypeVar("T")


class _NothingToWaitFor(selectors.DefaultSelector):
    """Where a loop would wait for its next timer, moves the loop's time to it."""

    def __init__(self) -> None:
        super().__init__()
        self.moved_s = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if not ready and timeout is None:
            raise RuntimeError("everything waits, and no timer is set: this would hang")
        # A turn of the loop takes a microsecond: a timer that is set for now, over and over, gets there.
        self.moved_s += 1e-6 + (timeout or 0.0 if not ready else 0.0)
        return ready


class MovedTimeLoop(asyncio.SelectorEventLoop):
    """Its time begins at 0 and is moved on whenever nothing is left to do."""

    def __init__(self) -> None:
        self.moving = _NothingToWaitFor()
        super().__init__(self.moving)

    def time(self) -> float:
        return self.moving.moved_s


class MovedClock:
    """The Clock port on such a loop."""

    def __init__(self, loop: MovedTimeLoop) -> None:
        self._loop = loop
        self._begins_at = begins_at()

    def now(self) -> datetime:
        return self._begins_at + timedelta(seconds=self._loop.time())

    def monotonic(self) -> float:
        return self._loop.time()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(max(0.0, seconds))


def on_moved_time(main: Callable[[MovedTimeLoop], Coroutine[Any, Any, T]]) -> T:
    """Runs `main` on such a loop."""
    loop = MovedTimeLoop()
    try:
        return loop.run_until_complete(main(loop))
    finally:
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()
