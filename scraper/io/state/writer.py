"""The writing thread: it commits everything queued since its last commit in one transaction.

A durable commit costs a disk flush, so settlements that arrive together share one. If a statement of a batch fails,
the batch is rolled back and its members are committed one by one, so that a fault fails only its own member.

A database that another program has locked is waited for as long as it takes: what waits here was paid for.
"""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, Concatenate, ParamSpec, TypeAlias, TypeVar

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from scraper.core.errors import ScraperError, StateError

P = ParamSpec("P")
T = TypeVar("T")
_Work: TypeAlias = Callable[[Connection], Any]

MOST_IN_A_COMMIT = 256
"""Keeps the write lock brief: other processes wait for it."""
FEW_ATTEMPTS = 6
"""While nothing is at stake, a locked database is tried this often, each time for as long as its driver waits."""


class Writer:
    """A queue of work on one connection, committed in order."""

    def __init__(
        self,
        engine: Engine,
        where: str,
        free_space: Callable[[], bool] = lambda: False,
        say: Callable[[str], object] = lambda _: None,
        *,
        threaded: bool = True,
    ) -> None:
        """`free_space` is called when the disk is full, and returns True if a retry is worthwhile.

        `say` gets a sentence, in the writing thread, once for each lock that is waited for. Without `threaded`, the
        caller's own thread commits each piece of work at once.
        """
        self._engine = engine
        self._where = where
        self._free_space = free_space
        self._say = say
        self._at_stake = False
        """Work of `do` may be waiting, which may settle what was paid for."""
        self._queue: queue.SimpleQueue[tuple[_Work, Future[Any]] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._serve, name="state-writer", daemon=True) if threaded else None
        if self._thread is not None:
            self._thread.start()

    async def do(self, work: Callable[Concatenate[Connection, P], T], *args: P.args, **named: P.kwargs) -> T:
        """Run `work` in a transaction; return its result once that is committed."""
        self._at_stake = True
        return await asyncio.wrap_future(self._submit(lambda connection: work(connection, *args, **named)))

    def begin(self, work: Callable[[Connection], object]) -> None:
        """Run the first work in a transaction, before anything is at stake: it waits for a lock, but not for ever."""
        self._submit(work).result()

    def close(self) -> None:
        """Commit what is queued, then end the thread. Whoever waited for it has gone."""
        self._at_stake = False
        if self._thread is not None:
            self._queue.put(None)
            self._thread.join()

    def _submit(self, work: Callable[[Connection], T]) -> Future[T]:
        future: Future[T] = Future()
        if self._thread is None:
            self._commit([(work, future)])
        else:
            self._queue.put((work, future))
        return future

    def _serve(self) -> None:
        open_for_more = True
        while open_for_more:
            batch = [self._queue.get()]
            while len(batch) < MOST_IN_A_COMMIT and not self._queue.empty():
                batch.append(self._queue.get())
            open_for_more = None not in batch
            members = [member for member in batch if member is not None and member[1].set_running_or_notify_cancel()]
            self._commit(members)

    def _commit(self, members: list[tuple[_Work, Future[Any]]]) -> None:
        if not members:
            return
        try:
            results = self._in_one_transaction([work for work, _ in members])
        except BaseException as failure:
            if _is_full(failure) and self._free_space():
                self._commit(members)
            elif len(members) > 1:
                for member in members:
                    self._commit([member])
            else:
                members[0][1].set_exception(self._named(failure))
        else:
            for (_, future), result in zip(members, results, strict=True):
                future.set_result(result)

    def _in_one_transaction(self, works: list[_Work]) -> list[Any]:
        attempts = 0
        while True:
            try:
                with self._engine.begin() as connection:
                    return [work(connection) for work in works]
            except DBAPIError as failure:
                attempts += 1
                if not _is_locked(failure) or (attempts >= FEW_ATTEMPTS and not self._at_stake):
                    raise
                if attempts == 1:
                    self._say(f"{self._where} is locked by another program; waiting, nothing is lost")

    def _named(self, failure: BaseException) -> BaseException:
        if isinstance(failure, ScraperError) or not isinstance(failure, SQLAlchemyError):
            return failure
        return database_error(failure, self._where)


def _is_locked(failure: DBAPIError) -> bool:
    return "locked" in str(failure.orig)


def _is_full(failure: BaseException) -> bool:
    return isinstance(failure, DBAPIError) and "full" in str(failure.orig)


def database_error(failure: SQLAlchemyError, where: str) -> StateError:
    """Return a database error as a message: the cause, what stays true, what to do."""
    met = str(failure.orig) if isinstance(failure, DBAPIError) else str(failure)
    advice = "free some space" if "full" in met else "check the disk and the file's permissions"
    if "locked" in met:
        advice = "another process holds its lock: wait for it, or stop it"
    if "malformed" in met or "not a database" in met:
        advice = "the file is damaged: restore a backup, or move it away to start a new ledger"
    return StateError(f"the state database {where} cannot be used: {met}. Everything committed is kept; {advice}.")
