"""Rules of a fleet: which nights are due, in which order tasks are taken, and what the end of a task means.

A fleet is several workers that share one queue. A task is one run of a job, or one piece of work on the archive, and
is carried out as a command of this program whose exit code decides what becomes of the task. The queue owns no
credits: a task that is done twice finds its night's run over, or the job held by another process.
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
"""Seconds without a sign of life after which a worker counts as lost: three of its heartbeats."""
BUSY_WAIT: Final = timedelta(seconds=10)
"""Until a task is tried again whose job another process holds."""
MOST_ATTEMPTS: Final = 16
"""with the waits below, some four hours: then the night is given up, and the next one tries anew."""
_FIRST_WAIT: Final = timedelta(seconds=15)
_LONGEST_WAIT: Final = timedelta(minutes=30)
_TABLE = re.compile(r"[a-z][a-z0-9_]*")
_PARTITION = re.compile(r"vendor=[a-z0-9][a-z0-9_-]*/date=\d{4}-\d{2}-\d{2}")
_HIGHEST_PRIORITY: Final = 2**31 - 1
"""The queue's column is an integer of 32 bits."""


class TaskKind(StrEnum):
    """What a task does."""

    RUN = "run"
    COMPACT = "compact"
    REBUILD = "rebuild"


@dataclass(frozen=True, slots=True)
class FleetTask:
    """A task as it is queued. It names no file and no address: each worker has the project."""

    kind: TaskKind
    job: str = ""
    """Of a run."""
    accounts: tuple[str, ...] = ()
    """Ids of the accounts that the run uses."""
    weight: int = 1
    night_at: datetime | None = None
    """The night that it was queued for; ``None``: it was submitted."""
    table: str | None = None
    """Of a rebuild; ``None``: all tables."""
    partition: str | None = None
    """``vendor=…/date=…``, of a compaction or a rebuild; ``None``: all."""

    @property
    def title(self) -> str:
        """The task in words; of a run, the job alone."""
        if self.kind is TaskKind.RUN:
            return self.job
        return " ".join(filter(None, (self.kind.value, self.table, self.partition)))

    @property
    def key(self) -> str:
        """Two tasks with one key never wait in the queue at once."""
        return f"{self.kind.value} {self.job or self.title}"

    @property
    def lock(self) -> str:
        """Two tasks with one lock are never carried out at once: a job, or the archive."""
        return self.key if self.kind is TaskKind.RUN else "archive"

    @property
    def priority(self) -> int:
        """The highest is taken first: a job's weight; work on the archive comes after every run."""
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

    Table and partition become words of a command: whoever may write to the queue can say nothing else with them.
    """
    night, table, partition = stored["night_at"], stored["table"], stored["partition"]
    if table is not None and not _TABLE.fullmatch(table):
        raise ValueError(f"{table!r} is no name of a table")
    if partition is not None and not _PARTITION.fullmatch(partition):
        raise ValueError(f"{partition!r} is no partition")
    return FleetTask(
        kind=TaskKind(stored["kind"]),
        job=stored["job"],
        accounts=tuple(stored["accounts"]),
        weight=stored["weight"],
        night_at=None if night is None else datetime.fromisoformat(night),
        table=table,
        partition=partition,
    )


# --- nights -----------------------------------------------------------------------------------------------------------


def due_night(every: Every, now: datetime, last: LastRun | None) -> Night | None:
    """Return the night that a run started now would belong to; ``None`` if it has its run, or has not begun.

    A worker starts no night early: what `core.nights` allows a timer that fires before its hour is not needed here.
    """
    night = night_of(every, now, last)
    return None if night.has_run or night.begins_at > now else night


def night_number(every: Every, night: Night, last: LastRun | None) -> int:
    """Return the number under which the queue accepts a night once, whichever worker queues it.

    A job that has never run and states no `starts_at` begins its nights with its first run, at another instant for each
    worker that looks: until then they agree on a grid from 1970 on.
    """
    begins_s = int(night.begins_at.timestamp())
    if last is None and every.starts_at is None:
        return begins_s // every.period_s * every.period_s
    return begins_s


# --- ends -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Finished:
    """The task is over; the exit code is its word."""


@dataclass(frozen=True, slots=True)
class GivenUp:
    """The task is over, and somebody has to look at it."""


@dataclass(frozen=True, slots=True)
class Again:
    """The task goes back into the queue."""

    wait: timedelta
    why: str
    counts: bool = True
    """False: nothing went wrong, and it is not one of its `MOST_ATTEMPTS`."""


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
    """Return what becomes of a task whose command ended so. A negative code is the number of the signal that killed it.

    0, 3, 6 and 7 are the night's own word. 5 (archive or state), 130 (interrupted) and a kill may be the host's: the
    task goes on elsewhere, later each time; at once where this worker is stopping. 1, 2 and 4 need a person. A one-off
    job that waits for its quota (7) goes on at `next_at`.
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
