"""Work on an archive's parts, in parallel in several processes.

A process reads bodies in one thread, selects in a second and compresses in a third: two cores. This process works
itself; where there are more cores, the others are workers (`io.worker`), started when there is enough to do. A worker
writes files beside the archive and renames nothing: that is done here.

While it carries out a task, a worker holds a copy of the archive's lock: if this process dies, nobody else begins
before the worker has ended too. A worker that is killed fails the whole operation.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, Final, Protocol, TypeVar

from scraper.core.catalogue import Catalogue
from scraper.core.errors import ArchiveError
from scraper.core.tables import TableSelect
from scraper.io.archive.worker_side import open_archive, opened_archive
from scraper.io.worker import Worker, WorkerGoneError

T_co = TypeVar("T_co", covariant=True)
T = TypeVar("T")
R = TypeVar("R")

WORTH_BYTES: Final = 8 * 2**20
"""Compressed bytes of pages for each process that make its start, half a second, worthwhile."""

CORES_EACH: Final = 2
"""Cores that one process keeps busy: it decodes one batch of answers while DuckDB selects from the previous one and the
rows of the one before that are compressed. On two cores, two processes took 1.4 times the CPU of one, and 130 MB more
(measured)."""

MOST_PROCESSES: Final = 8

PROCESS_BYTES: Final = 512 * 2**20
"""Free memory for each process. One takes up to 400 MB, a fifth of them shared with the others."""

_PLENTY: Final = 2**40


def usable_cores() -> int:
    """Return the processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def useful_processes(cores: int | None = None) -> int:
    """Return how many processes this machine's cores keep busy."""
    return min(MOST_PROCESSES, -(-(cores or usable_cores()) // CORES_EACH))


def free_memory_bytes(root: Path = Path("/")) -> int:
    """Return the memory that this machine, or the container that this process is in, has left (Linux).

    Elsewhere nothing is known to be short.
    """
    left = [_PLENTY]
    with contextlib.suppress(OSError, ValueError, StopIteration):
        lines = (root / "proc/meminfo").read_text().splitlines()
        left.append(int(next(line for line in lines if line.startswith("MemAvailable:")).split()[1]) * 1024)
    with contextlib.suppress(OSError, ValueError):  # "max": no limit
        group = root / "sys/fs/cgroup"
        used = int((group / "memory.current").read_text())
        left.append(int((group / "memory.max").read_text()) - used)
    return max(0, min(left))


class Task(Protocol[T_co]):
    """Work on one part; a value that can be sent to another process, and so can its result."""

    def perform(self, archive: Any) -> T_co:  # noqa: ANN401 - a ParquetArchive, which imports this module
        """Do the work with the archive of the process that it was sent to."""


@dataclass(frozen=True, slots=True)
class ArchivePlace:
    """The arguments with which another process opens an archive."""

    data: Path
    tables: Sequence[TableSelect]
    catalogue: Catalogue
    archive: str | None = None
    """The archive's directory or URL, if it is not in the data directory."""


@dataclass(slots=True)
class WorkerPool:
    """The processes that work on one archive; closed before its lock is released."""

    archive: object
    """This process's own."""
    place: ArchivePlace
    locked: int | None = None
    """Descriptor of the archive's lock, while it is held; without it this process works alone."""
    alone: bool = False
    """A pool of this process only, for disks that are not the plain one."""
    worth_bytes: int = WORTH_BYTES
    most_processes: int = field(default_factory=useful_processes)
    start: Callable[[], Worker] = Worker
    _workers: list[_PoolWorker] = field(default_factory=list)

    def perform_all(self, tasks: Sequence[Task[T]], size_bytes: int, then: Callable[[T], R]) -> list[R]:
        """Perform tasks; return what `then` makes of each result, in their order. It is called in this process.

        `size_bytes`: of everything that they read. The first error is raised once all processes have stopped.
        """
        workers = self._workers_for(self._processes(len(tasks), size_bytes))
        if not workers:
            return [then(task.perform(self.archive)) for task in tasks]
        waiting: SimpleQueue[tuple[int, Task[T]]] = SimpleQueue()
        for each in enumerate(tasks):
            waiting.put(each)
        done: dict[int, R] = {}

        def work(perform: Callable[[Task[T]], T]) -> None:
            with _emptied_on_error(waiting):
                for number, task in _taken(waiting):
                    done[number] = then(perform(task))

        with ThreadPoolExecutor(1 + len(workers), "archive-worker") as threads:
            performing: list[Callable[[Task[T]], T]] = [lambda task: task.perform(self.archive)]
            performing += [partial(worker.perform, locked=self.locked) for worker in workers]
            working = [threads.submit(work, perform) for perform in performing]
        failed = [error for each in working if (error := each.exception()) is not None]
        if failed:
            self.close()  # one of them may be dead
            raise failed[0]
        return [done[number] for number in range(len(tasks))]

    @property
    def processes(self) -> int:
        """Number of processes that are ready to work, this one among them."""
        return 1 + len(self._workers)

    def close(self) -> None:
        """End the other processes."""
        workers, self._workers = self._workers, []
        for worker in workers:
            worker.process.close()

    def _workers_for(self, processes: int) -> Sequence[_PoolWorker]:
        """Return the workers for so many processes, or fewer where the system starts no more."""
        with contextlib.suppress(OSError):
            while len(self._workers) < processes - 1:
                self._workers.append(_PoolWorker(self.place, self.start()))
        return self._workers[: processes - 1]

    def _processes(self, tasks: int, size_bytes: int) -> int:
        if self.alone or self.locked is None or not sys.executable:
            return 1
        room = free_memory_bytes() // PROCESS_BYTES
        return max(1, min(tasks, self.most_processes, size_bytes // self.worth_bytes, room))


def _taken(waiting: SimpleQueue[T]) -> Iterator[T]:
    with contextlib.suppress(Empty):
        while True:
            yield waiting.get_nowait()


@contextlib.contextmanager
def _emptied_on_error(waiting: SimpleQueue[T]) -> Iterator[None]:
    """Keep other processes from starting tasks once one has failed."""
    try:
        yield
    except BaseException:
        for _ in _taken(waiting):
            pass
        raise


@dataclass(slots=True)
class _PoolWorker:
    """A worker that opens the archive when its first task comes: it starts while this process works."""

    place: ArchivePlace
    process: Worker
    is_open: bool = False

    def perform(self, task: Task[T], locked: int | None) -> T:
        """Return the task's result, or raise its error."""
        try:
            if not self.is_open:
                self.process.call(_open, self.place)
                self.is_open = True
            return self.process.call(_perform, task, descriptor=locked)  # type: ignore[no-any-return]
        except WorkerGoneError as gone:
            raise ArchiveError(
                f"a process that worked on the archive's parts has ended: {gone}. No page was touched, and every part "
                "is whole. Run the same command again."
            ) from gone


# --- in the worker ----------------------------------------------------------------------------------------------------

_KEPT: Final = contextlib.ExitStack()
"""The connection with the tables' SELECTs, for as long as the process lives."""


def _open(place: ArchivePlace) -> None:
    open_archive(place.data, place.tables, place.catalogue, place.archive)
    _KEPT.enter_context(opened_archive().keeping_selects())


def _perform(task: Task[Any]) -> Any:  # noqa: ANN401 - whatever the task gives
    return task.perform(opened_archive())
