"""A worker of a fleet: queues the nights that are due, takes tasks, and carries each out as a command.

Each task is a process, `scraper run JOB` as a timer would start it, instead of a coroutine of the worker: its memory is
free when it ends, a crash is an exit code and leaves other runs alone, a signal stops it in order like any run, and the
worker stays small. The price is half a second of startup per run. The process ends with its worker
(`io.fleet.programs`); until then, the job's lock keeps a rescued task waiting.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import orjson

from scraper.core.errors import StorageError, UsageError
from scraper.core.fleet import (
    BUSY_WAIT,
    Again,
    Finished,
    FleetTask,
    GivenUp,
    TaskKind,
    due_night,
    night_number,
    verdict_of,
)
from scraper.core.nights import Every, LastRun, night_of
from scraper.ports import Clock
from scraper.ports.fleet import ProgramEnd, ProgramRunner, TaskEnd, TaskQueue

_PATROLS: Final = 3
"""Rounds within the time after which a worker counts as lost."""
_LOOKS: Final = timedelta(minutes=1)
"""Interval at which the state is searched for due nights: a person may have run one, or a job's last task waited."""
_TIDIES: Final = timedelta(hours=1)
_KEPT: Final = timedelta(days=31)
"""Time for which the queue keeps finished tasks."""

_BUSY: Final = TaskEnd(Again(BUSY_WAIT, "another process runs the job", counts=False), None, "another process runs it")


@dataclass(frozen=True, slots=True)
class FleetJob:
    """A job as a worker knows it."""

    name: str
    words: str
    """The argument that names the job to `scraper run` here."""
    accounts: tuple[str, ...]
    weight: int
    every: Every | None

    def task(self, night_at: datetime | None = None) -> FleetTask:
        return FleetTask(TaskKind.RUN, self.name, self.accounts, self.weight, night_at)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """A worker's access to its project and its state."""

    jobs: Callable[[], Mapping[str, FleetJob]]
    """Name → job, as its file is now, for the jobs whose runs this worker takes."""
    last_runs: Callable[[], Awaitable[Mapping[str, LastRun]]]
    """The last run of each repeated job; StorageError if the state cannot be read."""
    is_running: Callable[[str], Awaitable[bool]]
    """True if a process holds the job; StorageError likewise."""
    options: Sequence[str]
    """Options with which a command uses the same data."""
    run_options: Sequence[str]
    """Options with which a run uses the same vendors, and logs as the worker does."""


