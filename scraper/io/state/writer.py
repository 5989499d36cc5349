"""The writing thread: it commits everything queued since its last commit in one transaction.

A durable commit costs a disk flush, so settlements that arrive together share one. If a statement of a batch fails,
the batch is rolled back and its members are committed one by one, so that a fault fails only its own member. Where a
database has several writers, work of each kind has a transaction of its own: it locks what it needs at its beginning
(`io.state.row_locks`), and two mixed batches could deadlock.

A database that another program has locked, or whose server is away, is waited for as long as it takes: what waits here
was paid for. If the answer to a commit is lost, the writer looks for the transaction before it repeats it, so that
nothing is reserved or settled twice.
"""

from __future__ import annotations

import asyncio
import queue
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Concatenate, ParamSpec, Protocol, TypeAlias, TypeVar

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from scraper.core.errors import ScraperError, StateError

P = ParamSpec("P")
T = TypeVar("T")
Item = TypeVar("Item")
_Work: TypeAlias = Callable[[Connection, Sequence[Any]], Sequence[Any]]
"""Work for several items at once: a result for each."""

MOST_IN_A_COMMIT = 256
"""Keeps the write lock brief: other processes wait for it."""
FEW_ATTEMPTS = 6
"""Attempts on a locked database or an absent server while nothing is at stake; each lasts as long as its driver waits.
"""
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.1, 2.0
"""Pauses between attempts to reach a server grow from the first to the longest."""


class Failing(Protocol):
    """The failures and lost commits of a database."""

    name: str
    """The database, for messages."""
    one_writer: bool
    """Only one writing transaction is open at a time."""

    def mark(self, connection: Connection) -> Any:  # noqa: ANN401 - its own
        """Mark a transaction before its commit, for `was_committed`."""

    def was_committed(self, connection: Connection, mark: Any) -> bool:  # noqa: ANN401
        """Return True if the marked transaction was committed, although the answer was lost."""

    def close(self, connection: Connection) -> None:
        """Remove the marks."""

    def is_gone(self, failure: DBAPIError) -> bool:
        """Return True if the database is temporarily unreachable."""

    def is_busy(self, failure: DBAPIError) -> bool:
        """Return True if a retry may succeed."""

    def is_full(self, failure: DBAPIError) -> bool:
        """Return True if the disk of the database is full."""

    def explained(self, failure: SQLAlchemyError) -> StateError:
        """Return a failure as a message: the cause, what stays true, what to do."""


@dataclass(frozen=True, slots=True)
class _Queued:
    work: _Work
    item: Any
    future: asyncio.Future[Any]


