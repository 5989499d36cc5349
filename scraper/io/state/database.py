"""One database under the three stores: a thread that writes, connections that read, a file or a server."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from datetime import datetime, timedelta
from itertools import islice
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from scraper.io.state.migrations import is_current, prepare
from scraper.io.state.writer import Failing, Writer

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


class Backend(Failing, Protocol):
    """A kind of database at one place; a second kind is a second class, chosen in `io.state._backend`."""

    label: str
    """Its short name, within the data directory."""
    place: str
    """The data directory, for messages."""

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

    def hold(self, job: str, holder: str) -> AbstractContextManager[None]:
        """Hold the job's lock; UsageError names the `holder` of a lock that is taken."""

    def is_held(self, job: str) -> bool:
        """Return True if a living process holds the job's lock."""

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

    def hold(self, job: str) -> AbstractContextManager[None]:
        return self.backend.hold(job, f"process {self.process}, since {self.now():%Y-%m-%d %H:%M:%S} UTC")

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
