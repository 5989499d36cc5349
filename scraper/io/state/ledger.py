"""Laws 1, 3 and 4 as transactions: reserve, renew, settle."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import orjson
import zstandard
from sqlalchemy import ColumnElement, Connection, Table, and_, func, insert, not_, or_, select, update

from scraper.core.budget import Balance, Scope, ScopeKind, first_refusing
from scraper.core.catalogue import Charge, OutcomeKind
from scraper.core.events import Ending
from scraper.core.jobs import Account
from scraper.core.pace import FULL_PERCENT, pace_percent, slowed_down
from scraper.core.requests import Request
from scraper.core.subscriptions import day_ends_at, day_of, month_ends_at, month_of
from scraper.core.units import Credits
from scraper.io.state.clock_gap import CLOCK_JITTER, clock_gap, newest_start
from scraper.io.state.schema import accounts, balances, pages, requests, runs, walks
from scraper.ports import AccountClosed, NoCredits, Reserved, Settlement, Slot

MINUTE_WINDOW = timedelta(seconds=60.25)
"""A vendor counts arrivals, we count starts; the quarter of a second absorbs the jitter between them (measured)."""
SECOND_WINDOW = timedelta(seconds=1.25)
"""For limits by the second; the same jitter leaves 80 % of such a rate. With a margin of 50 ms a loaded machine got
429s, which a vendor may charge for."""

ONE_A_SECOND = timedelta(seconds=1)
"""The full pace of an account without a known rate, once it has to slow down: assumed."""

RESERVED = "reserved"
"""The charge of an attempt that is not settled yet."""


def balance_of(connection: Connection, kind: ScopeKind, scope: str) -> Balance:
    return balances_of(connection, {kind: scope})[kind]


def balances_of(connection: Connection, names: Mapping[ScopeKind, str]) -> dict[ScopeKind, Balance]:
    columns = (balances.c[field] for field in Balance.__slots__)
    rows = connection.execute(select(balances.c.kind, *columns).where(_any_of(names)))
    return dict.fromkeys(names, Balance()) | {ScopeKind(kind): Balance(*figures) for kind, *figures in rows}


def _any_of(names: Mapping[ScopeKind, str]) -> ColumnElement[bool]:
    return or_(*(and_(balances.c.kind == kind.value, balances.c.scope == scope) for kind, scope in names.items()))


def scope_names(run_id: str, account_id: str, day: str, month: str) -> dict[ScopeKind, str]:
    """Return the keys of an attempt's scopes in `balances`."""
    return {
        ScopeKind.RUN: run_id,
        ScopeKind.SHARE: f"{run_id}|{account_id}",
        ScopeKind.DAY: f"{account_id}|{day}",
        ScopeKind.MONTH: f"{account_id}|{month}",
    }


def _names_of(row: Any) -> dict[ScopeKind, str]:  # noqa: ANN401 - a row of requests
    return scope_names(row.run_id, row.account, row.day, row.month)


def _scopes(connection: Connection, names: dict[ScopeKind, str], account: Account) -> list[Scope]:
    run = connection.execute(select(runs.c.budget, runs.c.shares).where(runs.c.run_id == names[ScopeKind.RUN])).one()
    limits = {
        ScopeKind.RUN: run.budget,
        ScopeKind.SHARE: orjson.loads(run.shares).get(account.id),
        ScopeKind.DAY: account.subscription.credits_per_day,
        ScopeKind.MONTH: account.subscription.month_limit,
    }
    held = balances_of(connection, names)
    return [Scope(kind, limits[kind], held[kind]) for kind in ScopeKind]


def _resets_at(kind: ScopeKind, account: Account, at: datetime) -> datetime | None:
    match kind:
        case ScopeKind.RUN | ScopeKind.SHARE:
            return None
        case ScopeKind.DAY:
            return day_ends_at(at)
        case ScopeKind.MONTH:
            return month_ends_at(at, account.subscription.month_starts_on)


