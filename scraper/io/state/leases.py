"""Leases of a shared state: rows `(what, holder, epoch, since, expires_at)`, taken and renewed in short transactions.

The time is the database's, so that no host's clock matters. A holder renews its lease after a third of its time, in a
thread and over a connection of its own, as the event loop or the writer may be busy. It counts the same time down by
its machine's uptime from *before* the request, so that it doubts its lease no later than others may take it.

A lease alone does not stop a suspended process from writing when it resumes: its writes are fenced. Its transactions
compare the epoch under a lock of the row that allows renewals (``FOR KEY SHARE``) but blocks taking the lease (``FOR
UPDATE``). So a transaction of the old holder either ends before the new one has the lease, or is refused.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import count
from typing import Any, Final, Protocol

from sqlalchemy import (
    URL,
    BigInteger,
    ColumnElement,
    Connection,
    Engine,
    bindparam,
    cast,
    func,
    insert,
    select,
    type_coerce,
    update,
)
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from scraper.core.errors import (
    ArchiveLostError,
    HeldElsewhereError,
    LeaseLostError,
    StateAwayError,
    StateError,
    UsageError,
)
from scraper.io.clock import since_boot_s
from scraper.io.state.row_locks import QUEUED
from scraper.io.state.schema import Instant, leases
from scraper.ports import ARCHIVE, Lease
from scraper.ports.leases import WAIT_OR_STOP

TTL_S: Final = 30.0
"""Seconds after which a lease that is not renewed may be taken: longer than a database takes to restart."""
RENEWALS: Final = 3
"""Renewals within the time of a lease: two may fail."""
RETRY_S: Final = 0.5
"""A failed renewal is retried after this time."""
POLL_S: Final = 0.2
"""Interval at which a waiting process tries to take the archive's lease."""
TOLD_AFTER: Final = 25
"""Attempts to take a lease after which its holder is reported: five seconds."""

DATABASE_NOW: Final[ColumnElement[int]] = cast(func.extract("epoch", func.clock_timestamp()) * 1_000_000, BigInteger)
"""PostgreSQL's clock in microseconds since 1970."""


LEASE_KEY: Final = "lease_s"
"""The query parameter of a state's URL that sets the time of its leases."""
SHORTEST_S: Final = 1.0
LONGEST_S: Final = 600.0


def without_ttl(url: URL) -> tuple[URL, float]:
    """Return the URL for the driver, and the seconds of its ``lease_s``, which must be the same on all hosts.

    Raises UsageError for a time out of range.
    """
    stated = url.query.get(LEASE_KEY, str(TTL_S))
    try:
        ttl_s = float(stated if isinstance(stated, str) else "")
    except ValueError:
        ttl_s = 0.0
    if not SHORTEST_S <= ttl_s <= LONGEST_S:
        raise UsageError(
            f"{LEASE_KEY} of the state's URL is {stated}; it is the time in seconds after which a silent host is "
            f"replaced, from {SHORTEST_S:g} to {LONGEST_S:g}. Nothing was changed."
        )
    return url.difference_update_query([LEASE_KEY]), ttl_s


def job_lease(job: str) -> str:
    return f"job:{job}"


@dataclass(frozen=True, slots=True)
class Fence:
    """The holder and epoch of a lease, which its transactions compare with the row."""

    what: str
    holder: str
    epoch: int


# --- on one connection ------------------------------------------------------------------------------------------------


def take(connection: Connection, what: str, holder: str, ttl_s: float, now: ColumnElement[int]) -> Fence | Lease:
    """Take a lease that nobody holds; otherwise return the holder's lease."""
    row = connection.execute(_rows(now).where(leases.c.what == what).with_for_update()).one_or_none()
    values = {"holder": holder, "since": _instant(now), "expires_at": _expiry(now, ttl_s)}
    if row is None:
        with suppress(IntegrityError), connection.begin_nested():
            connection.execute(insert(leases).values(what=what, epoch=1, **values))
            return Fence(what, holder, 1)
        return take(connection, what, holder, ttl_s, now)  # another process was faster
    if row.is_live:
        return _lease(row)
    connection.execute(update(leases).where(leases.c.what == what).values(epoch=row.epoch + 1, **values))
    return Fence(what, holder, row.epoch + 1)


def renew(connection: Connection, fence: Fence, ttl_s: float, now: ColumnElement[int]) -> bool:
    """Renew a lease, even a lapsed one that nobody has taken; return False if another process has taken it."""
    return connection.execute(_of(fence).values(expires_at=_expiry(now, ttl_s))).rowcount > 0


def release(connection: Connection, fence: Fence, now: ColumnElement[int]) -> None:
    """Release a lease, if it is still held."""
    connection.execute(_of(fence).values(expires_at=_instant(now)))


