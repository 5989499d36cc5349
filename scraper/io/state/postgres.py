"""The state in a PostgreSQL database, for several machines: nothing of it is a file of this one."""

from __future__ import annotations

from contextlib import AbstractContextManager
from datetime import datetime
from importlib.util import find_spec
from typing import Final

from sqlalchemy import URL, Connection, Engine, create_engine, event, inspect
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from scraper.core.errors import StateError, UsageError
from scraper.io.state.database import Backend
from scraper.io.state.leases import TTL_S, HeldLease, Leases

CONNECT_TIMEOUT_S: Final = 10
WRITES: Final = 0x5C4A9E12
"""Key of the advisory lock of a writing transaction; a job's lock has it as the first half of its key."""

_BUSY: Final = frozenset({"55P03", "40001", "40P01"})
"""SQLSTATE: lock not available, serialization failure, deadlock detected: a new attempt may succeed."""
_DISK_FULL: Final = "53100"


LEASE_KEY: Final = "lease_s"
"""In the query of the URL."""
SHORTEST_S: Final = 1.0
LONGEST_S: Final = 600.0


class PostgresServer(Backend):
    """A database on a server that several processes on several machines share."""

    def __init__(self, url: URL) -> None:
        """Raises UsageError without the driver."""
        if find_spec("psycopg") is None:
            raise UsageError(
                "a state on PostgreSQL needs the extra postgres: pip install 'metered-scraper[postgres]'. Nothing was "
                "changed."
            )
        self._url, ttl_s = without_ttl(url)
        self.leases: Leases = Leases(_lease_engine(self._url, ttl_s), ttl_s, self.explained)
        self.name = url.render_as_string(hide_password=True)
        self.label = f"database {url.database}"
        self.place = self.name

    def exists(self) -> bool:
        try:
            engine = _engine(self._url)
            with engine.connect() as connection:
                return inspect(connection).has_table("meta")
        except SQLAlchemyError as failure:
            raise self.explained(failure) from failure
        finally:
            engine.dispose()

    def engines(self) -> tuple[Engine, Engine]:
        writing = _engine(self._url)
        event.listen(writing, "begin", _begin)
        return writing, _engine(self._url)

    def hold(self, job: str, process: str, since: datetime) -> AbstractContextManager[HeldLease]:  # noqa: ARG002 - its own clock says
        return self.leases.hold_job(job, process)

    def is_held(self, job: str) -> bool:
        return self.leases.is_held(job)

    def headroom(self, job: str) -> _NoHeadroom:  # noqa: ARG002
        return _NoHeadroom()

    def is_busy(self, failure: DBAPIError) -> bool:
        return _sqlstate(failure) in _BUSY

    def is_full(self, failure: DBAPIError) -> bool:
        return _sqlstate(failure) == _DISK_FULL

    def explained(self, failure: SQLAlchemyError) -> StateError:
        met = str(failure.orig if isinstance(failure, DBAPIError) else failure).strip().partition("\n")[0]
        advice = "check that the server runs, and the URL"
        return StateError(f"the state {self.name} cannot be used: {met}. Everything committed is kept; {advice}.")


class _NoHeadroom:
    """The disk is the server's."""

    def claim(self) -> None:
        """Reserve nothing."""

    def release(self) -> bool:
        return False


def _engine(url: URL) -> Engine:
    connect_args = {"connect_timeout": CONNECT_TIMEOUT_S, "application_name": "scraper"}
    return create_engine(url, connect_args=connect_args, enable_from_linting=False)


def without_ttl(url: URL) -> tuple[URL, float]:
    """Return the URL as the driver takes it, and the seconds of its ``lease_s``: all hosts have the same.

    Raises UsageError for a time that no lease can have.
    """
    stated = url.query.get(LEASE_KEY, str(TTL_S))
    try:
        ttl_s = float(stated if isinstance(stated, str) else "")
    except ValueError:
        ttl_s = 0.0
    if not SHORTEST_S <= ttl_s <= LONGEST_S:
        raise UsageError(
            f"{LEASE_KEY} of the state's URL is {stated}; it is the time in seconds after which a host that is not "
            f"heard of is replaced, from {SHORTEST_S:g} to {LONGEST_S:g}. Nothing was changed."
        )
    return url.difference_update_query([LEASE_KEY]), ttl_s


def _lease_engine(url: URL, ttl_s: float) -> Engine:
    """Return connections on which nothing waits for longer than a lease lasts."""
    most_ms = round(ttl_s * 1_000)
    settings = f"-c statement_timeout={most_ms} -c idle_in_transaction_session_timeout={most_ms}"
    connect_args = {
        "connect_timeout": max(2, min(CONNECT_TIMEOUT_S, round(ttl_s))),
        "application_name": "scraper-lease",
        "tcp_user_timeout": most_ms,
        "options": settings,
    }
    return create_engine(url, connect_args=connect_args, enable_from_linting=False)


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({WRITES})")


def _sqlstate(failure: DBAPIError) -> str:
    return getattr(failure.orig, "sqlstate", None) or ""
