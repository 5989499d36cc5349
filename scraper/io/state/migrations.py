"""Creation and migration of the schema when a database is opened, in one transaction."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

from sqlalchemy import Connection, case, create_mock_engine, insert, inspect, select, update

from scraper.core.errors import StateError, UsageError
from scraper.io.state.schema import (
    SCHEMA_VERSION,
    account_lifts,
    adjustments,
    boards,
    leases,
    meta,
    metadata,
    run_ends,
    runs,
    statements,
)


def _to_2(connection: Connection) -> None:
    """Limits of accounts; reconcile: who settled an unknown attempt, what the vendor's console showed."""
    connection.exec_driver_sql("ALTER TABLE accounts ADD COLUMN subscription TEXT NOT NULL DEFAULT '{}'")
    connection.exec_driver_sql("ALTER TABLE requests ADD COLUMN reconciled_at BIGINT")
    connection.exec_driver_sql("ALTER TABLE requests ADD COLUMN reconciled_by VARCHAR")
    connection.exec_driver_sql("ALTER TABLE balances ADD COLUMN adjusted BIGINT NOT NULL DEFAULT 0")
    adjustments.create(connection, checkfirst=True)


def _to_3(connection: Connection) -> None:
    """Columns for plans, coverage and the archive's `requests`."""
    for column in (
        "requests ADD COLUMN rows BIGINT NOT NULL DEFAULT 0",
        "walks ADD COLUMN overlaps BIGINT NOT NULL DEFAULT 0",
        "walks ADD COLUMN gaps BIGINT NOT NULL DEFAULT 0",
        "walks ADD COLUMN notes VARCHAR NOT NULL DEFAULT ''",
        "accounts ADD COLUMN pace_percent INTEGER NOT NULL DEFAULT 100",
        "accounts ADD COLUMN slowed_at BIGINT",
        "runs ADD COLUMN auto BOOLEAN NOT NULL DEFAULT false",
        "runs ADD COLUMN weight BIGINT NOT NULL DEFAULT 1",
        "runs ADD COLUMN shares TEXT NOT NULL DEFAULT '{}'",
        "runs ADD COLUMN accounted BOOLEAN NOT NULL DEFAULT false",
        "parts ADD COLUMN checksum VARCHAR",
    ):
        connection.exec_driver_sql(f"ALTER TABLE {column}")
    connection.exec_driver_sql("CREATE INDEX IF NOT EXISTS walks_by_time ON walks (snapshot_at)")
    # Each run's spending on each account: the scope is new, the ledger that it sums is not.
    connection.exec_driver_sql(
        """
        INSERT INTO balances (kind, scope, charged, presumed, unknown, reserved, adjusted)
        SELECT 'share', run_id || '|' || account,
          sum(CASE charge WHEN 'charged' THEN credits ELSE 0 END),
          sum(CASE charge WHEN 'presumed' THEN credits ELSE 0 END),
          sum(CASE charge WHEN 'unknown' THEN credits ELSE 0 END),
          sum(CASE charge WHEN 'reserved' THEN reserved ELSE 0 END), 0
        FROM requests GROUP BY run_id, account
        """
    )


def _to_4(connection: Connection) -> None:
    """Add board history and walks decided again; the next run rewrites coverage (`overlaps` became `repeats`)."""
    boards.create(connection, checkfirst=True)  # begins empty: earlier walks have no digest
    connection.exec_driver_sql("ALTER TABLE walks ADD COLUMN max_pages INTEGER")
    connection.exec_driver_sql("ALTER TABLE walks ADD COLUMN decided_again_at BIGINT")
    connection.execute(update(runs).values(accounted=False))


def _to_5(connection: Connection) -> None:
    _add_account_lifts(connection)
    _add_nights(connection)
    _add_told(connection)
    _add_periods(connection)


def _add_account_lifts(connection: Connection) -> None:
    """Locks of accounts that users have lifted."""
    account_lifts.create(connection, checkfirst=True)


def _add_nights(connection: Connection) -> None:
    """Nights, fingerprints and ends of runs; the next run rewrites coverage, which has columns for them.

    A run that had ended keeps its exit code: 3 if it reached a quota.
    """
    run_ends.create(connection, checkfirst=True)
    for column in (
        "number BIGINT NOT NULL DEFAULT 0",
        "night_at BIGINT",
        "asked TEXT NOT NULL DEFAULT ''",
        "exit_code INTEGER",
        "superseded_by VARCHAR",
    ):
        connection.exec_driver_sql(f"ALTER TABLE runs ADD COLUMN {column}")
    codes = {"complete": 0, "budget": 3, "quota": 3, "refused": 4, "error": 5, "failed": 6, "unreachable": 6}
    known = case({**codes, "interrupted": 130}, value=runs.c.status, else_=None)
    connection.execute(update(runs).values(exit_code=known, accounted=False))
    in_order = select(runs.c.run_id).order_by(runs.c.started_at, runs.c.run_id)
    for number, run_id in enumerate(connection.execute(in_order).scalars().all(), start=1):
        connection.execute(update(runs).where(runs.c.run_id == run_id).values(number=number))


