"""One database under the three stores: a thread that writes, connections that read, a file or a server."""

from __future__ import annotations

import os
import socket
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Sequence
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager, suppress
from datetime import datetime, timedelta
from itertools import islice
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from scraper.io.state.leases import Fence, Leases, confirm
from scraper.io.state.migrations import is_current, prepare
from scraper.io.state.writer import Failing, Writer
from scraper.ports import ARCHIVE, Holding

P = ParamSpec("P")
T = TypeVar("T")
Item = TypeVar("Item")


class Follower(Protocol):
    """A clock that follows that of a database."""

    @property
    def doubt_s(self) -> float:
        """The seconds by which the database's clock may be ahead of it."""

    def follow(self, at: datetime, asked_s: float, answered_s: float) -> None:
        """Learn the database's time, and when, in seconds since boot, it was asked for and answered."""


class Space(Protocol):
    """Disk space reserved for requests in flight."""

    def claim(self) -> None:
        """Reserve the space; StateError if the disk lacks it."""

    def release(self) -> bool:
        """Free the space; return False if none was reserved."""


class StateHold(Holding, Protocol):
    """A job that this process holds, and what its transactions compare with the state."""

    @property
    def fence(self) -> Fence | None:
        """``None``: a lock that no other process can take meanwhile."""


class Backend(Failing, Protocol):
    """A kind of database at one place; a second kind is a second class, chosen in `io.state._backend`."""

    label: str
    """Its short name, within the data directory."""
    place: str
    """The data directory, for messages."""
    leases: Leases | None
    """``None``: a state of one machine, whose locks are files."""

    def exists(self) -> bool:
        """Return True if the database exists."""

    def engines(self, follow: Follower | None = None) -> tuple[Engine, Engine]:
        """Return an engine that writes and one that reads; create what is missing. `follow`: see `open_stores`."""

    def ask_time(self, connection: Connection) -> None:
        """Tell the database's time to whoever follows it."""

    def lock_schema(self, connection: Connection) -> None:
        """Let no other process create or migrate the schema until this transaction ends."""

    def lock_all(self, connection: Connection) -> None:
        """Let nobody write anything until this transaction ends."""

    def hold(self, job: str, process: str, since: datetime) -> AbstractContextManager[StateHold]:
        """Hold the job as this `process`, ``host:pid``; HeldElsewhereError names another one that does."""

    def is_held(self, job: str) -> bool:
        """Return True if a living process holds the job."""

    def headroom(self, job: str) -> Space:
        """Return the space to reserve for a run of the job."""