class Writer:
    """A queue of work on one connection, committed in order."""

    def __init__(
        self,
        engine: Engine,
        backend: Failing,
        free_space: Callable[[], bool] = lambda: False,
        say: Callable[[str], object] = lambda _: None,
        *,
        threaded: bool = True,
        pause: Callable[[float], object] = time.sleep,
    ) -> None:
        """`free_space` is called when the disk is full, and returns True if a retry is worthwhile.

        `say` gets a sentence, in the writing thread, once for each time that the database is waited for. Without
        `threaded`, the caller's own thread commits each piece of work at once. `pause` waits for some seconds.
        """
        self._engine = engine
        self._backend = backend
        self._free_space = free_space
        self._say = say
        self._pause = pause
        self._at_stake = False
        """Work of `do` and `join` may be waiting, which may settle what was paid for."""
        self._has_marked = False
        self._queue: queue.SimpleQueue[_Queued | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._serve, name="state-writer", daemon=True) if threaded else None
        if self._thread is not None:
            self._thread.start()

    async def do(self, work: Callable[Concatenate[Connection, P], T], *args: P.args, **named: P.kwargs) -> T:
        """Run `work` in a transaction; return its result once that is committed."""

        def alone(connection: Connection, _items: Sequence[None]) -> Sequence[T]:
            return [work(connection, *args, **named)]

        return await self.join(alone, None)

    async def join(self, work: Callable[[Connection, Sequence[Item]], Sequence[T]], item: Item) -> T:
        """Run `work` for this item, together with all others that are queued for it, in the place of the first.

        The order does not matter, as all callers are still waiting.
        """
        self._at_stake = True
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        queued = _Queued(work, item, future)
        if self._thread is None:
            _deliver(self._commit([queued]))
        else:
            self._queue.put(queued)
        return await future

    def begin(self, work: Callable[[Connection], object]) -> None:
        """Run the first work in a transaction, before anything is at stake: it waits for a lock, but gives up.

        The caller's own thread commits it. Raises StateError.
        """
        try:
            self._in_one_transaction([(lambda connection, _items: [work(connection)], [None])])
        except SQLAlchemyError as failure:
            raise self._named(failure) from failure

    def close(self) -> None:
        """Commit what is queued, then end the thread. Nobody waits for the results any longer."""
        self._at_stake = False
        if self._thread is not None:
            self._queue.put(None)
            self._thread.join()
        if self._has_marked and not self._backend.one_writer:
            with suppress(SQLAlchemyError), self._engine.begin() as connection:
                self._backend.close(connection)

    def _serve(self) -> None:
        open_for_more = True
        while open_for_more:
            batch = [self._queue.get()]
            while len(batch) < MOST_IN_A_COMMIT and not self._queue.empty():
                batch.append(self._queue.get())
            open_for_more = None not in batch
            _tell(self._commit([one for one in batch if one is not None and not one.future.cancelled()]))

    def _commit(self, members: Sequence[_Queued]) -> list[_Met]:
        """Commit the work of all members together, or else one by one; return the outcome of each."""
        if not members:
            return []
        together: dict[_Work, list[_Queued]] = {}
        for member in members:
            together.setdefault(member.work, []).append(member)
        if len(together) > 1 and not self._backend.one_writer:
            return [met for some in together.values() for met in self._commit(some)]
        try:
            works = [(work, [one.item for one in some]) for work, some in together.items()]
            results = self._in_one_transaction(works)
        except BaseException as failure:
            if isinstance(failure, DBAPIError) and self._backend.is_full(failure) and self._free_space():
                return self._commit(members)
            if len(members) > 1:
                return [met for member in members for met in self._commit([member])]
            return [(members[0].future, self._named(failure), None)]
        met: list[_Met] = []
        for some, found in zip(together.values(), results, strict=True):
            met += ((member.future, None, result) for member, result in zip(some, found, strict=True))
        return met

    def _in_one_transaction(self, works: Sequence[tuple[_Work, Sequence[Any]]]) -> list[Sequence[Any]]:
        attempts = 0
        while True:
            mark, results = None, None
            try:
                with self._engine.begin() as connection:
                    found = [work(connection, items) for work, items in works]
                    mark = self._backend.mark(connection)
                    results = found
            except DBAPIError as failure:
                attempts += 1
                self.wait(failure, attempts, self._engine)
                if results is None or not self._was_committed(mark, attempts):
                    continue
            self._has_marked |= mark is not None
            return results

    def wait(self, failure: DBAPIError, attempts: int, engine: Engine) -> None:
        """Wait until a retry over this engine is worthwhile; otherwise raise the failure."""
        gone = self._backend.is_gone(failure)
        if not (gone or self._backend.is_busy(failure)) or (attempts >= FEW_ATTEMPTS and not self._at_stake):
            raise failure
        if attempts == 1:
            met = "does not answer" if gone else "is locked by another program"
            self._say(f"{self._backend.name} {met}; waiting, nothing is lost")
        if gone:
            if self._backend.is_full(failure):
                self._free_space()
            engine.dispose()
            self._pause(min(FIRST_PAUSE_S * 2 ** (attempts - 1), LONGEST_PAUSE_S))

    def _was_committed(self, mark: Any, attempts: int) -> bool:  # noqa: ANN401 - the backend's
        """Ask, as soon as the database answers, whether the marked transaction was committed."""
        while True:
            try:
                with self._engine.connect() as connection:
                    return self._backend.was_committed(connection, mark)
            except DBAPIError as failure:
                attempts += 1
                self.wait(failure, attempts, self._engine)

    def _named(self, failure: BaseException) -> BaseException:
        if isinstance(failure, ScraperError) or not isinstance(failure, SQLAlchemyError):
            return failure
        return self._backend.explained(failure)


_Met: TypeAlias = tuple[asyncio.Future[Any], BaseException | None, Any]
"""A member's future, and its failure or its result."""


def _tell(met: Sequence[_Met]) -> None:
    """Wake each event loop once for all of its members: every wake-up is a system call."""
    by_loop: dict[asyncio.AbstractEventLoop, list[_Met]] = {}
    for one in met:
        by_loop.setdefault(one[0].get_loop(), []).append(one)
    for loop, some in by_loop.items():
        with suppress(RuntimeError):  # the loop is closed, and nobody waits any more
            loop.call_soon_threadsafe(_deliver, some)


def _deliver(met: Sequence[_Met]) -> None:
    for future, failure, result in met:
        if future.done():  # its caller was cancelled meanwhile
            continue
        if failure is None:
            future.set_result(result)
        else:
            future.set_exception(failure)
