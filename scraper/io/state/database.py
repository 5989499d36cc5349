"""One database under the three stores: a thread that writes, connections that read, a file or a server."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Coroutine, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from scraper.io.state.migrations import prepare
from scraper.io.state.writer import Writer, database_error

P = ParamSpec("P")
T = TypeVar("T")


class Space(Protocol):
    """Space kept back for answers in flight."""

    def claim(self) -> None:
        """Take the space; StateError where it is not there."""

    def release(self) -> bool:
        """Give the space back; False where there was none to give."""


class Backend(Protocol):
    """A kind of database at one place; a second kind is a second class, chosen in `open_stores`."""

    name: str
    """The database, for messages."""
    label: str
    """The same in short, within its data directory."""
    place: str
    """The data directory, for messages."""

    def exists(self) -> bool:
        """Tell whether anything has been stored there."""

    def engines(self) -> tuple[Engine, Engine]:
        """Return an engine whose transactions take the write lock, and one for reading; creates what is missing."""

    def hold(self, job: str, holder: str) -> AbstractContextManager[None]:
        """Hold the job's lock; UsageError with the `holder` of whoever holds it."""

    def headroom(self, job: str) -> Space:
        """Return the space that a run of the job keeps back."""


class Database:
    """An open database."""

    def __init__(
        self, backend: Backend, now: Callable[[], datetime], *, kind: str | None, threaded: bool = True
    ) -> None:
        """See `open_stores`."""
        self.now = now
        self.backend = backend
        self.process = f"{socket.gethostname()}:{os.getpid()}"
        self.full = False
        """The disk has filled: nothing new is reserved."""
        self._writing, self.reading = backend.engines()
        try:
            with self._writing.begin() as connection:
                prepare(connection, backend.name, backend.place, kind)
        except SQLAlchemyError as failure:
            raise database_error(failure, backend.name) from failure
        self._space: Space | None = None
        self._writer = Writer(self._writing, backend.name, self._free_space, threaded=threaded)
        self.do = self._writer.do

    def hold(self, job: str) -> AbstractContextManager[None]:
        """Hold the job's lock in this process's name."""
        return self.backend.hold(job, f"process {self.process}, since {self.now():%Y-%m-%d %H:%M:%S} UTC")

    @contextmanager
    def headroom(self, job: str) -> Iterator[None]:
        """Keep space back until the end, or until the disk is full."""
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
        """Give a connection for reading in the caller's thread; StateError where it cannot be read."""
        try:
            with self.reading.connect() as connection:
                yield connection
        except SQLAlchemyError as failure:
            raise database_error(failure, self.backend.name) from failure

    def close(self) -> None:
        """Finish what is queued and let go of the database."""
        self._writer.close()
        self._writing.dispose()
        self.reading.dispose()


class Store:
    """A part of the state over an open database."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._do = database.do


def in_transaction(
    work: Callable[Concatenate[Connection, P], T],
) -> Callable[Concatenate[Store, P], Coroutine[Any, Any, T]]:
    """Make a store's method of a function of a connection: carried out in one transaction, and committed."""

    async def method(store: Store, /, *args: P.args, **named: P.kwargs) -> T:
        return await store._do(work, *args, **named)

    return method
