"""Accounts on one connection: their limits as the last run stated them, their day and their month."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from decimal import Decimal

import orjson
from sqlalchemy import Connection, and_, delete, func, select, update

from scraper.core.budget import ScopeKind
from scraper.core.catalogue import Charge
from scraper.core.jobs import Account
from scraper.core.pace import pace_percent
from scraper.core.subscriptions import Subscription, day_of, month_of
from scraper.io.state.balances import RESERVED, add_to_balances, balance_of, scope_names
from scraper.io.state.ledger import ensure
from scraper.io.state.row_locks import lock_accounts
from scraper.io.state.schema import accounts, adjustments, balances, requests, total
from scraper.ports import AccountBalance


def note_accounts(connection: Connection, known: Sequence[Account], now: datetime) -> None:
    """Store the accounts' limits, which `status` shows balances against.

    Changed limits mean another plan: a closure under the old one is lifted.
    """
    for account in known:
        ensure(connection, accounts, account=account.id)
    lock_accounts(connection, [account.id for account in known])
    for account in known:
        here = accounts.c.account == account.id
        before = connection.execute(select(accounts.c.subscription).where(here)).scalar_one()
        told = orjson.dumps(asdict(account.subscription), default=str).decode()
        if told == before:
            continue
        connection.execute(update(accounts).where(here).values(subscription=told, closed_until=None))
        if _subscription(before).month_starts_on != account.subscription.month_starts_on:
            _book_month(connection, account, now)


def _book_month(connection: Connection, account: Account, now: datetime) -> None:
    """Recompute the month's balance after `month_starts_on` changed: all that was spent since that day counts."""
    month = month_of(now, account.subscription.month_starts_on)
    scope = scope_names("", account.id, "", month)[ScopeKind.MONTH]
    since = and_(requests.c.account == account.id, requests.c.day >= month)
    connection.execute(update(requests).where(since).values(month=month))
    spent = select(requests.c.charge, total(requests.c.credits), total(requests.c.reserved)).where(since)
    sums = {
        charge: reserved if charge == RESERVED else credits
        for charge, credits, reserved in connection.execute(spent.group_by(requests.c.charge))
        if charge != Charge.FREE.value
    }
    begins_at = datetime.fromisoformat(month).replace(tzinfo=UTC)
    told = and_(adjustments.c.account == account.id, adjustments.c.told_at >= begins_at)
    adjusted = select(func.coalesce(total(adjustments.c.credits), 0)).where(told)
    sums["adjusted"] = connection.execute(adjusted).scalar_one()
    connection.execute(delete(balances).where(balances.c.kind == ScopeKind.MONTH.value, balances.c.scope == scope))
    add_to_balances(connection, {ScopeKind.MONTH: scope}, **sums)


def _subscription(told: str) -> Subscription:
    values = {"name": "not stated", "assumed": (), **orjson.loads(told)}
    dollars = {key: Decimal(values[key]) for key in _DOLLARS if values.get(key) is not None}
    return Subscription(**{**values, **dollars, "assumed": tuple(values["assumed"])})


_DOLLARS = ("usd_per_month", "overage_usd_per_1000", "max_overage_usd")


def account_balances(connection: Connection, now: datetime) -> list[AccountBalance]:
    found = []
    for row in connection.execute(select(accounts).order_by(accounts.c.account)).all():
        subscription = _subscription(row.subscription)
        day, month = day_of(now), month_of(now, subscription.month_starts_on)
        names = scope_names("", row.account, day, month)
        found.append(
            AccountBalance(
                account=row.account,
                subscription=subscription,
                day=day,
                day_balance=balance_of(connection, ScopeKind.DAY, names[ScopeKind.DAY]),
                month=month,
                month_balance=balance_of(connection, ScopeKind.MONTH, names[ScopeKind.MONTH]),
                pace_percent=pace_percent(row.pace_percent, row.paused_until, now),
                closed_until=row.closed_until if row.closed_until is not None and row.closed_until > now else None,
            )
        )
    return found
