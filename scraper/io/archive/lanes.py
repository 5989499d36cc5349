"""Lanes: work on an archive's parts, side by side in several processes.

Reading bodies again holds the interpreter's lock for most of its time, so that threads do not help (measured). The
first lane is this process; each other one is a child that `lane_process` runs, started when there is enough work, and
told one task after the other through pipes. A child writes files beside the archive and renames nothing: that is done
here.

Nothing is left to run when this process dies: the pipe ends, which ends the child, and until it has ended it holds the
archive's lock, whose descriptor it was given. A child that is killed fails the whole operation.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import IO, Any, Final, Protocol, TypeVar

from scraper.core.catalogue import Catalogue
from scraper.core.errors import ArchiveError
from scraper.core.tables import TableSelect

T_co = TypeVar("T_co", covariant=True)
T = TypeVar("T")
R = TypeVar("R")

WORTH_BYTES: Final = 8 * 2**20
"""Compressed bytes of pages for each lane from which it is worth its start, which takes half a second."""

MOST_LANES: Final = 8

LANE_BYTES: Final = 512 * 2**20
"""Free memory for each lane. One takes up to 400 MB, a fifth of them shared with the others."""

_PLENTY: Final = 2**40
_START: Final = (
    "import pickle, sys; sys.path[:] = pickle.load(sys.stdin.buffer); sys.modules['numpy'] = None; "
    "from scraper.io.archive.lane_process import main; main()"
)
"""pyarrow loads numpy where it is, and does without it: a quarter of the start (measured)."""
_SAFE: Final = "No page was touched, and every part is whole."


def usable_cores() -> int:
    """Return the processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


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
class Place:
    """What another process needs to know of an archive."""

    data: Path
    tables: Sequence[TableSelect]
    catalogue: Catalogue


@dataclass(slots=True)
class Lanes:
    """The lanes of one archive; closed before its lock is released."""

    archive: object
    """This process's own."""
    place: Place
    locked: int | None = None
    """Descriptor of the archive's lock, while it is held; without it there is one lane."""
    alone: bool = False
    """One lane only, as where the disk is not the plain one."""
    worth_bytes: int = WORTH_BYTES
    cores: int = field(default_factory=usable_cores)
    _children: list[_Child] = field(default_factory=list)

    def all_of(self, tasks: Sequence[Task[T]], size_bytes: int, then: Callable[[T], R]) -> list[R]:
        """Perform tasks; return what `then` makes of each result, in their order. It is called in this process.

        `size_bytes`: of everything that they read. The first error is raised once no lane works any more.
        """
        lanes = self._lanes(len(tasks), size_bytes)
        if lanes == 1:
            return [then(task.perform(self.archive)) for task in tasks]
        waiting: SimpleQueue[tuple[int, Task[T]]] = SimpleQueue()
        for each in enumerate(tasks):
            waiting.put(each)
        done: dict[int, R] = {}
        while len(self._children) < lanes - 1:
            self._children.append(_Child.started(self.place, self.locked))

        def work(perform: Callable[[Task[T]], T]) -> None:
            with _emptied_on_error(waiting):
                for number, task in _taken(waiting):
                    done[number] = then(perform(task))

        with ThreadPoolExecutor(lanes, "lane") as threads:
            performing: list[Callable[[Task[T]], T]] = [lambda task: task.perform(self.archive)]
            performing += [child.perform for child in self._children[: lanes - 1]]
            working = [threads.submit(work, perform) for perform in performing]
        failed = [error for lane in working if (error := lane.exception()) is not None]
        if failed:
            self.close()  # one of them may be dead
            raise failed[0]
        return [done[number] for number in range(len(tasks))]

    @property
    def processes(self) -> int:
        """Number of processes that are ready to work, this one among them."""
        return 1 + len(self._children)

    def close(self) -> None:
        """End the other processes."""
        children, self._children = self._children, []
        for child in children:
            child.end()

    def _lanes(self, tasks: int, size_bytes: int) -> int:
        if self.alone or self.locked is None or not sys.executable:
            return 1
        room = free_memory_bytes() // LANE_BYTES
        return max(1, min(tasks, self.cores, MOST_LANES, size_bytes // self.worth_bytes, room))


def _taken(waiting: SimpleQueue[T]) -> Iterator[T]:
    with contextlib.suppress(Empty):
        while True:
            yield waiting.get_nowait()


@contextlib.contextmanager
def _emptied_on_error(waiting: SimpleQueue[T]) -> Iterator[None]:
    """Let no lane begin anything more once one has failed."""
    try:
        yield
    except BaseException:
        for _ in _taken(waiting):
            pass
        raise


@dataclass(slots=True)
class _Child:
    """Another process, that performs one task at a time."""

    process: subprocess.Popen[bytes]
    to: IO[bytes]
    of: IO[bytes]

    @classmethod
    def started(cls, place: Place, locked: int | None) -> _Child:
        """Start it in a session of its own: Ctrl-C is for this process to answer."""
        process = subprocess.Popen(  # noqa: S603 - this interpreter, with our own text
            [sys.executable, "-I", "-c", _START],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
            pass_fds=() if locked is None else (locked,),
        )
        if process.stdin is None or process.stdout is None:
            raise AssertionError("both are pipes")
        child = cls(process, process.stdin, process.stdout)
        child._send(sys.path, place)
        return child

    def perform(self, task: Task[T]) -> T:
        """Return the task's result, or raise its error."""
        self._send(task)
        try:
            failed, result = pickle.load(self.of)  # noqa: S301 - of our own child
        except (EOFError, pickle.UnpicklingError) as fault:
            raise self._killed() from fault
        if failed:
            raise result
        return result  # type: ignore[no-any-return]

    def end(self) -> None:
        for pipe in (self.to, self.of):
            with contextlib.suppress(OSError):
                pipe.close()
        self.process.wait()

    def _send(self, *values: object) -> None:
        try:
            for value in values:
                pickle.dump(value, self.to)
            self.to.flush()
        except BrokenPipeError as fault:
            raise self._killed() from fault

    def _killed(self) -> ArchiveError:
        code = self.process.wait()
        how = f"was killed by signal {-code}" if code < 0 else f"ended with {code}"
        return ArchiveError(f"a process that worked on the archive's parts {how}. {_SAFE} Run the same command again.")
