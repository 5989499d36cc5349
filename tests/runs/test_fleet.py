"""A worker's decisions, over a queue in memory and commands that do not run."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from scraper.core.errors import StateError
from scraper.core.fleet import Again, Finished, FleetTask, GivenUp, TaskKind
from scraper.core.nights import DAY, Every, LastRun
from scraper.ports.fleet import (
    FleetOverview,
    Perform,
    ProgramEnd,
    QueuedTask,
    TaskEnd,
    TaskState,
)
from scraper.runs.fleet import FleetJob, FleetWorker, Surroundings
from tests.clock import begins_at

HOUR = timedelta(hours=1)
NIGHT = FleetJob("night", "configs/night.toml", ("crawlora/default",), 2, Every(DAY, "day"))
ONCE = FleetJob("once", "configs/once.toml", ("crawlora/default",), 1, None)


@dataclass(slots=True)
class MemoryQueue:
    """The TaskQueue port in memory; `serve` lets a test carry its tasks out."""

    lost: list[QueuedTask] = field(default_factory=list)
    nights: dict[tuple[str, int], FleetTask] = field(default_factory=dict)
    serving: Callable[[Perform], Awaitable[None]] | None = None
    stopped: asyncio.Event = field(default_factory=asyncio.Event)

    async def queue_night(self, task: FleetTask, number: int) -> bool:
        return self.nights.setdefault((task.job, number), task) is task

    async def submit(self, task: FleetTask) -> int | None:
        raise NotImplementedError

    async def rescue(self) -> Sequence[QueuedTask]:
        lost, self.lost = self.lost, []
        return lost

    async def tidy(self, older_than: timedelta) -> None:
        assert older_than > DAY

    async def serve(self, perform: Perform) -> None:
        if self.serving is not None:
            await self.serving(perform)
        await self.stopped.wait()

    def stop(self) -> None:
        self.stopped.set()

    async def overview(self, since: timedelta) -> FleetOverview:
        raise NotImplementedError


@dataclass(slots=True)
class Commands:
    """The ProgramRunner port: it remembers what it was asked for, and ends as it was told to."""

    end: ProgramEnd | OSError = field(default_factory=lambda: ended(0))
    given: list[Sequence[str]] = field(default_factory=list)
    stops: int = 0

    async def carry_out(self, title: str, words: Sequence[str]) -> ProgramEnd:
        assert title
        self.given.append(words)
        if isinstance(self.end, OSError):
            raise self.end
        return self.end

    def stop(self) -> None:
        self.stops += 1


def ended(code: int, **result: Any) -> ProgramEnd:
    whole = {"status": "complete", "credits": {"charged": 8, "presumed": 1, "unknown": 1}, "rows": {"posts": 1200}}
    return ProgramEnd(code, json.dumps({**whole, **result}).encode(), "the last line")


@dataclass(slots=True)
class At:
    """A clock that a test sets; whoever waits for it waits for ever."""

    time: datetime

    def now(self) -> datetime:
        return self.time

    def monotonic(self) -> float:
        return 0.0

    async def sleep(self, seconds: float) -> None:
        assert seconds == 10.0
        await asyncio.Event().wait()


@dataclass(slots=True)
class Bench:
    """A worker and what is around it."""

    queue: MemoryQueue = field(default_factory=MemoryQueue)
    commands: Commands = field(default_factory=Commands)
    jobs: dict[str, FleetJob] = field(default_factory=lambda: {"night": NIGHT, "once": ONCE})
    last: dict[str, LastRun] = field(default_factory=dict)
    running: set[str] = field(default_factory=set)
    clock: At = field(default_factory=lambda: At(begins_at()))
    failure: StateError | None = None
    said: list[str] = field(default_factory=list)

    def worker(self) -> FleetWorker:
        async def last_runs() -> Mapping[str, LastRun]:
            if self.failure is not None:
                raise self.failure
            return self.last

        async def is_running(job: str) -> bool:
            if self.failure is not None:
                raise self.failure
            return job in self.running

        around = Surroundings(lambda: self.jobs, last_runs, is_running, ["--data", "d"], ["--vendor-url=a=b"])

        def say(title: str, words: str) -> None:
            self.said.append(f"{title}: {words}" if title else words)

        return FleetWorker(self.queue, self.commands, around, self.clock, say, 30.0)

    def performed(self, task: FleetTask, attempts: int = 0) -> TaskEnd:
        return asyncio.run(self.worker().perform(task, attempts))


def test_each_night_of_each_repeated_job_is_queued_once() -> None:
    bench = Bench()
    worker = bench.worker()
    asyncio.run(worker.patrol())
    asyncio.run(worker.patrol())
    assert list(bench.queue.nights.values()) == [replace(NIGHT.task(), night_at=begins_at())]
    bench.last["night"] = LastRun(begins_at(), begins_at())
    asyncio.run(worker.patrol())
    assert len(bench.queue.nights) == 1
    bench.clock.time += DAY
    asyncio.run(worker.patrol())
    assert [task.night_at for task in bench.queue.nights.values()] == [begins_at(), begins_at() + DAY]
    assert len(bench.said) == 2


def test_a_state_that_cannot_be_read_is_said_once_and_lost_tasks_are_rescued_all_the_same() -> None:
    task = QueuedTask(1, NIGHT.task(), TaskState.QUEUED, 1, begins_at(), worker="other:7")
    bench = Bench(failure=StateError("the state cannot be used."))
    bench.queue.lost = [task]
    worker = bench.worker()
    for _ in range(3):
        asyncio.run(worker.patrol())
    assert bench.said == ["night: worker other:7 is lost: queued again", "the state cannot be used."]
    assert not bench.queue.nights
    bench.failure = None
    asyncio.run(worker.patrol())
    assert bench.queue.nights


def test_a_run_is_the_command_that_a_timer_would_start() -> None:
    bench = Bench()
    end = bench.performed(NIGHT.task())
    assert bench.commands.given == [
        ["run", "configs/night.toml", "--format", "json", "--data", "d", "--vendor-url=a=b"]
    ]
    assert end == TaskEnd(Finished(), 0, "complete", "complete: 10 credits in all, 1,200 rows")
    assert bench.said == ["night: begins", "night: complete: 10 credits in all, 1,200 rows"]


def test_work_on_the_archive_is_the_command_on_its_partition() -> None:
    bench = Bench()
    where = "vendor = 'crawlora' AND date = DATE '2026-11-21'"
    for kind, table in ((TaskKind.COMPACT, None), (TaskKind.REBUILD, "posts"), (TaskKind.REBUILD, None)):
        bench.performed(FleetTask(kind, table=table, partition="vendor=crawlora/date=2026-11-21"))
    assert bench.commands.given == [
        ["compact", "--where", where, "--data", "d", "--format", "json"],
        ["rebuild", "posts", "--where", where, "--data", "d", "--format", "json"],
        ["rebuild", "--where", where, "--data", "d", "--format", "json"],
    ]


def test_a_job_that_another_process_runs_waits_and_nothing_is_started() -> None:
    bench = Bench(running={"night"})
    end = bench.performed(NIGHT.task())
    assert isinstance(end.verdict, Again)
    assert not end.verdict.counts
    assert (bench.commands.given, end.exit_code) == ([], None)


def test_a_run_that_found_its_job_held_at_the_last_moment_waits_too() -> None:
    bench = Bench()

    @dataclass(slots=True)
    class Late(Commands):
        async def carry_out(self, title: str, words: Sequence[str]) -> ProgramEnd:  # noqa: ARG002 - the port's
            bench.running.add("night")
            return ProgramEnd(2, b"", "error: job night is already run by process other:7")

    bench.commands = Late()
    end = bench.performed(NIGHT.task())
    assert isinstance(end.verdict, Again)
    bench.running.clear()
    bench.commands = Commands(ProgramEnd(2, b"", "error: configs/night.toml: budget: missing"))
    end = bench.performed(NIGHT.task())
    assert (end.verdict, end.exit_code) == (GivenUp(), 2)
    assert end.words == "error: configs/night.toml: budget: missing"


def test_a_job_whose_file_is_gone_is_given_up_with_a_word() -> None:
    bench = Bench(jobs={})
    assert bench.performed(NIGHT.task()) == TaskEnd(GivenUp(), None, "there is no job night in this worker's project")


def test_a_process_that_cannot_be_started_is_tried_again() -> None:
    bench = Bench(commands=Commands(OSError(12, "Cannot allocate memory")))
    end = bench.performed(NIGHT.task())
    assert isinstance(end.verdict, Again)
    assert end.words == "its process cannot be started: Cannot allocate memory"


@pytest.mark.parametrize(("job", "again"), [(ONCE, True), (NIGHT, False)])
def test_only_a_one_off_job_goes_on_within_its_task_when_its_quota_does(job: FleetJob, again: bool) -> None:
    told = {"status": "quota", "message": "the day's limit is reached"}
    bench = Bench()
    bench.commands.end = ended(7, next=(bench.clock.time + 3 * HOUR).isoformat(), **told)
    end = bench.performed(job.task())
    assert end.verdict == (Again(3 * HOUR, "its quota is spent until then", counts=False) if again else Finished())
    assert end.words == "the day's limit is reached"


def test_a_worker_that_is_stopped_ends_its_runs_and_hands_them_back() -> None:
    bench = Bench(commands=Commands(ended(130, status="interrupted")))
    ends = []

    async def whole() -> None:
        worker = bench.worker()

        async def serving(perform: Perform) -> None:
            worker.stop()
            ends.append(await perform(NIGHT.task(), 0))

        bench.queue.serving = serving
        await worker.work()

    asyncio.run(whole())
    assert bench.commands.stops == 1
    assert bench.commands.given == []
    assert ends == [TaskEnd(Again(timedelta(0), "interrupted", counts=False), None, "not begun: its worker stopped")]


def test_what_ends_the_queue_ends_the_worker() -> None:
    bench = Bench()

    async def fails(_: Perform) -> None:
        raise StateError("the queue does not answer.")

    bench.queue.serving = fails
    with pytest.raises(StateError, match="does not answer"):
        asyncio.run(bench.worker().work())