class Database:
    def __init__(
        self,
        backend: Backend,
        now: Callable[[], datetime],
        *,
        kind: str | None,
        threaded: bool = True,
        say: Callable[[str], object] = lambda _: None,
        follow: Follower | None = None,
    ) -> None:
        """See `open_stores`."""
        self.now = now
        self._follower = follow
        self.backend = backend
        self.process = f"{socket.gethostname()}:{os.getpid()}"
        self.full = False
        """The disk is full: no more credits are reserved."""
        self.job: Fence | None = None
        """The lease of the job that this process runs; ``None`` without one, or with a file lock."""
        self.archive: Fence | None = None
        """The lease of the archive, while this process has it."""
        self._say = say
        self._writing, self.reading = backend.engines(follow)
        self._space: Space | None = None
        self._writer = Writer(self._writing, backend, self._free_space, say, threaded=threaded)
        try:
            if not self._is_current(kind):
                self._writer.begin(lambda connection: self._prepare(connection, kind))
        except BaseException:
            self.close()
            raise
        self.do = self._writer.do
        self.join = self._writer.join

    def _prepare(self, connection: Connection, kind: str | None) -> None:
        self.backend.lock_schema(connection)
        prepare(connection, self.backend.name, self.backend.place, kind)

    def _is_current(self, kind: str | None) -> bool:
        with self.read() as connection:
            self.backend.ask_time(connection)
            return is_current(connection, self.backend.name, self.backend.place, kind)

    @property
    def doubt(self) -> timedelta:
        """The time by which the database's clock may be ahead of `now`."""
        return timedelta(seconds=0.0 if self._follower is None else self._follower.doubt_s)

    @contextmanager
    def hold(self, job: str) -> Iterator[Holding]:
        with self.backend.hold(job, self.process, self.now()) as hold:
            self.job = hold.fence
            try:
                yield hold
            finally:
                self.job = None

    @asynccontextmanager
    async def hold_archive(self) -> AsyncIterator[Holding | None]:
        """Wait for and hold the archive's lease, if the state is shared."""
        leases = self.backend.leases
        if leases is None:
            yield None
            return
        taken = await leases.wait_for(ARCHIVE, self.process, self._say)
        with leases.keep(taken):
            self.archive = taken.fence
            try:
                yield taken
            finally:
                self.archive = None

    @contextmanager
    def headroom(self, job: str) -> Iterator[None]:
        """Reserve the space for the duration of the block, or until the disk is full."""
        self._space = self.backend.headroom(job)
        self._space.claim()
        try:
            yield
        finally:
            self._space.release()

    def _free_space(self) -> bool:
        self.full = True
        return self._space is not None and self._space.release()

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Yield a connection for reading in the caller's thread; StateError if the database cannot be read."""
        try:
            with self.reading.connect() as connection:
                yield connection
        except SQLAlchemyError as failure:
            raise self.backend.explained(failure) from failure

    @contextmanager
    def writes(self) -> Iterator[Connection]:
        """Yield a connection in a writing transaction in the caller's thread, while nothing else uses this object."""
        try:
            with self._writing.begin() as connection:
                yield connection
        except SQLAlchemyError as failure:
            raise self.backend.explained(failure) from failure

    def reads(self, work: Callable[[Connection], T]) -> T:
        """Return what `work` reads, in the caller's thread; it is repeated over another connection if one is lost."""
        (found,) = self.read_each([None], lambda connection, _: work(connection))
        return found

    def read_each(self, items: Sequence[Item], work: Callable[[Connection, Item], T]) -> Iterator[T]:
        """Yield what `work` reads of each item, over one connection as long as there is one."""
        done = attempts = 0
        while done < len(items):
            try:
                with self.reading.connect() as connection:
                    while done < len(items):
                        found = work(connection, items[done])
                        done, attempts = done + 1, 0
                        yield found
            except SQLAlchemyError as failure:
                attempts += 1
                self._wait_to_read(failure, attempts)

    def read_all(self, rows: Callable[[Connection], Iterator[T]]) -> Iterator[T]:
        """Yield rows that are read little by little, in an order of their own; go on after those that were yielded."""
        done = attempts = 0
        while True:
            try:
                with self.reading.connect() as connection:
                    for row in islice(rows(connection), done, None):
                        done, attempts = done + 1, 0
                        yield row
            except SQLAlchemyError as failure:
                attempts += 1
                self._wait_to_read(failure, attempts)
            else:
                return

    def _wait_to_read(self, failure: SQLAlchemyError, attempts: int) -> None:
        """Wait for a database that is gone; StateError if it cannot be read."""
        if isinstance(failure, DBAPIError) and self.backend.is_gone(failure):
            with suppress(DBAPIError):
                self._writer.wait(failure, attempts, self.reading)
                return
        raise self.backend.explained(failure) from failure

    def close(self) -> None:
        """Commit what is queued, then close all connections."""
        self._writer.close()
        self._writing.dispose()
        self.reading.dispose()
        if self.backend.leases is not None:
            self.backend.leases.close()


class Store:
    """A part of the state over an open database."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._do = database.do
        self._join = database.join


def in_transaction(
    work: Callable[Concatenate[Connection, P], T],
) -> Callable[Concatenate[Store, P], Coroutine[Any, Any, T]]:
    """Turn a function of a connection into a store's method that runs it in one committed transaction."""

    async def method(store: Store, /, *args: P.args, **named: P.kwargs) -> T:
        return await store._do(work, *args, **named)

    return method


def of_job(work: Callable[Concatenate[Connection, P], T]) -> Callable[Concatenate[Store, P], Coroutine[Any, Any, T]]:
    """Like `in_transaction`, for what only the holder of the job may change; LeaseLostError once another has it."""

    async def method(store: Store, /, *args: P.args, **named: P.kwargs) -> T:
        return await store._do(fenced(work, store._database.job), *args, **named)

    return method


def of_archive(
    work: Callable[Concatenate[Connection, P], T],
) -> Callable[Concatenate[Store, P], Coroutine[Any, Any, T]]:
    """Like `in_transaction`, for what only the holder of the archive may note; LeaseLostError once another has it."""

    async def method(store: Store, /, *args: P.args, **named: P.kwargs) -> T:
        return await store._do(fenced(work, store._database.archive), *args, **named)

    return method


def fenced(
    work: Callable[Concatenate[Connection, P], T], fence: Fence | None
) -> Callable[Concatenate[Connection, P], T]:
    """Return the work as one that confirms a lease first."""

    def confirmed(connection: Connection, /, *args: P.args, **named: P.kwargs) -> T:
        confirm(connection, fence)
        return work(connection, *args, **named)

    return work if fence is None else confirmed
