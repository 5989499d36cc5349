"""Stop and change signals of one process of a run."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Final

from scraper.core.errors import StorageError

SAME_REQUEST_S: Final = 1.0
"""coreutils' `timeout` signals a process and then its group: two signals at once count as one."""


class RunSignals:
    """Shared by dispatch and the tasks that it starts."""

    def __init__(self) -> None:
        self.storage_failure: StorageError | None = None
        """The first failure in a task; it ends the run."""
        self._stopping = asyncio.Event()
        self._changed = asyncio.Event()
        self._news = asyncio.Event()

    @property
    def stopping(self) -> bool:
        """True if nothing more is sent; requests in flight land."""
        return self._stopping.is_set()

    def halt(self) -> None:
        """Stop sending. May be called from the event loop at any time."""
        self._stopping.set()
        self.tell_change()

    def fail(self, failure: StorageError) -> None:
        """Stop sending because of a failure; requests in flight still land if they can."""
        self.storage_failure = self.storage_failure or failure
        self.halt()

    def tell_change(self) -> None:
        """Wake every task that waits for the frontier, the ledger or the stop."""
        self._changed.set()
        self._changed = asyncio.Event()

    async def change(self) -> None:
        await self._changed.wait()

    def tell_news(self) -> None:
        """Wake the requests that wait for a retry, to check whether they still have to."""
        self._news.set()
        self._news = asyncio.Event()

    async def news(self) -> None:
        """Wait until a vendor has answered or is closed."""
        await self._news.wait()

    async def unless_stopped(self, *waiting: Awaitable[object]) -> bool:
        """Wait for the first awaitable; return False if the run was stopped meanwhile."""
        tasks = [asyncio.ensure_future(each) for each in (*waiting, self._stopping.wait())]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                await task
            return not self._stopping.is_set()
        finally:
            for task in tasks:
                task.cancel()