def add_to_balances(connection: Connection, names: Mapping[ScopeKind, str], **deltas: int) -> None:
    """Add to the balances of all scopes; a scope's row is inserted with its first attempt."""
    changes: dict[str, Any] = {name: balances.c[name] + delta for name, delta in deltas.items()}
    if connection.execute(update(balances).where(_any_of(names)).values(changes)).rowcount == len(names):
        return
    known = set(connection.execute(select(balances.c.kind).where(_any_of(names))).scalars())
    new = {**dict.fromkeys(Balance.__slots__, 0), **deltas}
    for kind, scope in names.items():
        if kind.value not in known:
            connection.execute(insert(balances).values(kind=kind.value, scope=scope, **new))


def ensure(connection: Connection, table: Table, **key: str) -> None:
    """Insert a row of defaults under this primary key unless there is one."""
    here = and_(*(table.c[name] == value for name, value in key.items()))
    if connection.execute(select(func.count()).select_from(table).where(here)).scalar_one() == 0:
        connection.execute(insert(table).values(**key))


# --- reserve ----------------------------------------------------------------------------------------------------------


def reserve(
    connection: Connection, run_id: str, account: Account, request: Request, attempt: int, now: datetime, process: str
) -> Reserved:
    ensure(connection, accounts, account=account.id)
    closed = connection.execute(
        select(accounts.c.closed_until, accounts.c.closed_because).where(accounts.c.account == account.id)
    ).one()
    if closed.closed_until is not None and closed.closed_until > now:
        return AccountClosed(closed.closed_until, closed.closed_because)
    if (newest := newest_start(connection, account.id)) is not None and newest > now + CLOCK_JITTER:
        gap = clock_gap(connection, account.id, now)
        return AccountClosed(newest, "" if gap is None else gap.words)
    slot_at = _next_slot(connection, account, now)
    cost = request.endpoint.cost
    day, month = day_of(slot_at), month_of(slot_at, account.subscription.month_starts_on)
    names = scope_names(run_id, account.id, day, month)
    if refusing := first_refusing(_scopes(connection, names, account), cost):
        return NoCredits(refusing, _resets_at(refusing.kind, account, slot_at), refusing.balance.reserved > 0)
    _begin_walk(connection, run_id, request, now)
    add_to_balances(connection, names, reserved=cost)
    row = insert(requests).values(
        request_key=request.key,
        account=account.id,
        run_id=run_id,
        walk_id=request.walk.walk_id,
        endpoint=request.endpoint.full_name,
        page=request.page,
        params=orjson.dumps(dict(request.params)).decode(),
        attempt=attempt,
        reserved=cost,
        reserved_at=now,
        day=day,
        month=month,
        slot_at=slot_at,
        charge=RESERVED,
        process=process,
    )
    attempt_id = connection.execute(row.returning(requests.c.attempt_id)).scalar_one()
    return Slot(attempt_id, slot_at)


def _begin_walk(connection: Connection, run_id: str, request: Request, now: datetime) -> None:
    walk = request.walk
    here = and_(walks.c.run_id == run_id, walks.c.walk_id == walk.walk_id)
    known = connection.execute(select(walks.c.snapshot_at).where(here)).one_or_none()
    if known is None:
        connection.execute(
            insert(walks).values(
                run_id=run_id,
                walk_id=walk.walk_id,
                crawls=",".join(walk.crawls),
                endpoint=walk.endpoint.full_name,
                params=orjson.dumps(dict(walk.params)).decode(),
                country=walk.country,
                period_days=walk.period_days,
                state="open",
                snapshot_at=now,
            )
        )
    elif known.snapshot_at is None:
        connection.execute(update(walks).where(here).values(snapshot_at=now))


