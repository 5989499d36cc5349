"""The state in a PostgreSQL database that several machines share; it has no files on this one."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from sqlalchemy import URL, Connection, Engine, NullPool, Pool, QueuePool, create_engine, event, inspect
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from scraper.core.errors import StateAwayError, StateError
from scraper.io.clock import since_boot_s
from scraper.io.state import postgres_errors, shown_url
from scraper.io.state.database import Backend, Follower
from scraper.io.state.leases import HeldLease, Leases, without_ttl
from scraper.io.state.pipeline import take_any_text, use_pipelines
from scraper.io.state.row_locks import QUEUED
from scraper.io.state.schema import COMMITS, metadata

OLDEST: Final = 14
"""The oldest supported version of the server; the tests run with 15."""

WRITES: Final = 0x5C4A9E12
"""Key of the advisory lock under which the schema is created."""

LOCK_TIMEOUT_S: Final = 5
"""After this the writer reports that it waits, and retries."""
IDLE_WRITING_S: Final = 5
"""A process that hangs in a writing transaction loses it after this, and no longer blocks others."""
TIMES_ASKED: Final = 3
"""Times that a starting process reads the database's clock: the quickest answer is the most precise."""
ASKED_EVERY_S: Final = 5
IDLE_READING_S: Final = 900
"""The same for reading transactions: a drain reads while it writes files. Nobody waits for a reader."""

CONNECTION: Final[Mapping[str, Any]] = {
    "application_name": "scraper",
    "connect_timeout": 10,
    "keepalives_idle": 15,  # a host that is gone is noticed after half a minute, not after two hours
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
}
"""Parameters of a connection, unless the URL states them."""


class PostgresServer(Backend):
    """A database on a server that several processes on several machines share."""

    one_writer = False

    def __init__(self, url: URL) -> None:
        self._url, ttl_s = without_ttl(url)
        self.leases: Leases = Leases(_lease_engine(self._url, ttl_s), ttl_s, self)
        self._idle_s = min(IDLE_WRITING_S, ttl_s)
        self.name = shown_url(url)
        self.label = f"database {url.database}"
        self.place = self.name
        self._writer = f"{COMMITS}{secrets.token_hex(8)}"
        self._commits = 0
        self._follower: Follower | None = None
        self._asked_s = 0.0

    def exists(self) -> bool:
        engine = _engine(self._url)
        try:
            with engine.connect() as connection:
                return inspect(connection).has_table("meta")
        except SQLAlchemyError as failure:
            raise self.explained(failure) from failure
        finally:
            engine.dispose()

    def engines(self, follow: Follower | None = None) -> tuple[Engine, Engine]:
        self._follower = follow
        writing = _engine(self._url, self._idle_s, QueuePool, autocommit=True, pool_reset_on_return=None)
        use_pipelines(writing)
        event.listen(writing, "begin", self._begin)
        event.listen(writing, "before_cursor_execute", _note_write)
        return writing, _engine(self._url, IDLE_READING_S, QueuePool, pool_pre_ping=True)

    def hold(self, job: str, process: str, since: datetime) -> AbstractContextManager[HeldLease]:  # noqa: ARG002 - by its own clock
        return self.leases.hold_job(job, process)

    def is_held(self, job: str) -> bool:
        return self.leases.is_held(job)

    def headroom(self, job: str) -> _NoHeadroom:  # noqa: ARG002
        return _NoHeadroom()

    # --- transactions -------------------------------------------------------------------------------------------------

    def lock_schema(self, connection: Connection) -> None:
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({WRITES})")

    def lock_all(self, connection: Connection) -> None:
        connection.exec_driver_sql(f"LOCK TABLE {', '.join(sorted(metadata.tables))} IN SHARE MODE")

    def ask_time(self, connection: Connection, times: int = TIMES_ASKED) -> None:
        if self._follower is None:
            return
        for _ in range(times):
            self._asked_s = since_boot_s()
            at = connection.exec_driver_sql(_NOW).scalar_one()
            self._follower.follow(_instant(at), self._asked_s, since_boot_s())

    def _begin(self, connection: Connection) -> None:
        connection.info.pop(_WROTE, None)
        connection.exec_driver_sql("BEGIN", execution_options=QUEUED)
        if self._follower is not None and since_boot_s() - self._asked_s > ASKED_EVERY_S:
            self.ask_time(connection, 1)

    def mark(self, connection: Connection) -> str | None:
        if not connection.info.get(_WROTE):
            return None
        self._commits += 1
        number = str(self._commits)
        connection.exec_driver_sql(_MARK, (self._writer, number), execution_options=QUEUED)
        return number

    def was_committed(self, connection: Connection, mark: str | None) -> bool:
        if mark is None:
            return False
        number = connection.exec_driver_sql(_MARKED, (self._writer,)).scalar_one_or_none()
        return number is not None and number.partition(" ")[0] == mark

    def close(self, connection: Connection) -> None:
        connection.exec_driver_sql(_FORGET, (self._writer, f"{COMMITS}%"))

    # --- failures -----------------------------------------------------------------------------------------------------

    def is_busy(self, failure: DBAPIError) -> bool:
        return postgres_errors.is_busy(failure)

    def is_gone(self, failure: DBAPIError) -> bool:
        return postgres_errors.is_gone(failure)

    def is_full(self, failure: DBAPIError) -> bool:
        return postgres_errors.sqlstate_of(failure) == postgres_errors.DISK_FULL

    def explained(self, failure: SQLAlchemyError) -> StateError:
        met, advice = postgres_errors.explained(failure)
        if self._url.password:
            met = met.replace(str(self._url.password), "***")
        kind = StateAwayError if isinstance(failure, DBAPIError) and self.is_gone(failure) else StateError
        return kind(f"the state {self.name} cannot be used: {met}. Everything committed is kept; {advice}.")


