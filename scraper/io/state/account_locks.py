"""Pauses, closures and clocks that lock an account, on one connection; what the user lifts is noted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Connection,
    Table,
    and_,
    case,
    exists,
    func,
    insert,
    not_,
    or_,
    select,
    type_coerce,
    update,
)

from scraper.core.budget import ScopeKind
from scraper.core.catalogue import Charge
from scraper.core.subscriptions import day_ends_at, day_of, month_ends_at, month_of
from scraper.io.state.accounts import account_balances
from scraper.io.state.balances import RESERVED, add_to_balances, scope_names
from scraper.io.state.clock_gap import CLOCK_JITTER, clock_gap, dated_after
from scraper.io.state.row_locks import lock_accounts
from scraper.io.state.schema import account_lifts, accounts, boards, pages, requests, runs, total, walks
from scraper.ports import AccountLift, AccountState, LockKind

LIFTS_SHOWN = 10
"""Latest lifts of an account that are read."""

_MICROSECOND = timedelta(microseconds=1)


def account_states(connection: Connection, now: datetime) -> list[AccountState]:
    found = []
    for balance in account_balances(connection, now):
        row = connection.execute(select(accounts).where(accounts.c.account == balance.account)).one()
        found.append(
            AccountState(
                balance=balance,
                day_resets_at=day_ends_at(now),
                month_resets_at=month_ends_at(now, balance.subscription.month_starts_on),
                paused_until=_if_later(row.paused_until, now),
                closed_because=row.closed_because if balance.closed_until is not None else "",
                clock=clock_gap(connection, balance.account, now),
                lifts=_lifts(connection, balance.account),
            )
        )
    return found


def _if_later(moment: datetime | None, now: datetime) -> datetime | None:
    return moment if moment is not None and moment > now else None


def _lifts(connection: Connection, account_id: str) -> tuple[AccountLift, ...]:
    query = select(account_lifts).where(account_lifts.c.account == account_id)
    rows = connection.execute(query.order_by(account_lifts.c.lift_id.desc()).limit(LIFTS_SHOWN))
    return tuple(AccountLift(LockKind(row.kind), row.detail, row.lifted_at, row.lifted_by) for row in rows)


def lift(connection: Connection, account_ids: Sequence[str], by: str, now: datetime) -> dict[str, list[AccountLift]]:
    """End what locks these accounts; return account → what was lifted. Nothing is noted where nothing was locked."""
    lock_accounts(connection, account_ids)
    standings = {each.balance.account: each for each in account_states(connection, now)}
    lifted: dict[str, list[AccountLift]] = {}
    for account_id in account_ids:
        standing = standings[account_id]
        lifted[account_id] = [AccountLift(kind, detail, now, by) for kind, detail in _end(connection, standing, now)]
        for each in lifted[account_id]:
            note = insert(account_lifts).values(
                account=account_id, kind=each.kind.value, detail=each.detail, lifted_at=now, lifted_by=by
            )
            connection.execute(note)
    return lifted


def _end(connection: Connection, standing: AccountState, now: datetime) -> Iterator[tuple[LockKind, str]]:
    """End each lock of an account; yield its kind, and what it was."""
    balance = standing.balance
    here = accounts.c.account == balance.account
    if standing.clock is not None:
        gap = standing.clock
        back = move_back(connection, balance.account, balance.subscription.month_starts_on, now)
        dated = f"{gap.attempts:,} request{'s' if gap.attempts != 1 else ''} dated up to {_minute(gap.last_at)}"
        yield LockKind.CLOCK, f"{dated}, moved back by {back.days:,} days {back.seconds // 60:,} minutes"
        connection.execute(update(accounts).where(here, accounts.c.slowed_at > now).values(slowed_at=now))
    never_sent = and_(requests.c.sent_at.is_(None), requests.c.settled_at.is_not(None), requests.c.slot_at > now)
    connection.execute(update(requests).where(requests.c.account == balance.account, never_sent).values(slot_at=now))
    if standing.paused_until is not None:
        connection.execute(update(accounts).where(here).values(paused_until=now))  # from here its pace recovers
        yield LockKind.PAUSE, f"until {_minute(standing.paused_until)}"
    if balance.closed_until is not None:
        connection.execute(update(accounts).where(here).values(closed_until=None, closed_because=""))
        because = f": {standing.closed_because}" if standing.closed_because else ""
        yield LockKind.CLOSURE, f"until {_minute(balance.closed_until)}{because}"


def _minute(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"


# --- a clock that was ahead -------------------------------------------------------------------------------------------

_TIMES: Mapping[Table, tuple[Column[Any], ...]] = {
    requests: (
        requests.c.reserved_at, requests.c.slot_at, requests.c.sent_at, requests.c.settled_at, requests.c.reconciled_at,
    ),
    runs: (runs.c.started_at, runs.c.ended_at, runs.c.next_at),
    walks: (walks.c.snapshot_at,),
    pages: (pages.c.observed_at,),
    boards: (boards.c.read_at, boards.c.still_since),
}  # fmt: skip
_PLANNED = {requests.c.slot_at, runs.c.next_at}
"""Instants that may be in the future."""


def move_back(connection: Connection, account_id: str, month_starts_on: int, now: datetime) -> timedelta:
    """Move what is dated after now back, so that the newest of it happened now; return by how much.

    The account's attempts count against the day and the month of now: when they were really sent is not known, and so
    no limit is passed. Runs and boards are moved with them, and walks of which nothing is in the archive yet: the
    archive's own rows keep their dates, and coverage has to agree with them.
    """
    limit = now + CLOCK_JITTER
    ahead = dated_after(account_id, limit)
    newest = max(_newest(connection, table, limit, ahead if table is requests else None) or now for table in _TIMES)
    back = newest - now
    _rebook(connection, account_id, ahead, day_of(now), month_of(now, month_starts_on))
    archived = exists().where(
        pages.c.run_id == walks.c.run_id, pages.c.walk_id == walks.c.walk_id, pages.c.drain_id.is_not(None)
    )
    only: Mapping[Table, ColumnElement[bool]] = {
        requests: ahead, walks: not_(archived), pages: pages.c.drain_id.is_(None),
    }  # fmt: skip
    for table in reversed(list(_TIMES)):  # requests last: `ahead` reads their times
        _shift(connection, table, limit, back, only.get(table))
    return back


def _newest(connection: Connection, table: Table, limit: datetime, only: ColumnElement[bool] | None) -> datetime | None:
    """Return the newest instant in a table that is after the limit; slots and next runs may be in the future."""
    found = []
    for column in [column for column in _TIMES[table] if column not in _PLANNED]:
        query = select(func.max(column, type_=column.type)).where(column > limit)
        found.append(connection.execute(query if only is None else query.where(only)).scalar_one_or_none())
    return max((instant for instant in found if instant is not None), default=None)


def _shift(
    connection: Connection, table: Table, limit: datetime, back: timedelta, only: ColumnElement[bool] | None
) -> None:
    times = _TIMES[table]
    moved = {
        column.name: case((column > limit, type_coerce(column, BigInteger) - back // _MICROSECOND), else_=column)
        for column in times
    }
    change = update(table).where(or_(*(column > limit for column in times)))
    if table is runs:
        change = change.values(accounted=False)  # its rows in the archive are written again
    connection.execute((change if only is None else change.where(only)).values(moved))


def _rebook(connection: Connection, account_id: str, ahead: ColumnElement[bool], day: str, month: str) -> None:
    """Book the attempts that were booked on later days on this day and this month."""
    later = and_(ahead, or_(requests.c.day > day, requests.c.month > month))
    held = case((requests.c.charge == RESERVED, requests.c.reserved), else_=requests.c.credits)
    grouped = (requests.c.day, requests.c.month, requests.c.charge)
    sums = select(*grouped, total(held).label("held")).where(later).group_by(*grouped)
    for row in connection.execute(sums).all():
        if row.charge == Charge.FREE.value:
            continue
        add_to_balances(connection, _scopes(account_id, row.day, row.month), **{row.charge: -int(row.held)})
        add_to_balances(connection, _scopes(account_id, day, month), **{row.charge: int(row.held)})
    connection.execute(update(requests).where(later).values(day=day, month=month))


def _scopes(account_id: str, day: str, month: str) -> dict[ScopeKind, str]:
    names = scope_names("", account_id, day, month)
    return {kind: names[kind] for kind in (ScopeKind.DAY, ScopeKind.MONTH)}