def _add_told(connection: Connection) -> None:
    """Add the remaining requests that vendors report."""
    for column in ("told_at BIGINT", "told_until BIGINT", "told_remaining BIGINT NOT NULL DEFAULT 0"):
        connection.exec_driver_sql(f"ALTER TABLE accounts ADD COLUMN {column}")


def _add_periods(connection: Connection) -> None:
    """The period of a run's job, by which a missed night is known without the job file."""
    connection.exec_driver_sql("ALTER TABLE runs ADD COLUMN every_s BIGINT")


def _to_6(connection: Connection) -> None:
    _add_statements(connection)
    _add_board_order(connection)
    _add_tokens(connection)
    _add_resuming(connection)


def _add_statements(connection: Connection) -> None:
    """Months that were compared with the vendor's statement."""
    statements.create(connection, checkfirst=True)


def _add_board_order(connection: Connection) -> None:
    """The order in which a run buys its boards."""
    connection.exec_driver_sql("ALTER TABLE runs ADD COLUMN board_order TEXT NOT NULL DEFAULT ''")


def _add_tokens(connection: Connection) -> None:
    """Tokens in the names of parts; a drain that is open keeps the names that it began with."""
    connection.exec_driver_sql("ALTER TABLE drains ADD COLUMN token VARCHAR NOT NULL DEFAULT ''")


def _add_resuming(connection: Connection) -> None:
    """Columns and indexes that a resume of a large run reads instead of every page and every attempt."""
    connection.exec_driver_sql("ALTER TABLE walks ADD COLUMN distinct_rows BIGINT")
    connection.exec_driver_sql("CREATE INDEX IF NOT EXISTS pages_by_walk ON pages (run_id, walk_id)")
    connection.exec_driver_sql("DROP INDEX IF EXISTS requests_by_run")
    columns = "run_id, charge, ending, outcome"
    connection.exec_driver_sql(f"CREATE INDEX IF NOT EXISTS requests_by_ending ON requests ({columns})")


def _to_7(connection: Connection) -> None:
    _add_leases(connection)


def _add_leases(connection: Connection) -> None:
    """Leases, and the count of pages that replaced processes have stored."""
    leases.create(connection, checkfirst=True)
    connection.exec_driver_sql("ALTER TABLE runs ADD COLUMN late_pages BIGINT NOT NULL DEFAULT 0")


STEPS: tuple[Callable[[Connection], None], ...] = (_to_2, _to_3, _to_4, _to_5, _to_6, _to_7)
"""The n-th step migrates version n + 1 to n + 2."""


def is_current(connection: Connection, name: str, place: str, kind: str | None) -> bool:
    """Return whether nothing is to be created or migrated: opening a state again takes no lock, and three statements.

    `name` and `place` of the database appear in messages. Raises StateError for a newer schema, UsageError for data of
    the other kind.
    """
    if not inspect(connection).has_table(meta.name):
        return False
    known = {row.key: row.value for row in connection.execute(select(meta.c.key, meta.c.value))}
    if not known:
        return False
    if int(known["schema"]) > SCHEMA_VERSION:
        raise StateError(
            f"{name} was written by a newer scraper (schema {known['schema']}, this one knows {SCHEMA_VERSION}). "
            "Nothing was changed; install that version or a newer one."
        )
    if kind is not None and known["kind"] != kind:
        raise UsageError(
            f"{place} contains {known['kind']} data, and this is a {kind} run. "
            "Nothing was changed; name another directory with --data, or another database with --state."
        )
    return int(known["schema"]) == SCHEMA_VERSION


def prepare(connection: Connection, name: str, place: str, kind: str | None) -> None:
    """Create what is missing and migrate an older schema, unless another process has meanwhile; see `is_current`."""
    if is_current(connection, name, place, kind):
        return
    _create_tables(connection)
    version = connection.execute(select(meta.c.value).where(meta.c.key == "schema")).scalar_one_or_none()
    if version is None:
        connection.execute(
            insert(meta), [{"key": "schema", "value": str(SCHEMA_VERSION)}, {"key": "kind", "value": kind or "real"}]
        )
        return
    for step in STEPS[int(version) - 1 :]:
        step(connection)
    connection.execute(update(meta).where(meta.c.key == "schema").values(value=str(SCHEMA_VERSION)))


def _create_tables(connection: Connection) -> None:
    """Create missing tables; in an empty database all of them, without looking for each."""
    if inspect(connection).get_table_names():
        metadata.create_all(connection)
        return
    for statement in _statements(connection.dialect.name):
        connection.exec_driver_sql(statement)


@cache
def _statements(dialect: str) -> Sequence[str]:
    """Return the statements that create all tables, compiled once per process, as that takes most of the time."""
    found: list[str] = []

    def keep(statement: Any, *_: object, **__: object) -> None:  # noqa: ANN401 - whatever SQLAlchemy runs
        found.append(str(statement.compile(dialect=engine.dialect)))

    engine = create_mock_engine(f"{dialect}://", keep)
    metadata.create_all(engine, checkfirst=False)
    return found
