"""Holding a job, and standing by while another process holds it: `scraper run --standby`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Protocol

from scraper.core.errors import HeldElsewhereError, StateAwayError, StoppedWaitingError
from scraper.core.events import Noted, RunStatus
from scraper.core.jobs import Job
from scraper.core.nights import night_of
from scraper.ports import Holding, RunRecord
from scraper.runs.context import RunContext
from scraper.runs.resume import as_night

LOOKS_EVERY_S = 0.5

_OF_ITS_HOST = {RunStatus.OPEN, RunStatus.DIED, RunStatus.INTERRUPTED, RunStatus.ERROR}
"""A run with such a status may succeed on another host."""


class Stoppable(Protocol):
    """Something that a signal stops."""

    def stop(self) -> None:
        """Stop in order. May be called from the event loop at any time."""


@dataclass(frozen=True, slots=True)
class HeldJob:
    """A job that this process holds."""

    hold: Holding
    stood_by: bool
    """True if another process held it before."""


class _Standby:
    def __init__(self) -> None:
        self.stopped = asyncio.Event()

    def stop(self) -> None:
        self.stopped.set()


@asynccontextmanager
async def held(job: Job, context: RunContext, begun: Callable[[Stoppable], None]) -> AsyncIterator[HeldJob]:
    """Hold a job for the duration of the block. A standby waits until its holder has ended or died.

    It keeps waiting while the state's server does not answer. `begun` receives the standby, so that a signal can stop
    it. Raises HeldElsewhereError without standby, StoppedWaitingError if a standby is stopped.
    """
    waiting: _Standby | None = None
    met, away = "", False
    with ExitStack() as stack:
        while True:
            try:
                hold = stack.enter_context(context.stores.runs.hold(job.name))
                break
            except HeldElsewhereError as elsewhere:
                if not context.standby:
                    raise
                if waiting is None:
                    context.listener.hear(Noted(f"{elsewhere.met}; this process stands by"))
                    begun(waiting := _Standby())
                met, away = elsewhere.met, False
            except StateAwayError as outage:
                if waiting is None:
                    raise
                if not away:
                    context.listener.hear(Noted(f"{outage} This process stands by until it answers"))
                away = True
            await _look_later(waiting, context)
            if waiting.stopped.is_set():
                raise StoppedWaitingError(f"stopped while standing by: {met}. Nothing was spent here.")
        yield HeldJob(hold, waiting is not None)


async def _look_later(waiting: _Standby, context: RunContext) -> None:
    tasks = [asyncio.ensure_future(each) for each in (context.clock.sleep(LOOKS_EVERY_S), waiting.stopped.wait())]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()


async def ended_elsewhere(job: Job, context: RunContext) -> RunRecord | None:
    """Return the run that ended while this process stood by; ``None`` if this one has to resume or begin a run.

    A run is resumed if its host was at fault: its process died or was stopped, or its disk failed.
    """
    last = await context.stores.runs.last_run(job.name)
    if last is None or last.status in _OF_ITS_HOST:
        return None
    if job.every is not None and not night_of(job.every, context.clock.now(), as_night(last)).has_run:
        return None  # it was an earlier night's
    return last