def _next_slot(connection: Connection, account: Account, now: datetime, but: int | None = None) -> datetime:
    """Law 4: return the earliest instant at which no window of the account has more starts than allowed.

    A slot counts once it is given out, except that of an attempt settled unsent and that of `but`, which is renewed.
    """
    never_sent = and_(requests.c.settled_at.is_not(None), requests.c.outcome == OutcomeKind.NOT_SENT.value)
    counted = not_(and_(never_sent, requests.c.sent_at.is_(None)))
    slots = select(requests.c.slot_at).where(requests.c.account == account.id, counted)
    if but is not None:
        slots = slots.where(requests.c.attempt_id != but)
    slots = slots.order_by(requests.c.slot_at.desc())
    last = connection.execute(slots.limit(1)).scalar_one_or_none()
    earliest = [now, *(moment for moment in (paused_until(connection, account), last) if moment is not None)]
    windows = [(most, window) for most, window in _rates(account) if most is not None]
    for most, window in windows:
        within = slots.where(requests.c.slot_at > now - window)  # earlier ones have left the window
        nth = connection.execute(within.offset(most - 1).limit(1)).scalar_one_or_none()
        if nth is not None:
            earliest.append(nth + window)
    percent = _pace(connection, account.id, max(earliest))
    if percent < FULL_PERCENT and last is not None:
        gap = max((window / most for most, window in windows), default=ONE_A_SECOND)
        earliest.append(last + gap * FULL_PERCENT / percent)
    slot_at: datetime = max(earliest)
    return slot_at


def _rates(account: Account) -> tuple[tuple[int | None, timedelta], ...]:
    subscription = account.subscription
    return (subscription.requests_per_minute, MINUTE_WINDOW), (subscription.requests_per_second, SECOND_WINDOW)


def _pace(connection: Connection, account_id: str, at: datetime) -> int:
    found = select(accounts.c.pace_percent, accounts.c.paused_until).where(accounts.c.account == account_id)
    row = connection.execute(found).one_or_none()
    return FULL_PERCENT if row is None else pace_percent(row.pace_percent, row.paused_until, at)


def renew_slot(connection: Connection, account: Account, attempt_id: int, now: datetime) -> Reserved:
    slot_at = _next_slot(connection, account, now, but=attempt_id)
    here = requests.c.attempt_id == attempt_id
    row = connection.execute(select(requests).where(here)).one()
    day, month = day_of(slot_at), month_of(slot_at, account.subscription.month_starts_on)
    if (day, month) != (row.day, row.month):
        names = scope_names(row.run_id, account.id, day, month)
        add_to_balances(connection, _names_of(row), reserved=-row.reserved)
        refusing = first_refusing(_scopes(connection, names, account), row.reserved)
        if refusing is not None:
            add_to_balances(connection, _names_of(row), reserved=row.reserved)  # the caller releases it
            resets_at = _resets_at(refusing.kind, account, slot_at)
            return NoCredits(refusing, resets_at, refusing.balance.reserved > 0)
        add_to_balances(connection, names, reserved=row.reserved)
    connection.execute(update(requests).where(here).values(slot_at=slot_at, day=day, month=month))
    return Slot(attempt_id, slot_at)


def paused_until(connection: Connection, account: Account) -> datetime | None:
    found: datetime | None = connection.execute(
        select(accounts.c.paused_until).where(accounts.c.account == account.id)
    ).scalar_one_or_none()
    return found


# --- settle -----------------------------------------------------------------------------------------------------------


def settle(connection: Connection, settlement: Settlement) -> None:
    """Settle an attempt and store its body; a second settlement of the same attempt changes nothing."""
    here = requests.c.attempt_id == settlement.attempt_id
    row = connection.execute(select(requests).where(here)).one()
    if row.charge != RESERVED:
        return
    outcome = settlement.outcome
    connection.execute(
        update(requests)
        .where(here)
        .values(
            sent_at=settlement.sent_at,
            slot_at=max(row.slot_at, settlement.sent_at or row.slot_at),
            settled_at=settlement.settled_at,
            charge=outcome.charge.value,
            credits=outcome.credits,
            outcome=outcome.kind.value,
            ending=settlement.ending.value,
            http_status=outcome.http_status,
            rows=0 if outcome.facts is None else outcome.facts.records,
            vendor_request_id=outcome.vendor_request_id,
            detail=outcome.detail,
        )
    )
    move_credits(connection, row, RESERVED, row.reserved, outcome.charge, outcome.credits)
    if settlement.body is not None:
        _spool(connection, row, settlement, settlement.body)
    _note_account(connection, row.account, settlement)


