"""How an older state database becomes today's: a step for each schema version, in the transaction that opens it."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import Connection

from scraper.io.state.schema import adjustments


def _to_2(connection: Connection) -> None:
    """Accounts remember their limits; reconciliation: who settled an unknown attempt, what a console said."""
    connection.exec_driver_sql("ALTER TABLE accounts ADD COLUMN subscription TEXT NOT NULL DEFAULT '{}'")
    connection.exec_driver_sql("ALTER TABLE requests ADD COLUMN reconciled_at BIGINT")
    connection.exec_driver_sql("ALTER TABLE requests ADD COLUMN reconciled_by VARCHAR")
    connection.exec_driver_sql("ALTER TABLE balances ADD COLUMN adjusted BIGINT NOT NULL DEFAULT 0")
    adjustments.create(connection, checkfirst=True)


def _to_3(connection: Connection) -> None:
    """What plans, coverage and the archive's own account of money need."""
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
    # What each run has spent on each account: its scope of the law is new, the ledger that it sums is not.
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


STEPS: tuple[Callable[[Connection], None], ...] = (_to_2, _to_3)
"""The n-th step makes version n + 2 of version n + 1."""


def migrate(connection: Connection, version: int) -> None:
    """Carries out the steps that a database of this version lacks."""
    for step in STEPS[version - 1 :]:
        step(connection)
