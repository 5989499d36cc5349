"""The queue of a fleet, its workers, and the program that executes a task."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol, TypeAlias

from scraper.core.fleet import FleetTask, Verdict


class TaskState(StrEnum):
    """The status of a task in the queue."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    GIVEN_UP = "given up"


@dataclass(frozen=True, slots=True)
class QueuedTask:
    """A task of the queue."""

    task_id: int
    task: FleetTask
    state: TaskState
    attempts: int
    """The number of earlier attempts."""
    since: datetime
    """The time of its last change of state."""
    not_before: datetime | None = None
    """The earliest start of a queued task; ``None``: at once."""
    worker: str = ""
    """``host:pid`` of the worker that executes it, or executed it last."""
    is_lost: bool = False
    """True for a running task whose worker sends no heartbeats."""
    exit_code: int | None = None
    """The exit code of its last command; ``None``: none has ended."""
    words: str = ""
    """The reason why it waits, or how it ended."""


@dataclass(frozen=True, slots=True)
class WorkerRecord:
    """A worker as the queue knows it."""

    name: str
    """``host:pid``."""
    version: str
    started_at: datetime
    seen_at: datetime
    """The time of its last heartbeat."""
    is_lost: bool
    at_once: int
    """The most tasks that it executes at once."""
    jobs: tuple[str, ...]
    """Jobs whose runs it takes."""


@dataclass(frozen=True, slots=True)
class FleetOverview:
    """Workers and tasks at one instant."""

    at: datetime
    """The time by the database's clock."""
    workers: Sequence[WorkerRecord]
    tasks: Sequence[QueuedTask]
    """Running and queued tasks in the order in which they are taken, then ended ones, the newest first."""


@dataclass(frozen=True, slots=True)
class TaskEnd:
    """The end of a task's command."""

    verdict: Verdict
    exit_code: int | None
    """``None``: the command was not started."""
    words: str
    brought: str = ""
    """The results of a run so far, for display."""


Perform: TypeAlias = "Callable[[FleetTask, int], Awaitable[TaskEnd]]"
"""Executes a task; the number is that of earlier attempts."""


@dataclass(frozen=True, slots=True)
class ServeTerms:
    """The terms on which a worker takes tasks from the queue."""

    jobs: Callable[[], Collection[str]]
    """Returns the jobs whose runs it takes now."""
    at_once: int = 1
    """The most tasks that it executes at once."""
    runs_of_account: int = 1
    """The most runs that use one account at once, over all workers."""
    lost_after_s: float = 30.0
    version: str = ""
    """The version of this program, for display."""


class TaskQueue(Protocol):
    """Tasks in a database that workers share, by the database's clock.

    Methods wait while the database does not answer, and report it once; `submit` and `overview` raise StateError.
    """

    async def queue_night(self, task: FleetTask, number: int) -> bool:
        """Queue a night's run; return False if it was queued before, or another task of the job is still queued."""

    async def submit(self, task: FleetTask) -> int | None:
        """Queue a task now; return its number, or ``None`` if a task with its key is queued already."""

    async def rescue(self) -> Sequence[QueuedTask]:
        """Queue the tasks of lost workers again; return them."""

    async def tidy(self, older_than: timedelta) -> None:
        """Delete tasks that ended longer ago than this, and workers that are gone."""

    async def serve(self, perform: Perform) -> None:
        """Take and perform tasks until `stop`; then wait for running ones."""

    def stop(self) -> None:
        """Take no more tasks."""

    async def overview(self, since: timedelta) -> FleetOverview:
        """Return workers and tasks; of ended tasks, those that ended within `since`."""


@dataclass(frozen=True, slots=True)
class ProgramEnd:
    """A command of this program that has ended."""

    exit_code: int
    """Negative if a signal killed it: the signal's number."""
    stdout: bytes
    last_words: str
    """The last line of stderr."""


class ProgramRunner(Protocol):
    """Runs commands of this program, each in a process of its own."""

    async def carry_out(self, title: str, words: Sequence[str]) -> ProgramEnd:
        """Run `scraper WORDS…` to its end; OSError if it cannot be started. `title` precedes each line of stderr."""

    def stop(self) -> None:
        """Ask running commands to shut down gracefully; the second call, immediately."""
