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
    """A clock that follows the database's."""

    @property
    def doubt_s(self) -> float:
        """The most seconds by which the database's clock is ahead of this one."""

    def follow(self, at: datetime, asked_s: float, answered_s: float) -> None:
        """Follow a database's time `at`, requested and answered at these seconds since boot."""


class Space(Protocol):
    """Disk space reserved for requests in flight."""

    def claim(self) -> None:
        """Reserve the space; StateError if the disk lacks it."""

    def release(self) -> bool:
        """Free the space; return False if none was reserved."""


class StateHold(Holding, Protocol):
    """A job that this process holds, and the fence of its transactions."""

    @property
    def fence(self) -> Fence | None:
        """``None``: a file lock, which no other process can take meanwhile."""


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
        """Pass the database's time to the follower, if any."""

    def lock_schema(self, connection: Connection) -> None:
        """Keep other processes from creating or migrating the schema until this transaction ends."""

    def lock_all(self, connection: Connection) -> None:
        """Keep everybody else from writing until this transaction ends."""

    def hold(self, job: str, process: str, since: datetime) -> AbstractContextManager[StateHold]:
        """Hold the job as this `process`, ``host:pid``; HeldElsewhereError names another holder."""

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
        """The lease of the archive, while this process holds it."""
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
        """The longest time by which the database's clock is ahead of `now`."""
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
        """Yield a connection in a writing transaction, in the caller's thread; not thread-safe."""
        try:
            with self._writing.begin() as connection:
                yield connection
        except SQLAlchemyError as failure:
            raise self.backend.explained(failure) from failure

    def reads(self, work: Callable[[Connection], T]) -> T:
        """Return what `work` reads, in the caller's thread; it is retried over a new connection if one is lost."""
        (found,) = self.read_each([None], lambda connection, _: work(connection))
        return found

    def read_each(self, items: Sequence[Item], work: Callable[[Connection, Item], T]) -> Iterator[T]:
        """Yield what `work` reads for each item, over one connection, or a new one if that is lost."""
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
        """Yield rows in a stable order as they are read; after a lost connection, continue behind the last one."""
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
        """Wait for a database that is away; StateError for any other failure."""
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
    """Like `in_transaction`, for changes by the holder of the job; LeaseLostError once another process holds it."""

    async def method(store: Store, /, *args: P.args, **named: P.kwargs) -> T:
        return await store._do(fenced(work, store._database.job), *args, **named)

    return method


def of_archive(
    work: Callable[Concatenate[Connection, P], T],
) -> Callable[Concatenate[Store, P], Coroutine[Any, Any, T]]:
    """Like `in_transaction`, for changes by the holder of the archive; LeaseLostError once another process holds it."""

    async def method(store: Store, /, *args: P.args, **named: P.kwargs) -> T:
        return await store._do(fenced(work, store._database.archive), *args, **named)

    return method


def fenced(
    work: Callable[Concatenate[Connection, P], T], fence: Fence | None
) -> Callable[Concatenate[Connection, P], T]:
    """Return the work, preceded by a check of the lease."""

    def confirmed(connection: Connection, /, *args: P.args, **named: P.kwargs) -> T:
        confirm(connection, fence)
        return work(connection, *args, **named)

    return work if fence is None else confirmed