def move_credits(
    connection: Connection,
    row: Any,  # noqa: ANN401 - a row of requests
    held_as: str,
    held: Credits,
    charge: Charge,
    credits: Credits,
) -> None:
    """Move an attempt's credits from one balance column to that of its charge, in all of its scopes."""
    deltas = {held_as: -held}
    if charge is not Charge.FREE:
        deltas[charge.value] = credits
    add_to_balances(connection, _names_of(row), **deltas)


def _spool(connection: Connection, row: Any, settlement: Settlement, body: bytes) -> None:  # noqa: ANN401
    outcome = settlement.outcome
    facts = outcome.facts if outcome.landed and settlement.ending is not Ending.RETRIED else None
    connection.execute(
        insert(pages).values(
            attempt_id=settlement.attempt_id,
            run_id=row.run_id,
            walk_id=row.walk_id,
            request_key=row.request_key,
            observed_at=settlement.settled_at,
            outcome=outcome.kind.value,
            http_status=outcome.http_status,
            facts=None if facts is None else orjson.dumps(facts.to_json()),
            body=zstandard.compress(body, 3),
            size_bytes=len(body),
        )
    )


def _note_account(connection: Connection, account_id: str, settlement: Settlement) -> None:
    """Pause or close the account; neither is ever shortened."""
    pause, close = settlement.pause_account_until, settlement.close_account_until
    if pause is None and close is None:
        return
    here = accounts.c.account == account_id
    row = connection.execute(select(accounts).where(here)).one()
    changes: dict[str, Any] = {}
    if pause is not None:
        changes["paused_until"] = max(pause, row.paused_until or pause)
        sent_at = settlement.sent_at or settlement.settled_at
        if row.slowed_at is None or sent_at > row.slowed_at:  # else it was in flight when the account was slowed
            percent = pace_percent(row.pace_percent, row.paused_until, settlement.settled_at)
            changes |= {"pace_percent": slowed_down(percent), "slowed_at": settlement.settled_at}
    if close is not None:
        changes["closed_until"] = max(close, row.closed_until or close)
        changes["closed_because"] = settlement.outcome.detail
    connection.execute(update(accounts).where(here).values(**changes))


def expire(connection: Connection, run_id: str, now: datetime) -> int:
    """Settle a dead process's reservations, which may have been sent, as unknown; return their number."""
    stale = connection.execute(select(requests).where(requests.c.run_id == run_id, requests.c.charge == RESERVED)).all()
    for row in stale:
        connection.execute(
            update(requests)
            .where(requests.c.attempt_id == row.attempt_id)
            .values(
                slot_at=max(row.reserved_at, min(row.slot_at, now)),  # later it is not sent any more
                settled_at=now,
                charge=Charge.UNKNOWN.value,
                credits=row.reserved,
                outcome="lost",
                ending="lost",
                detail="its process ended before an answer was stored",
            )
        )
        move_credits(connection, row, RESERVED, row.reserved, Charge.UNKNOWN, row.reserved)
    if stale:
        mark_run_outdated(connection, run_id)
    return len(stale)


def mark_run_outdated(connection: Connection, run_id: str) -> bool:
    return connection.execute(update(runs).where(runs.c.run_id == run_id).values(accounted=False)).rowcount > 0


def reserving_runs(connection: Connection) -> list[tuple[str, str]]:
    """Return job and run of all reservations that are not settled."""
    query = select(runs.c.job, runs.c.run_id).where(
        runs.c.run_id.in_(select(requests.c.run_id).where(requests.c.charge == RESERVED))
    )
    return [(row.job, row.run_id) for row in connection.execute(query)]
