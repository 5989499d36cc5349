"""The state in a PostgreSQL database, for several machines: nothing of it is a file of this one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Final

from sqlalchemy import URL, Connection, Engine, create_engine, event, inspect, text
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from scraper.core.errors import StateError, UsageError
from scraper.io.state.database import Backend

CONNECT_TIMEOUT_S: Final = 10
WRITES: Final = 0x5C4A9E12
"""Key of the advisory lock of a writing transaction; a job's lock has it as the first half of its key."""

_BUSY: Final = frozenset({"55P03", "40001", "40P01"})
"""SQLSTATE: lock not available, serialization failure, deadlock detected: a new attempt may succeed."""
_DISK_FULL: Final = "53100"


class PostgresServer(Backend):
    """A database on a server that several processes on several machines share."""

    def __init__(self, url: URL) -> None:
        """Raises UsageError without the driver."""
        if find_spec("psycopg") is None:
            raise UsageError(
                "a state on PostgreSQL needs the extra postgres: pip install 'metered-scraper[postgres]'. Nothing was "
                "changed."
            )
        self._url = url
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

    @contextmanager
    def hold(self, job: str, holder: str) -> Iterator[None]:  # noqa: ARG002
        with _engine(self._url).connect() as connection:
            if not connection.execute(_TRY_JOB, {"writes": WRITES, "job": job}).scalar_one():
                raise UsageError(f"job {job} is already run by another process. Nothing was spent; wait for it.")
            connection.commit()
            yield

    def is_held(self, job: str) -> bool:
        with _engine(self._url).connect() as connection:
            return not connection.execute(_TRY_JOB, {"writes": WRITES, "job": job}).scalar_one()

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


_TRY_JOB = text("SELECT pg_try_advisory_lock(:writes, hashtext(:job))")


class _NoHeadroom:
    """The disk is the server's."""

    def claim(self) -> None:
        """Reserve nothing."""

    def release(self) -> bool:
        return False


def _engine(url: URL) -> Engine:
    connect_args = {"connect_timeout": CONNECT_TIMEOUT_S, "application_name": "scraper"}
    return create_engine(url, connect_args=connect_args, enable_from_linting=False)


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({WRITES})")


def _sqlstate(failure: DBAPIError) -> str:
    return getattr(failure.orig, "sqlstate", None) or ""
