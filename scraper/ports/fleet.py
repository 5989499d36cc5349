"""The queue of a fleet, its workers, and the program that carries out a task."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol, TypeAlias

from scraper.core.fleet import FleetTask, Verdict


class TaskState(StrEnum):
    """Where a task stands."""

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
    """How often it was carried out before."""
    since: datetime
    """When it came into this state."""
    not_before: datetime | None = None
    """Of a queued task that waits."""
    worker: str = ""
    """``host:pid`` that carries it out; of one that is over, that carried it out last."""
    is_lost: bool = False
    """Of a running task: its worker gives no sign of life."""
    exit_code: int | None = None
    """Of its last command; ``None``: none has ended."""
    words: str = ""
    """Why it waits, or how it ended."""


@dataclass(frozen=True, slots=True)
class WorkerRecord:
    """A worker as the queue knows it."""

    name: str
    """``host:pid``"""
    version: str
    started_at: datetime
    seen_at: datetime
    """Its last sign of life."""
    is_lost: bool
    at_once: int
    """Tasks that it carries out at once."""
    jobs: tuple[str, ...]
    """Jobs whose runs it takes."""


@dataclass(frozen=True, slots=True)
class FleetOverview:
    """Workers and tasks at one instant."""

    at: datetime
    """By the database's clock."""
    workers: Sequence[WorkerRecord]
    tasks: Sequence[QueuedTask]
    """Running and queued ones in the order in which they are taken, then those that ended, the newest first."""


@dataclass(frozen=True, slots=True)
class TaskEnd:
    """The end of a task's command."""

    verdict: Verdict
    exit_code: int | None
    """``None``: the command was not started."""
    words: str
    brought: str = ""
    """What a run brought so far, for people."""


Perform: TypeAlias = "Callable[[FleetTask, int], Awaitable[TaskEnd]]"
"""Carries out a task that was tried so often before."""


@dataclass(frozen=True, slots=True)
class ServeTerms:
    """What a worker takes from the queue."""

    jobs: Callable[[], Collection[str]]
    """The jobs whose runs it takes, as they are now."""
    at_once: int = 1
    """Tasks that it carries out at once."""
    runs_of_account: int = 1
    """Runs that may use one account at once, over all workers."""
    lost_after_s: float = 30.0
    version: str = ""
    """Of this program, for people."""


class TaskQueue(Protocol):
    """Tasks in a database that workers share. Its clock is the database's.

    Methods wait while the database does not answer, and say so once; `submit` and `overview` raise StateError instead.
    """

    async def queue_night(self, task: FleetTask, number: int) -> bool:
        """Queue a night's run; return False if this night was queued before, or a task of the job still waits."""

    async def submit(self, task: FleetTask) -> int | None:
        """Queue a task now and return its number; ``None``: one with its key waits already."""

    async def rescue(self) -> Sequence[QueuedTask]:
        """Queue the tasks of lost workers again, and return them."""

    async def tidy(self, older_than: timedelta) -> None:
        """Forget tasks that ended so long ago, and workers that are gone."""

    async def serve(self, perform: Perform) -> None:
        """Take tasks and carry them out, until `stop`; then wait for those that are being carried out."""

    def stop(self) -> None:
        """Take no more tasks."""

    async def overview(self, since: timedelta) -> FleetOverview:
        """Return workers and tasks; of those that are over, the ones that ended so recently."""


@dataclass(frozen=True, slots=True)
class ProgramEnd:
    """A command of this program that has ended."""

    exit_code: int
    """Negative: the number of the signal that killed it."""
    stdout: bytes
    last_words: str
    """The last line of stderr."""


class ProgramRunner(Protocol):
    """Carries out commands of this program, each in a process of its own."""

    async def carry_out(self, title: str, words: Sequence[str]) -> ProgramEnd:
        """Run `scraper WORDS…` to its end; OSError if it cannot be started. `title` goes before each line it says."""

    def stop(self) -> None:
        """Ask what is being carried out to end in order; a second time, at once."""
