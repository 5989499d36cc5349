"""Settlement of unknown attempts by the user's statement or the vendor's billing events."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, and_, delete, func, insert, or_, select, update

from scraper.core.budget import ScopeKind
from scraper.core.catalogue import Charge
from scraper.core.events import Ending
from scraper.core.jobs import Account
from scraper.core.reconcile import ANY_ENDPOINT, LONGEST_ANSWER, BookedCharge, LedgerLine
from scraper.core.subscriptions import day_of, month_of
from scraper.core.units import Credits
from scraper.io.state.balances import RESERVED, add_to_balances, balance_of, move_credits, scope_names, scopes_of
from scraper.io.state.ledger import mark_run_outdated
from scraper.io.state.row_locks import lock_accounts, lock_attempts
from scraper.io.state.schema import accounts, adjustments, requests, statements


def unknown_attempts(connection: Connection, account: Account) -> list[LedgerLine]:
    here = and_(requests.c.account == account.id, requests.c.charge == Charge.UNKNOWN.value)
    query = select(requests).where(here).order_by(requests.c.attempt_id)
    return [_line(row) for row in connection.execute(query)]


def lines_between(connection: Connection, account: Account, since: datetime, until: datetime) -> list[LedgerLine]:
    sent_at = func.coalesce(requests.c.sent_at, requests.c.slot_at)
    query = (
        select(requests)
        .where(requests.c.account == account.id, requests.c.slot_at >= since - _MOVED)
        .where(sent_at >= since, sent_at < until)
        .where(or_(requests.c.ending.is_(None), requests.c.ending != Ending.NOT_SENT.value))
        .order_by(requests.c.attempt_id)
    )
    return [_line(row) for row in connection.execute(query)]


_MOVED = timedelta(hours=1)
"""The tolerance between a slot and the sending of its request: far more than any allowed lateness."""


def _line(row: Any) -> LedgerLine:  # noqa: ANN401 - a row of requests
    sent_at = row.sent_at or row.slot_at
    in_flight = row.charge == RESERVED
    lost_ledger = row.endpoint.endswith(f".{ANY_ENDPOINT}")  # spent at any time from the mark to the adoption
    return LedgerLine(
        attempt_id=row.attempt_id,
        account=row.account,
        run_id=row.run_id,
        endpoint=row.endpoint,
        page=row.page,
        params=row.params,
        credits=row.reserved if in_flight else 0 if row.charge == Charge.FREE.value else row.credits,
        sent_at=sent_at,
        deadline=max(sent_at, row.settled_at or sent_at) if lost_ledger else sent_at + LONGEST_ANSWER,
        charge=Charge.UNKNOWN if in_flight else Charge(row.charge),
        request_id=row.vendor_request_id,
        price=row.reserved,
        in_flight=in_flight,
    )


def reconcile(
    connection: Connection, settled: Mapping[int, BookedCharge], how: str, at: datetime, *, correct: bool = False
) -> None:
    """Settle unknown attempts; skip those already settled, unless `correct`."""
    lock_attempts(connection, list(settled))
    for attempt_id, settlement in settled.items():
        here = requests.c.attempt_id == attempt_id
        row = connection.execute(select(requests).where(here)).one()
        if row.charge == RESERVED or (row.charge != Charge.UNKNOWN.value and not correct):
            continue
        charge, credits = settlement.charge, settlement.credits
        values = {"charge": charge.value, "credits": credits, "reconciled_at": at, "reconciled_by": how}
        connection.execute(update(requests).where(here).values(**values))
        if row.charge == Charge.FREE.value:
            add_to_balances(connection, scopes_of(row), **{charge.value: credits})
        elif row.charge == charge.value:
            add_to_balances(connection, scopes_of(row), **{charge.value: credits - row.credits})
        else:
            move_credits(connection, row, row.charge, row.credits, charge, credits)
        mark_run_outdated(connection, row.run_id)


def note_spent_elsewhere(
    connection: Connection, account: Account, month: str, spent: Credits, at: datetime, *, whole: bool
) -> Credits:
    """Note others' requests in a month by the vendor's billing records; return the change of the month's balance.

    Unless the records are `whole`, earlier notes are not lowered.
    """
    lock_accounts(connection, [account.id])
    scope = scope_names("", account.id, day_of(at), month)[ScopeKind.MONTH]
    balance = balance_of(connection, ScopeKind.MONTH, scope)
    change = spent - balance.adjusted
    if change == 0 or (change < 0 and not whole):
        return 0
    used = balance.committed - balance.reserved + change
    note = insert(adjustments).values(account=account.id, month=month, credits=change, told_at=at, used=max(0, used))
    connection.execute(note)
    add_to_balances(connection, {ScopeKind.MONTH: scope}, adjusted=change)
    return change


def month_to_hold(connection: Connection, account: Account, now: datetime) -> str | None:
    starts_on = account.subscription.month_starts_on
    month = month_of(now, starts_on)
    before = month_of(datetime.fromisoformat(month).replace(tzinfo=UTC) - timedelta(days=1), starts_on)
    here = and_(requests.c.account == account.id, requests.c.month == before)
    if connection.execute(select(requests.c.attempt_id).where(here).limit(1)).first() is None:
        return None
    known = and_(statements.c.account == account.id, statements.c.month == before)
    return None if connection.execute(select(statements.c.month).where(known)).first() else before


def note_statement(connection: Connection, account: Account, month: str, message: str, at: datetime) -> None:
    lock_accounts(connection, [account.id])
    here = and_(statements.c.account == account.id, statements.c.month == month)
    connection.execute(delete(statements).where(here))
    connection.execute(insert(statements).values(account=account.id, month=month, message=message, held_at=at))


def note_used(connection: Connection, account: Account, used: Credits, at: datetime) -> Credits:
    """Note the month's use as the vendor's console shows it; return its difference from the ledger."""
    lock_accounts(connection, [account.id])
    month = month_of(at, account.subscription.month_starts_on)
    scope = scope_names("", account.id, day_of(at), month)[ScopeKind.MONTH]
    balance = balance_of(connection, ScopeKind.MONTH, scope)
    difference = used - (balance.committed - balance.reserved)
    note = insert(adjustments).values(account=account.id, month=month, credits=difference, told_at=at, used=used)
    connection.execute(note)
    add_to_balances(connection, {ScopeKind.MONTH: scope}, adjusted=difference)
    # The console is newer than any earlier refusal.
    connection.execute(update(accounts).where(accounts.c.account == account.id).values(closed_until=None))
    return difference
