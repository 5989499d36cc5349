"""Signals that stop a run."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, TypeVar

from scraper.runs.signals import SAME_REQUEST_S

if TYPE_CHECKING:
    from scraper.runs.standby import Stoppable

T = TypeVar("T")


def to_its_end(begin: Callable[[Callable[[Stoppable], None]], Coroutine[Any, Any, T]]) -> T:
    """Run it on an event loop. The first SIGINT, SIGTERM or SIGHUP stops it in order, the second aborts.

    A SIGHUP that was ignored at the start stays ignored: that is what nohup asks for.
    """

    async def watched() -> T:
        loop, crawls = asyncio.get_running_loop(), list[Any]()
        task = asyncio.ensure_future(begin(crawls.append))
        asked_at: float | None = None

        def asked_to_stop() -> None:
            nonlocal asked_at
            if asked_at is None and crawls:
                asked_at = loop.time()
                crawls[-1].stop()
            elif asked_at is None or loop.time() - asked_at > SAME_REQUEST_S:
                task.cancel()

        hung_up = () if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN else (signal.SIGHUP,)
        for number in (signal.SIGINT, signal.SIGTERM, *hung_up):
            loop.add_signal_handler(number, asked_to_stop)
        return await task

    return asyncio.run(watched())
