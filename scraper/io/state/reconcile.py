"""Settlement of unknown attempts by the user's word or the vendor's billing events."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import Connection, insert, select, update

from scraper.core.budget import ScopeKind
from scraper.core.catalogue import Charge
from scraper.core.jobs import Account
from scraper.core.reconcile import LONGEST_ANSWER, UnknownAttempt
from scraper.core.subscriptions import day_of, month_of
from scraper.core.units import Credits
from scraper.io.state.balances import add_to_balances, balance_of, move_credits, scope_names
from scraper.io.state.ledger import mark_run_outdated
from scraper.io.state.schema import accounts, adjustments, requests


def unknown_attempts(connection: Connection, account: Account) -> list[UnknownAttempt]:
    query = (
        select(requests)
        .where(requests.c.account == account.id, requests.c.charge == Charge.UNKNOWN.value)
        .order_by(requests.c.attempt_id)
    )
    found = []
    for row in connection.execute(query):
        sent_at = row.sent_at or row.slot_at
        found.append(
            UnknownAttempt(
                attempt_id=row.attempt_id,
                account=row.account,
                run_id=row.run_id,
                endpoint=row.endpoint,
                page=row.page,
                params=row.params,
                credits=row.credits,
                sent_at=sent_at,
                deadline=sent_at + LONGEST_ANSWER,
            )
        )
    return found


def answered_ids(connection: Connection, account: Account, since: datetime) -> frozenset[str]:
    query = select(requests.c.vendor_request_id).where(
        requests.c.account == account.id,
        requests.c.slot_at >= since,
        requests.c.vendor_request_id.is_not(None),
    )
    return frozenset(connection.execute(query).scalars())


def reconcile(connection: Connection, charges: Mapping[int, Charge], how: str, at: datetime) -> None:
    """Settle unknown attempts as charged or free; skip those that are settled by now."""
    for attempt_id, charge in charges.items():
        here = requests.c.attempt_id == attempt_id
        row = connection.execute(select(requests).where(here)).one()
        if row.charge != Charge.UNKNOWN.value:
            continue
        credits = 0 if charge is Charge.FREE else row.credits
        values = {"charge": charge.value, "credits": credits, "reconciled_at": at, "reconciled_by": how}
        connection.execute(update(requests).where(here).values(**values))
        move_credits(connection, row, Charge.UNKNOWN.value, row.credits, charge, credits)
        mark_run_outdated(connection, row.run_id)


def note_used(connection: Connection, account: Account, used: Credits, at: datetime) -> Credits:
    """Note the month's use as the vendor's console shows it; return its difference from the ledger."""
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