class FleetWorker:
    """Queues due nights and carries out tasks until it is stopped."""

    def __init__(
        self,
        queue: TaskQueue,
        runner: ProgramRunner,
        around: Surroundings,
        clock: Clock,
        say: Callable[[str, str], object],
        lost_after_s: float,
    ) -> None:
        """`say` receives the title of a task, or an empty one, and a sentence."""
        self._queue, self._runner, self._around = queue, runner, around
        self._clock, self._say, self._round_s = clock, say, lost_after_s / _PATROLS
        self._stopping = False
        self._said: set[str] = set()
        self._looked_at: Mapping[str, FleetJob] | None = None
        self._quiet_until = clock.now()
        self._tidy_at = clock.now()

    async def work(self) -> None:
        """Take tasks until `stop`, then wait for the running ones. A StateError ends it too."""
        patrol = asyncio.ensure_future(self._patrol())
        serving = asyncio.ensure_future(self._queue.serve(self.perform))
        try:
            await asyncio.wait([patrol, serving], return_when=asyncio.FIRST_COMPLETED)
            if patrol.done():  # it never ends by itself
                self.stop()
            await serving
        finally:
            patrol.cancel()
        if patrol.done() and not patrol.cancelled():
            patrol.result()

    @property
    def is_stopping(self) -> bool:
        return self._stopping

    def stop(self) -> None:
        """Take no more tasks, and stop the running ones in order; a second call stops them at once."""
        self._stopping = True
        self._queue.stop()
        self._runner.stop()

    async def _patrol(self) -> None:
        while True:
            await self.patrol()
            await self._clock.sleep(self._round_s)

    async def patrol(self) -> None:
        """Queue the nights that are due and the tasks of lost workers; delete old tasks."""
        for lost in await self._queue.rescue():
            self._say(lost.task.title, f"worker {lost.worker or 'unknown'} is lost: queued again")
        jobs, now = self._around.jobs(), self._clock.now()
        if jobs is not self._looked_at or not self._quiet_until - _LOOKS <= now < self._quiet_until:
            try:
                await self._queue_nights(jobs, now)
            except StorageError as failure:
                self._say_once(str(failure))
            else:
                self._looked_at = jobs
                self._said.clear()
        if now >= self._tidy_at:
            await self._queue.tidy(_KEPT)
            self._tidy_at = now + _TIDIES

    async def _queue_nights(self, jobs: Mapping[str, FleetJob], now: datetime) -> None:
        """Queue each night that is due; the state is read again when the next one begins, or after `_LOOKS`."""
        last_runs = await self._around.last_runs()
        quiet_until = now + _LOOKS
        for job in jobs.values():
            if job.every is None:
                continue
            last = last_runs.get(job.name)
            night = night_of(job.every, now, last)
            quiet_until = min(quiet_until, night.begins_at if night.begins_at > now else night.ends_at)
            if (due := due_night(job.every, now, last)) is None:
                continue
            number = night_number(job.every, due, last)
            if await self._queue.queue_night(job.task(due.begins_at), number):
                self._say(job.name, f"the night of {due.begins_at:%Y-%m-%d %H:%M} UTC is queued")
        self._quiet_until = quiet_until

    def _say_once(self, words: str) -> None:
        if words not in self._said:
            self._said.add(words)
            self._say("", words)

    async def perform(self, task: FleetTask, attempts: int) -> TaskEnd:
        """Carry out a task; return its end for the queue."""
        if self._stopping:
            return TaskEnd(Again(timedelta(0), "interrupted", counts=False), None, "not begun: its worker stopped")
        try:
            words = await self._words(task)
        except StorageError as failure:
            return TaskEnd(Again(BUSY_WAIT, "the state cannot be read", counts=False), None, str(failure))
        if isinstance(words, TaskEnd):
            return words
        self._say(task.title, f"begins (attempt {attempts + 1})" if attempts else "begins")
        try:
            end = await self._runner.carry_out(task.title, words)
        except OSError as failure:
            ended = TaskEnd(verdict_of(5, attempts), None, f"its process cannot be started: {failure.strerror}")
        else:
            ended = await self._busy(task, end) or self._ended(task, attempts, end)
        self._say(task.title, end_words(ended))
        return ended

    async def _words(self, task: FleetTask) -> Sequence[str] | TaskEnd:
        """Return the command of a task, or its end if it cannot be begun."""
        options = self._around.options
        match task.kind:
            case TaskKind.COMPACT:
                return ["compact", *_partition_words(task), *options, "--format", "json"]
            case TaskKind.REBUILD:
                table = [] if task.table is None else [task.table]
                return ["rebuild", *table, *_partition_words(task), *options, "--format", "json"]
            case TaskKind.RUN:
                job = self._around.jobs().get(task.job)
                if job is None:  # its file was removed after the task was taken
                    return TaskEnd(GivenUp(), None, f"there is no job {task.job} in this worker's project")
                if await self._around.is_running(task.job):
                    return _BUSY
                return ["run", job.words, "--format", "json", *options, *self._around.run_options]

    async def _busy(self, task: FleetTask, end: ProgramEnd) -> TaskEnd | None:
        """Return the end of a task whose run another process had just begun; ``None`` for any other task."""
        if end.exit_code != UsageError.exit_code or task.kind is not TaskKind.RUN:
            return None
        try:
            return _BUSY if await self._around.is_running(task.job) else None
        except StorageError:
            return None

    def _ended(self, task: FleetTask, attempts: int, end: ProgramEnd) -> TaskEnd:
        result = _result(end.stdout) if task.kind is TaskKind.RUN else {}
        job = self._around.jobs().get(task.job)
        verdict = verdict_of(
            end.exit_code,
            attempts,
            stopping=self._stopping,
            is_one_off=job is not None and job.every is None,
            next_at=_instant(result.get("next")),
            now=self._clock.now(),
        )
        told = str(result.get("message") or "") or ("" if end.exit_code == 0 else end.last_words)
        return TaskEnd(verdict, end.exit_code, told or "complete", _brought(result))


def end_words(end: TaskEnd) -> str:
    """Return the end of a task in a sentence; its command has reported the reason."""
    code = "" if end.exit_code is None else f" (exit code {end.exit_code})"
    match end.verdict:
        case Again(wait=wait, why=why):
            later = f"in {wait.total_seconds():.0f} s" if wait else "now"
            return f"{why}{code}: queued again, to continue {later}"
        case GivenUp():
            return f"given up{code}; scraper submit queues it again"
        case Finished():
            return f"{end.brought or 'done'}{code if end.exit_code else ''}"


def _brought(result: Mapping[str, Any]) -> str:
    """Return what a run brought: ``complete: 64 credits, 1,750 rows``."""
    try:
        credits, rows = result["credits"], sum(result["rows"].values())
        spent = credits["charged"] + credits["presumed"] + credits["unknown"]
        return f"{result['status']}: {spent:,} credits in all, {rows:,} rows"
    except (KeyError, TypeError):
        return ""


def _partition_words(task: FleetTask) -> Sequence[str]:
    if task.partition is None:
        return []
    vendor, _, day = task.partition.removeprefix("vendor=").partition("/date=")
    return ["--where", f"vendor = '{vendor}' AND date = DATE '{day}'"]


def _result(stdout: bytes) -> Mapping[str, Any]:
    """Return the object that `scraper run --format json` prints; an empty one if it printed none."""
    try:
        found = orjson.loads(stdout)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _instant(text: object) -> datetime | None:
    try:
        return datetime.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        return None
