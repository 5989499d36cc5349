"""Whether a process of a run goes on, and word of every change that its tasks wait for."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable

from scraper.core.errors import StorageError


class RunSignals:
    """Shared by dispatch and by all that it has started."""

    def __init__(self) -> None:
        self.storage_failure: StorageError | None = None
        """The first that a task met: the run ends with it."""
        self._stopping = asyncio.Event()
        self._changed = asyncio.Event()
        self._news = asyncio.Event()

    @property
    def stopping(self) -> bool:
        """Nothing more is sent; what is in flight lands."""
        return self._stopping.is_set()

    def halt(self) -> None:
        """Sends nothing more. May be called at any time from the event loop."""
        self._stopping.set()
        self.tell_change()

    def fail(self, failure: StorageError) -> None:
        """Sends nothing more; what is in flight still lands where it can, and the run ends with the first failure."""
        self.storage_failure = self.storage_failure or failure
        self.halt()

    def tell_change(self) -> None:
        """Wakes every task that waits for the frontier, the ledger or the stop."""
        self._changed.set()
        self._changed = asyncio.Event()

    async def change(self) -> None:
        """Returns at the next change."""
        await self._changed.wait()

    def tell_news(self) -> None:
        """Lets every request that waits to be tried again look whether it still has to."""
        self._news.set()
        self._news = asyncio.Event()

    async def news(self) -> None:
        """Returns at the next such news: a vendor has answered, or is closed."""
        await self._news.wait()

    async def unless_stopped(self, *waiting: Awaitable[object]) -> bool:
        """Waits for the first of them; False where the run was stopped meanwhile."""
        tasks = [asyncio.ensure_future(each) for each in (*waiting, self._stopping.wait())]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                await task
            return not self._stopping.is_set()
        finally:
            for task in tasks:
                task.cancel()
