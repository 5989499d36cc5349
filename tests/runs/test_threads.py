"""Work in a thread and Ctrl-C: the lock around it is not released before it has ended."""

from __future__ import annotations

import asyncio
from threading import Event

import pytest

from scraper.runs.threads import in_a_thread


def test_however_often_it_is_cancelled_it_waits_for_the_work() -> None:
    asyncio.run(_cancelled_thrice())


async def _cancelled_thrice() -> None:
    begun, may_end = Event(), Event()

    def work() -> None:
        begun.set()
        may_end.wait(30)

    task = asyncio.ensure_future(in_a_thread(work))
    await asyncio.to_thread(begun.wait)
    for _ in range(3):
        task.cancel()
        await asyncio.wait({task}, timeout=0.01)
        assert not task.done()
    may_end.set()
    with pytest.raises(asyncio.CancelledError):
        await task
