"""Balances: sums over the ledger by scope, kept in the transactions of the rows that they sum."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, and_, bindparam, insert, or_, select, update

from scraper.core.budget import Balance, ScopeKind
from scraper.core.catalogue import Charge
from scraper.core.units import Credits
from scraper.io.state.row_locks import QUEUED
from scraper.io.state.schema import balances

RESERVED = "reserved"
"""The charge of an attempt that is not settled yet."""

_FIGURES = Balance.__slots__
_NOTHING: Mapping[str, int] = dict.fromkeys(_FIGURES, 0)


def scope_names(run_id: str, account_id: str, day: str, month: str) -> dict[ScopeKind, str]:
    """Return the keys of an attempt's scopes in `balances`."""
    return {
        ScopeKind.RUN: run_id,
        ScopeKind.SHARE: f"{run_id}|{account_id}",
        ScopeKind.DAY: f"{account_id}|{day}",
        ScopeKind.MONTH: f"{account_id}|{month}",
    }


def scopes_of(row: Any) -> dict[ScopeKind, str]:  # noqa: ANN401 - a row of requests
    """Return the scopes of an attempt in the ledger."""
    return scope_names(row.run_id, row.account, row.day, row.month)


ONE_OF_SCOPES = or_(
    *(and_(balances.c.kind == kind.value, balances.c.scope == bindparam(f"of_{kind.value}")) for kind in ScopeKind)
)
"""Balances of the scopes that `bound` binds."""

_READ = select(balances.c.kind, *(balances.c[figure] for figure in _FIGURES)).where(ONE_OF_SCOPES)
_ADD = (
    update(balances)
    .where(ONE_OF_SCOPES)
    .values({figure: balances.c[figure] + bindparam(f"add_{figure}") for figure in _FIGURES})
)
_KNOWN = select(balances.c.kind).where(ONE_OF_SCOPES)
_NEW = insert(balances)


def bound(names: Mapping[ScopeKind, str]) -> dict[str, str | None]:
    """Return the parameters of a statement over `ONE_OF_SCOPES`; a scope without a name matches nothing."""
    return {f"of_{kind.value}": names.get(kind) for kind in ScopeKind}


def balance_of(connection: Connection, kind: ScopeKind, scope: str) -> Balance:
    return balances_of(connection, {kind: scope})[kind]


def balances_of(connection: Connection, names: Mapping[ScopeKind, str]) -> dict[ScopeKind, Balance]:
    rows = connection.execute(_READ, bound(names))
    return dict.fromkeys(names, Balance()) | {ScopeKind(kind): Balance(*figures) for kind, *figures in rows}


def add_to_balances(connection: Connection, names: Mapping[ScopeKind, str], **deltas: int) -> None:
    """Add to the balances of all scopes; a scope's row is inserted with its first attempt."""
    changes = {**_NOTHING, **deltas}
    if connection.execute(_ADD, {**bound(names), **_added(changes)}).rowcount == len(names):
        return
    known = set(connection.execute(_KNOWN, bound(names)).scalars())
    new = [{"kind": kind.value, "scope": scope} for kind, scope in names.items() if kind.value not in known]
    connection.execute(_NEW, [{**row, **changes} for row in new])


def add_to_known_balances(connection: Connection, names: Mapping[ScopeKind, str], **deltas: int) -> None:
    """Add to the balances of scopes that all have a row, without waiting for the result."""
    connection.execute(_ADD, {**bound(names), **_added({**_NOTHING, **deltas})}, execution_options=QUEUED)


def _added(changes: Mapping[str, int]) -> dict[str, int]:
    return {f"add_{figure}": delta for figure, delta in changes.items()}


def moved(held_as: str, held: Credits, charge: Charge, credits: Credits) -> dict[str, int]:
    """Return the change of balances when an attempt's credits move from one column to that of its charge."""
    deltas = {held_as: -held}
    if charge is not Charge.FREE:
        deltas[charge.value] = credits
    return deltas


def move_credits(
    connection: Connection,
    row: Any,  # noqa: ANN401 - a row of requests
    held_as: str,
    held: Credits,
    charge: Charge,
    credits: Credits,
) -> None:
    """Move an attempt's credits from one balance column to that of its charge, in all of its scopes."""
    add_to_balances(connection, scopes_of(row), **moved(held_as, held, charge, credits))