def confirm(connection: Connection, fence: Fence | None) -> None:
    """Lock the lease against others until the transaction ends. Raises LeaseLostError if another process has it."""
    if fence is not None and not is_mine(fence, row := standing(connection, fence)):
        raise lost(fence, row)


def standing(connection: Connection, fence: Fence) -> Any | None:  # noqa: ANN401 - a row of leases
    """Return a lease's row, and keep others from taking it until the transaction ends."""
    return connection.execute(_FENCED, {"lease": fence.what}).one_or_none()


def keep_from_others(connection: Connection, fence: Fence) -> None:
    """Do the same without a round trip, for a transaction that reads `AS_IT_IS` later on."""
    if connection.dialect.name != "sqlite":
        connection.execute(_FENCED, {"lease": fence.what}, execution_options=QUEUED)


def is_mine(fence: Fence, row: Any | None) -> bool:  # noqa: ANN401 - a row of leases
    """Return whether this row of a lease still belongs to the fence's holder."""
    return row is not None and (row.holder, row.epoch) == (fence.holder, fence.epoch)


def lost(fence: Fence, row: Any) -> LeaseLostError:  # noqa: ANN401 - a row of leases
    """Return the error for a holder whose lease another process has taken; `row`: the lease as it is now."""
    kind, _, name = fence.what.partition(":")
    by = (
        "another process"
        if row is None or row.holder is None
        else f"process {row.holder}, since {row.since:%Y-%m-%d %H:%M:%S} UTC"
    )
    why = "as this one had not renewed its lease in time (it was stopped, or cut off from the database)"
    if kind == ARCHIVE:
        safe = "Nothing more was written here; no page is lost: what is not in the archive is in the spool."
        return ArchiveLostError(f"the archive is now written by {by}, {why}. {safe}")
    safe = "Nothing more was sent here, and what was paid for is kept; scraper status shows how the run ends."
    return LeaseLostError(f"job {name} is now run by {by}, {why}. {safe}")


def all_leases(connection: Connection, now: ColumnElement[int]) -> list[Lease]:
    """Return every lease, the archive's first."""
    return [_lease(row) for row in connection.execute(_rows(now).order_by(leases.c.what))]


def is_live(connection: Connection, what: str, now: ColumnElement[int], *, locked: bool = False) -> bool:
    """Return True if somebody holds the lease. `locked`: keep others from taking it until the transaction ends."""
    query = _rows(now).where(leases.c.what == what)
    row = connection.execute(query.with_for_update() if locked else query).one_or_none()
    return row is not None and bool(row.is_live)


_FENCED = (
    select(leases.c.holder, leases.c.epoch, leases.c.since)
    .where(leases.c.what == bindparam("lease"))
    .with_for_update(read=True, key_share=True)
)
AS_IT_IS: Final = tuple(
    select(leases.c[name]).where(leases.c.what == bindparam("lease")).scalar_subquery().label(name)
    for name in ("holder", "epoch", "since")
)
"""The columns of a lease that `is_mine` and `lost` need, to be added to another statement."""


def _rows(now: ColumnElement[int]) -> Any:  # noqa: ANN401 - a Select
    return select(leases, (leases.c.expires_at > _instant(now)).label("is_live"))


def _of(fence: Fence) -> Any:  # noqa: ANN401 - an Update
    mine = (leases.c.what == fence.what, leases.c.holder == fence.holder, leases.c.epoch == fence.epoch)
    return update(leases).where(*mine)


def _instant(now: ColumnElement[int]) -> ColumnElement[Any]:
    return type_coerce(now, Instant)


def _expiry(now: ColumnElement[int], ttl_s: float) -> ColumnElement[Any]:
    return type_coerce(now + round(ttl_s * 1_000_000), Instant)


def _lease(row: Any) -> Lease:  # noqa: ANN401 - a row of `_rows`
    return Lease(row.what, row.holder, row.epoch, row.since, row.expires_at, bool(row.is_live))


# --- held -------------------------------------------------------------------------------------------------------------


