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


STEPS: tuple[Callable[[Connection], None], ...] = (_to_2,)
"""The n-th step makes version n + 2 of version n + 1."""


def migrate(connection: Connection, version: int) -> None:
    """Carries out the steps that a database of this version lacks."""
    for step in STEPS[version - 1 :]:
        step(connection)
