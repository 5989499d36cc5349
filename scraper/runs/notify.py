"""Notifications of a run, before and after it, and of earlier nights that could not send their own."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import replace
from datetime import datetime

from scraper.core.errors import LeaseLostError, ScraperError, StoppedWaitingError, UsageError
from scraper.core.events import RunResult, RunStatus
from scraper.core.notify import Notice, died_notice, failure_notice, missed_notice, notice_of
from scraper.core.status import NightStart, is_stopped, nights_between
from scraper.ports import Clock, RunRecord, Runs, Stores
from scraper.ports.notifier import Notifier, ToldStarts

_ANOTHERS = (LeaseLostError, StoppedWaitingError)
"""The run belongs to another process, which reports its end."""
EARLY_PARTS = 24
"""A start in the last 24th of a night is for the coming one (`core.nights`)."""
_RUNS_LOOKED_AT = 20
"""Runs of the job that are searched for the night before."""


class Nights:
    """The job's nights before a run, by the state; none are known if it cannot be read."""

    def __init__(
        self,
        opened: Callable[[], AbstractContextManager[Stores | None]],
        job: str,
        told: ToldStarts,
        clock: Clock,
        status: str,
    ) -> None:
        """`status`: the command that shows runs."""
        self._opened, self._job, self._told, self._clock, self._status = opened, job, told, clock, status
        self._last: RunRecord | None = None
        self._ends = 0
        self.is_held = False
        """True if another process runs the job and reports it."""

    async def look(self) -> None:
        """Record the job's last run before this one."""
        with suppress(ScraperError), self._opened() as stores:
            if stores is not None and (last := await stores.runs.last_run(self._job)) is not None:
                self.is_held = stores.runs.is_running(self._job)
                self._last, self._ends = last, len(await stores.runs.ends(last.run_id))

    async def rows_before(self, result: RunResult) -> Mapping[str, int] | None:
        """Return the rows by table of the night before; ``None``: there was none, or it is unknown."""
        with suppress(ScraperError), self._opened() as stores:
            return None if stores is None else await rows_the_night_before(stores.runs, result)
        return None

    async def is_news(self, result: RunResult) -> bool:
        """Return False if this end was reported before: the run was over, or ended in the same way again."""
        if result.elsewhere:
            return False  # the process that carried it out has reported it
        if result.asks or self._last is None or self._last.run_id != result.run_id:
            return True
        with suppress(ScraperError), self._opened() as stores:
            ends = [] if stores is None else await stores.runs.ends(result.run_id)
            if len(ends) <= self._ends:
                return not ends
            return not self._ends or (ends[-1].status, ends[-1].message) != (
                ends[self._ends - 1].status,
                ends[self._ends - 1].message,
            )
        return True

    async def silent(self, result: RunResult) -> Sequence[Notice]:
        """Return messages for earlier nights that sent none: nights without a run, and runs whose process died."""
        last = self._last
        if last is None or last.run_id == result.run_id or result.elsewhere:
            return []
        notices = []
        if last.status is RunStatus.OPEN:
            notices.append(died_notice(self._job, last.run_id, last.night_at, result.run_id, self._status))
        with suppress(ScraperError), self._opened() as stores:
            if stores is not None and (missed := self._missed(last, await stores.runs.run(result.run_id))):
                notices.append(missed_notice(self._job, missed, self._status))
        self._told.clear()
        return notices

    def note_told(self) -> None:
        """Record that a start without a run was reported."""
        self._told.note(self._clock.now())

    def _missed(self, last: RunRecord, run: RunRecord) -> Sequence[datetime]:
        """Return the nights between two runs that have no run and were not reported."""
        earlier, later = _start(last), _start(run)
        if earlier is None or later is None:
            return []
        if is_stopped(last.period, last.ended_at or last.started_at, run.started_at):
            return []
        told = [at + later.period / EARLY_PARTS for at in self._told.all()]
        nights = nights_between(earlier, later)
        return [night for night in nights if not any(night <= at < night + later.period for at in told)]


def _start(run: RunRecord) -> NightStart | None:
    if run.night_at is None or run.period is None:
        return None
    return NightStart(run.night_at, run.started_at, run.period)


async def told_of(
    run: Callable[[], Awaitable[RunResult]],
    notifier: Notifier,
    nights: Nights,
    job: str,
    command: str,
    say: Callable[[str], object],
) -> RunResult:
    """Carry out a run and report it; hooks that failed are warnings of its result.

    A run that raises is reported as well, and `say` gets a sentence for each failed hook. A run that was over before is
    not reported twice, and a start while another process runs the job is not reported.
    """
    await nights.look()
    dead = [] if nights.is_held else list(await notifier.begin())
    try:
        result = await run()
    except ScraperError as failure:
        if not ((nights.is_held and isinstance(failure, UsageError)) or isinstance(failure, _ANOTHERS)):
            dead += await notifier.end(failure_notice(job, str(failure), failure.exit_code, command))
            nights.note_told()
        for sentence in dict.fromkeys(dead):
            say(sentence)
        raise
    for notice in await nights.silent(result):
        dead += await notifier.tell(notice)
    notice = notice_of(result, await nights.rows_before(result), command)
    dead += await (notifier.end(notice) if await nights.is_news(result) else notifier.ping(notice))
    return replace(result, warnings=(*result.warnings, *dict.fromkeys(dead)))


async def rows_the_night_before(runs: Runs, result: RunResult) -> Mapping[str, int] | None:
    """Return the rows by table of the job's run in the night before, or before this run; ``None``: there was none."""
    of_job = await runs.latest_runs(_RUNS_LOOKED_AT, job=result.job)
    ids = [run.run_id for run in of_job]
    if result.run_id not in ids:
        return None
    place = ids.index(result.run_id)
    tonight = of_job[place].night_at
    before = next((run for run in of_job[place + 1 :] if tonight is None or run.night_at != tonight), None)
    if before is None:
        return None
    rows = (await runs.totals(before.run_id)).rows
    return {table: rows.get(table, 0) for table in result.rows}
