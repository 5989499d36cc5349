"""Rules of a fleet: due nights, the order of tasks, and the consequences of their exit codes.

A fleet is several workers that share one queue. A task is one run of a job, or one operation on the archive. It is
carried out as a command of this program, whose exit code decides whether the task is done, retried or given up. The
queue has no credits: a task that is carried out twice finds its night's run over, or the job held by another process.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, Final, TypeAlias

from scraper.core.nights import Every, LastRun, Night, night_of

LOST_AFTER_S: Final = 30.0
"""Seconds without a heartbeat after which a worker counts as lost: it sends three in that time."""
BUSY_WAIT: Final = timedelta(seconds=10)
"""Wait before the next attempt at a task whose job another process holds."""
MOST_ATTEMPTS: Final = 16
"""Some four hours, with the waits below; then the night is given up, and the next one starts from zero."""
_FIRST_WAIT: Final = timedelta(seconds=15)
_LONGEST_WAIT: Final = timedelta(minutes=30)
_TABLE = re.compile(r"[a-z][a-z0-9_]*")
_PARTITION = re.compile(r"vendor=[a-z0-9][a-z0-9_-]*/date=\d{4}-\d{2}-\d{2}")
_HIGHEST_PRIORITY: Final = 2**31 - 1
"""The queue's column is a 32-bit integer."""


class TaskKind(StrEnum):
    """The kinds of work in a queue."""

    RUN = "run"
    COMPACT = "compact"
    REBUILD = "rebuild"


@dataclass(frozen=True, slots=True)
class FleetTask:
    """A task in the queue. It contains no file and no address, since each worker has the project."""

    kind: TaskKind
    job: str = ""
    """The job of a run, else empty."""
    accounts: tuple[str, ...] = ()
    """Ids of the accounts that the run uses."""
    weight: int = 1
    night_at: datetime | None = None
    """The night that it was queued for; ``None`` if it was submitted."""
    table: str | None = None
    """The table of a rebuild; ``None``: all tables."""
    partition: str | None = None
    """``vendor=…/date=…`` of a compaction or a rebuild; ``None``: all partitions."""

    @property
    def title(self) -> str:
        """The task in words; for a run, only the job."""
        if self.kind is TaskKind.RUN:
            return self.job
        return " ".join(filter(None, (self.kind.value, self.table, self.partition)))

    @property
    def key(self) -> str:
        """Only one task with this key waits in the queue at a time."""
        return f"{self.kind.value} {self.job or self.title}"

    @property
    def lock(self) -> str:
        """Only one task with this lock, a job or the archive, is carried out at a time."""
        return self.key if self.kind is TaskKind.RUN else "archive"

    @property
    def priority(self) -> int:
        """The highest is taken first: the job's weight, or 0 for work on the archive, which comes after every run."""
        return min(self.weight, _HIGHEST_PRIORITY) if self.kind is TaskKind.RUN else 0

    def to_json(self) -> dict[str, Any]:
        return {
            "kind": self.kind.value,
            "job": self.job,
            "accounts": list(self.accounts),
            "weight": self.weight,
            "night_at": None if self.night_at is None else self.night_at.astimezone(UTC).isoformat(),
            "table": self.table,
            "partition": self.partition,
        }


def task_of(stored: Mapping[str, Any]) -> FleetTask:
    """Return a task as `FleetTask.to_json` wrote it. Raises KeyError or ValueError for anything else.

    Table and partition become arguments of a command, so nothing else is accepted from those who write to the queue.
    """
    night, table, partition = stored["night_at"], stored["table"], stored["partition"]
    if table is not None and not _TABLE.fullmatch(table):
        raise ValueError(f"{table!r} is not the name of a table")
    if partition is not None and not _PARTITION.fullmatch(partition):
        raise ValueError(f"{partition!r} is not a partition")
    return FleetTask(
        kind=TaskKind(stored["kind"]),
        job=stored["job"],
        accounts=tuple(stored["accounts"]),
        weight=stored["weight"],
        night_at=None if night is None else datetime.fromisoformat(night),
        table=table,
        partition=partition,
    )


def due_night(every: Every, now: datetime, last: LastRun | None) -> Night | None:
    """Return the night that a run started now would belong to; ``None`` if it has its run, or has not begun.

    A worker starts no night early; the tolerance of `core.nights` is for timers that fire before their hour.
    """
    night = night_of(every, now, last)
    return None if night.has_run or night.begins_at > now else night


def night_number(every: Every, night: Night, last: LastRun | None) -> int:
    """Return the number under which the queue accepts a night once, whichever worker queues it.

    The nights of a job without `starts_at` begin with its first run, for which each worker would choose another
    instant: until then, workers agree on a grid that begins in 1970.
    """
    begins_s = int(night.begins_at.timestamp())
    if last is None and every.starts_at is None:
        return begins_s // every.period_s * every.period_s
    return begins_s


@dataclass(frozen=True, slots=True)
class Finished:
    """The task is over, with the result that its exit code states."""


@dataclass(frozen=True, slots=True)
class GivenUp:
    """The task is over, and needs a person's attention."""


@dataclass(frozen=True, slots=True)
class Again:
    """The task returns to the queue."""

    wait: timedelta
    why: str
    counts: bool = True
    """False if nothing went wrong: the attempt does not count towards `MOST_ATTEMPTS`."""


Verdict: TypeAlias = Finished | GivenUp | Again


def verdict_of(
    exit_code: int,
    attempts: int,
    *,
    stopping: bool = False,
    is_one_off: bool = False,
    next_at: datetime | None = None,
    now: datetime | None = None,
) -> Verdict:
    """Return the consequence of a command's exit code for its task; a negative code is the signal that killed it.

    0, 3, 6 and 7 are results of the night. 5 (archive or state), 130 (interrupted) and a kill may be the host's fault:
    the task is queued again, after a longer wait each time, or at once if this worker is stopping. 1, 2 and 4 need a
    person. A one-off job that waits for its quota (7) resumes at `next_at`.
    """
    match exit_code:
        case 7 if is_one_off and next_at is not None and now is not None:
            return Again(max(next_at - now, _FIRST_WAIT), "its quota is spent until then", counts=False)
        case 0 | 3 | 6 | 7:
            return Finished()
        case _ if stopping and (exit_code == 130 or exit_code < 0):
            return Again(timedelta(0), "interrupted", counts=False)
        case 5 | 130:
            why = "interrupted" if exit_code == 130 else "a fault of archive or state"
        case _ if exit_code < 0:
            why = f"killed by signal {-exit_code}"
        case _:
            return GivenUp()
    if attempts + 1 >= MOST_ATTEMPTS:
        return GivenUp()
    return Again(min(_FIRST_WAIT * 2 ** min(attempts, 16), _LONGEST_WAIT), why)