class HeldLease:
    """A lease that this process holds: a `Holding`."""

    def __init__(self, leases: Leases, fence: Fence, asked_s: float) -> None:
        """`asked_s`: the machine's uptime before the lease was requested."""
        self._leases, self.fence = leases, fence
        self._ends_s = asked_s + leases.ttl_s
        self._lost: LeaseLostError | None = None
        self._tell: Callable[[LeaseLostError], object] = lambda _: None
        self._tell_renewed: Callable[[float], object] = lambda _: None
        self._telling = threading.Lock()

    @property
    def is_certain(self) -> bool:
        return self._lost is None and self._leases.uptime_s() < self._ends_s

    def refuse_if_lost(self) -> None:
        if self._lost is not None:
            raise self._lost

    def when_lost(self, tell: Callable[[LeaseLostError], object]) -> None:
        with self._telling:
            self._tell = tell
            if self._lost is not None:
                tell(self._lost)

    def when_renewed(self, tell: Callable[[float], object]) -> None:
        self._tell_renewed = tell
        tell(self._ends_s)

    def renew(self) -> bool:
        """Renew the lease; return False if another process has taken it. After an SQLAlchemyError it may be retried."""
        asked_s = self._leases.uptime_s()
        with self._leases.engine.begin() as connection:
            kept = renew(connection, self.fence, self._leases.ttl_s, self._leases.now)
            row = None if kept else connection.execute(select(leases).where(leases.c.what == self.fence.what)).first()
        if kept:
            self._ends_s = asked_s + self._leases.ttl_s
            self._tell_renewed(self._ends_s)
        else:
            with self._telling:
                self._lost = lost(self.fence, row)
                self._tell(self._lost)
        return kept


class Answering(Protocol):
    """A database's name and its failures: see `io.state.writer.Failing`."""

    name: str

    def explained(self, failure: SQLAlchemyError) -> StateError:
        """Return a failure as a message; a StateAwayError if it is temporary."""


class Leases:
    """The leases of a shared database, as one process takes and keeps them."""

    def __init__(
        self,
        engine: Engine,
        ttl_s: float,
        database: Answering,
        *,
        now: ColumnElement[int] = DATABASE_NOW,
        uptime_s: Callable[[], float] = since_boot_s,
    ) -> None:
        """`engine`: connections for leases alone. `now`: the database's clock; `uptime_s`: the machine's."""
        self.engine, self.ttl_s, self.now, self.uptime_s = engine, ttl_s, now, uptime_s
        self._database = database

    def try_take(self, what: str, holder: str) -> HeldLease | Lease:
        """Take a lease; otherwise return the holder's lease. Raises StateError."""
        asked_s = self.uptime_s()
        try:
            with self.engine.begin() as connection:
                taken = take(connection, what, holder, self.ttl_s, self.now)
        except SQLAlchemyError as failure:
            raise self._database.explained(failure) from failure
        return taken if isinstance(taken, Lease) else HeldLease(self, taken, asked_s)

    async def wait_for(self, what: str, holder: str, say: Callable[[str], object]) -> HeldLease:
        """Take a lease as soon as it is free and the database answers; `say` gets a sentence if that takes long."""
        for attempt in count():
            try:
                taken = await asyncio.to_thread(self.try_take, what, holder)
            except StateAwayError:
                told = f"{self._database.name} does not answer"
            else:
                if isinstance(taken, HeldLease):
                    return taken
                told = f"the {taken.what} is held by {taken.words}"
            if attempt == TOLD_AFTER:
                say(f"{told}; waiting, nothing is lost")
            await asyncio.sleep(POLL_S)
        raise AssertionError("unreachable")

    @contextmanager
    def hold_job(self, job: str, holder: str) -> Iterator[HeldLease]:
        """Hold a job's lease; HeldElsewhereError names another holder."""
        taken = self.try_take(job_lease(job), holder)
        if isinstance(taken, Lease):
            raise HeldElsewhereError(f"job {job} is already run by {taken.words}", WAIT_OR_STOP)
        with self.keep(taken):
            yield taken

    @contextmanager
    def keep(self, lease: HeldLease) -> Iterator[None]:
        """Renew a lease in a thread of its own for the duration of the block, then release it."""
        ended = threading.Event()
        thread = threading.Thread(target=self._renew, args=[lease, ended], name="state-lease", daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()
            with suppress(SQLAlchemyError), self.engine.begin() as connection:  # failing that, it lapses
                release(connection, lease.fence, self.now)

    def _renew(self, lease: HeldLease, ended: threading.Event) -> None:
        wait_s = self.ttl_s / RENEWALS
        while not ended.wait(wait_s):
            try:
                if not lease.renew():
                    return
                wait_s = self.ttl_s / RENEWALS
            except SQLAlchemyError:  # the database is away: the lease's own time tells when it is in doubt
                wait_s = min(RETRY_S, self.ttl_s / RENEWALS)

    def is_held(self, job: str) -> bool:
        """Return True if somebody holds the job's lease. Raises StateError."""
        return any(each.is_live and each.job == job for each in self.all())

    def all(self) -> Sequence[Lease]:
        """Return every lease. Raises StateError."""
        try:
            with self.engine.begin() as connection:
                return all_leases(connection, self.now)
        except SQLAlchemyError as failure:
            raise self._database.explained(failure) from failure

    def close(self) -> None:
        """Close the connections."""
        self.engine.dispose()