_WROTE: Final = "wrote"
_NOW: Final = "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint"
_MARK: Final = (
    "INSERT INTO meta (key, value) VALUES (%s, %s || ' ' || now()) "
    "ON CONFLICT (key) DO UPDATE SET value = excluded.value"
)
_MARKED: Final = "SELECT value FROM meta WHERE key = %s"
_FORGET: Final = (
    "DELETE FROM meta WHERE key = %s OR (key LIKE %s AND split_part(value, ' ', 2)::date < current_date - 1)"
)
"""Removes a process's own mark, and those of killed processes."""


class _NoHeadroom:
    """A `Space` of nothing: the disk is the server's."""

    def claim(self) -> None:
        """Reserve nothing."""

    def release(self) -> bool:
        return False


def _engine(
    url: URL,
    idle_s: float = IDLE_READING_S,
    poolclass: type[Pool] = NullPool,
    waits_s: float = LOCK_TIMEOUT_S,
    **options: Any,  # noqa: ANN401 - of create_engine
) -> Engine:
    own = {name: value for name, value in CONNECTION.items() if name not in url.query}
    connect_args = {**own, **({"autocommit": True} if options.pop("autocommit", False) else {})}
    engine = create_engine(url, connect_args=connect_args, poolclass=poolclass, enable_from_linting=False, **options)
    event.listen(engine, "connect", lambda connection, _record: _configure(connection, idle_s, waits_s))
    return engine


def _configure(connection: Any, idle_s: float, waits_s: float) -> None:  # noqa: ANN401 - a psycopg connection
    """Configure a session: timeouts, UTC, and durable commits."""
    if connection.info.server_version < OLDEST * 10_000:
        raise StateError(
            f"the server is PostgreSQL {connection.info.server_version // 10_000}, but a state needs {OLDEST} or "
            "newer. Nothing was changed; upgrade the server, or name another one."
        )
    take_any_text(connection)
    with connection.cursor() as cursor:
        cursor.execute(
            f"SET lock_timeout = '{waits_s}s'; SET idle_in_transaction_session_timeout = '{idle_s}s'; "
            "SET TIME ZONE 'UTC'; SELECT set_config('synchronous_commit', 'on', false) "
            "WHERE current_setting('synchronous_commit') = 'off'"
        )
    if not connection.autocommit:
        connection.commit()


def _lease_engine(url: URL, ttl_s: float) -> Engine:
    """Return the engine for leases, with a short timeout: an answer after the lease has lapsed is useless."""
    most_s = ttl_s + IDLE_WRITING_S
    return _engine(url, min(IDLE_WRITING_S, ttl_s), QueuePool, waits_s=most_s, max_overflow=-1, pool_pre_ping=True)


def _note_write(
    connection: Connection,
    _cursor: object,
    _statement: str,
    _parameters: object,
    context: Any,  # noqa: ANN401 - SQLAlchemy's own
    _many: bool,
) -> None:
    if context.isinsert or context.isupdate or context.isdelete or context.isddl:
        connection.info[_WROTE] = True


def _instant(microseconds: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=microseconds)
