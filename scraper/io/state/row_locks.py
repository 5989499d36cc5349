"""Locks that a transaction takes before it reads, where a database has several writers.

SQLite needs none: a writing transaction there is alone from its beginning. On a server each piece of work locks what it
depends on, in this order, which rules out deadlocks:

1. the rows of its accounts, sorted: their balances, slots and pauses decide about credits. `reserve`, `renew_slot`,
   `settle`, `expire`, `reconcile`, `note_used`, `note_spent_elsewhere`, `note_statement`, `note_accounts`, `lift`, and
   `grant`, which takes the third lock as well: two concurrent grants would share the same credits;
2. the rows of its runs, sorted: a run's budget may be spent on several accounts. `reserve`, `renew_slot`, `settle`,
   `expire`;
3. one lock for all else that must be unique or is counted over the whole state: numbers of runs (`create_run`), drains
   and compactions, noted parts, drift and boards, identity and adoption. An adoption takes all accounts first.

The job's own lock protects the rows of a single run (its end, its coverage, its order). Works of different kinds share
no transaction on a server: see `io.state.writer`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Select, bindparam, select

from scraper.io.state.schema import accounts, meta, requests, runs

QUEUED: Mapping[str, Any] = {"queued": True}
"""Execution options of a statement whose result nobody needs: it is sent with the next one (`io.state.pipeline`)."""


def _in_order(query: Select[Any]) -> Select[Any]:
    (column,) = query.selected_columns
    return query.order_by(column).with_for_update(of=column.table)


_OF_ATTEMPTS = requests.c.attempt_id.in_(bindparam("attempts", expanding=True))
_ACCOUNTS = _in_order(select(accounts.c.account).where(accounts.c.account.in_(bindparam("names", expanding=True))))
_ALL_ACCOUNTS = _in_order(select(accounts.c.account))
_RUNS = _in_order(select(runs.c.run_id).where(runs.c.run_id.in_(bindparam("names", expanding=True))))
_ACCOUNTS_OF_ATTEMPTS = _in_order(
    select(accounts.c.account).where(accounts.c.account.in_(select(requests.c.account).where(_OF_ATTEMPTS)))
)
_RUNS_OF_ATTEMPTS = _in_order(
    select(runs.c.run_id).where(runs.c.run_id.in_(select(requests.c.run_id).where(_OF_ATTEMPTS)))
)
_THE_REST = select(meta.c.key).where(meta.c.key == "schema").with_for_update()


def lock_accounts(connection: Connection, names: Collection[str], run_ids: Collection[str] = ()) -> None:
    """Lock the rows of accounts, then those of runs; an account without a row is not locked."""
    _lock(connection, _ACCOUNTS, {"names": sorted(names)})
    if run_ids:
        _lock(connection, _RUNS, {"names": sorted(run_ids)})


def lock_attempts(connection: Connection, attempt_ids: Sequence[int]) -> None:
    """Lock the rows of the accounts and runs of these attempts."""
    _lock(connection, _ACCOUNTS_OF_ATTEMPTS, {"attempts": list(attempt_ids)})
    _lock(connection, _RUNS_OF_ATTEMPTS, {"attempts": list(attempt_ids)})


def lock_all_accounts(connection: Connection) -> None:
    """Keep everybody else from reserving or settling until this transaction ends."""
    _lock(connection, _ALL_ACCOUNTS, {})


def lock_the_rest(connection: Connection) -> None:
    """Take the one lock for what must be unique in the whole state."""
    _lock(connection, _THE_REST, {})


def _lock(connection: Connection, query: Select[Any], values: Mapping[str, Any]) -> None:
    if connection.dialect.name != "sqlite":
        connection.execute(query, values, execution_options=QUEUED)
