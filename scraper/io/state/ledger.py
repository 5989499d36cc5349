"""Settlements, in one transaction with the body that they pay for (law 3); reservations are in `io.state.reserve`."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from typing import Any, TypeAlias

import orjson
from sqlalchemy import ColumnElement, Connection, Row, Table, and_, bindparam, func, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from scraper.core.catalogue import Charge, OutcomeKind
from scraper.core.events import Ending
from scraper.core.jobs import Account
from scraper.core.pace import pace_percent, slowed_down
from scraper.io.packing import packed
from scraper.io.state import late
from scraper.io.state.balances import RESERVED, add_to_balances, move_credits, moved, scope_names
from scraper.io.state.leases import Fence, is_live, is_mine, job_lease, standing
from scraper.io.state.row_locks import QUEUED, lock_accounts, lock_attempts
from scraper.io.state.schema import Instant, accounts, pages, requests, runs
from scraper.io.state.slots import NEVER, ON_THE_WAY, latest_arrival
from scraper.ports import Settlement

_CHANGED = "sent_at settled_at charge credits outcome ending http_status rows vendor_request_id detail"
_SETTLE = (
    update(requests)
    .where(requests.c.attempt_id == bindparam("settled"))
    .values({name: bindparam(f"to_{name}", type_=requests.c[name].type) for name in _CHANGED.split()})
    .values(slot_at=func.coalesce(bindparam("arrived", type_=Instant), requests.c.slot_at))
)
"""The settlement of an attempt."""
_KNOWN = "attempt_id run_id account day month reserved walk_id request_key"
_STILL_RESERVED = (
    select(*(requests.c[name] for name in _KNOWN.split()), runs.c.late_pages)
    .outerjoin(runs, runs.c.run_id == requests.c.run_id)
    .where(requests.c.attempt_id.in_(bindparam("attempts", expanding=True)), requests.c.charge == RESERVED)
    .order_by(requests.c.attempt_id)
    .with_for_update(of=requests)
)
_PAUSED = select(accounts.c.paused_until).where(accounts.c.account == bindparam("account"))
_NEW_PAGE = insert(pages)
_TELL = (
    update(accounts)
    .where(accounts.c.account == bindparam("of_account"))
    .where(or_(accounts.c.told_at.is_(None), accounts.c.told_at <= bindparam("at", type_=Instant)))
    .values(told_at=bindparam("at", type_=Instant), told_until=bindparam("until", type_=Instant))
    .values(told_remaining=bindparam("remaining"))
)
"""Answers may be settled in another order than they came."""
Settling: TypeAlias = tuple[Settlement, Fence | None]
"""A settlement, and the lease under which its process made the attempt."""


def paused_until(connection: Connection, account: Account) -> datetime | None:
    found: datetime | None = connection.execute(_PAUSED, {"account": account.id}).scalar_one_or_none()
    return found


def ensure(connection: Connection, table: Table, **key: str) -> None:
    """Insert a row of defaults under this primary key unless there is one."""
    here = and_(*(table.c[name] == value for name, value in key.items()))
    if connection.execute(select(func.count()).select_from(table).where(here)).scalar_one() == 0:
        with suppress(IntegrityError), connection.begin_nested():  # another process may insert it at this moment
            connection.execute(insert(table).values(**key))


# --- settle -----------------------------------------------------------------------------------------------------------


def settle(connection: Connection, settlings: Sequence[Settling]) -> list[None]:
    """Settle attempts and store their bodies; a second settlement of the same attempt changes nothing.

    Those of a process that was replaced are kept as well: `io.state.late`.
    """
    fences = {fence for _, fence in settlings if fence is not None}
    replaced = {fence for fence in fences if not is_mine(fence, standing(connection, fence))}
    lock_attempts(connection, [settlement.attempt_id for settlement, _ in settlings])
    settled = _settle_reserved(connection, [settlement for settlement, _ in settlings])
    bodies: list[dict[str, Any]] = []
    changes: dict[tuple[str, str, str, str], dict[str, int]] = {}
    for settlement, fence in settlings:
        outcome, is_late = settlement.outcome, fence in replaced
        row, held_as = settled.pop(settlement.attempt_id, None), RESERVED
        if row is None:
            if (row := _settle_lost(connection, settlement)) is None:
                continue
            held_as, is_late = row.charge, True
        deltas = changes.setdefault((row.run_id, row.account, row.day, row.month), {})
        if held_as in {RESERVED, Charge.UNKNOWN}:  # else it was reconciled meanwhile
            for column, credits in moved(held_as, row.reserved, outcome.charge, outcome.credits).items():
                deltas[column] = deltas.get(column, 0) + credits
        if settlement.body is not None:
            page = _page(row, settlement, settlement.body)
            if (is_late or row.late_pages) and late.set_aside_repeated(connection, page, bodies) and is_late:
                late.note_late_page(connection, row.run_id)
            bodies.append(page)
        _note_account(connection, row.account, settlement)
    if bodies:
        connection.execute(_NEW_PAGE, bodies)
    for scopes, deltas in changes.items():
        add_to_balances(connection, scope_names(*scopes), **deltas)
    return [None] * len(settlings)


def _settle_reserved(connection: Connection, settlements: Sequence[Settlement]) -> dict[int, Any]:
    """Settle those attempts that are still reserved, each with its first settlement; return their rows as they were."""
    values: dict[int, dict[str, Any]] = {}
    for settlement in settlements:
        if settlement.attempt_id not in values:
            values[settlement.attempt_id] = _settled_values(settlement)
    rows = connection.execute(_STILL_RESERVED, {"attempts": list(values)}).all()
    if rows:
        connection.execute(_SETTLE, [values[row.attempt_id] for row in rows], execution_options=QUEUED)
    return {row.attempt_id: row for row in rows}


def _settle_lost(connection: Connection, settlement: Settlement) -> Any | None:  # noqa: ANN401
    """Settle an attempt that is no longer reserved; see `late.settle_lost`."""
    values = _settled_values(settlement)
    columns = {name.removeprefix("to_"): value for name, value in values.items() if name.startswith("to_")}
    if values["arrived"] is not None:
        columns["slot_at"] = values["arrived"]
    if (row := late.settle_lost(connection, settlement.attempt_id, columns)) is not None:
        mark_run_outdated(connection, row.run_id)
    return row


def _settled_values(settlement: Settlement) -> dict[str, Any]:
    outcome, sent_at = settlement.outcome, settlement.sent_at
    arrived = None if sent_at is None else latest_arrival(sent_at, settlement.settled_at, settlement.arrived_at)
    if sent_at is None and outcome.kind is OutcomeKind.NOT_SENT:
        arrived = NEVER
    return {
        "settled": settlement.attempt_id,
        "arrived": arrived,
        "to_sent_at": sent_at,
        "to_settled_at": settlement.settled_at,
        "to_charge": outcome.charge.value,
        "to_credits": outcome.credits,
        "to_outcome": outcome.kind.value,
        "to_ending": settlement.ending.value,
        "to_http_status": outcome.http_status,
        "to_rows": 0 if outcome.facts is None else outcome.facts.records,
        "to_vendor_request_id": outcome.vendor_request_id,
        "to_detail": outcome.detail,
    }


def _page(row: Row[Any], settlement: Settlement, body: bytes) -> dict[str, Any]:
    """Return the page's row in the spool."""
    outcome = settlement.outcome
    facts = outcome.facts if outcome.landed and settlement.ending is not Ending.RETRIED else None
    return {
        "attempt_id": settlement.attempt_id,
        "run_id": row.run_id,
        "walk_id": row.walk_id,
        "request_key": row.request_key,
        "observed_at": settlement.settled_at,
        "outcome": outcome.kind.value,
        "http_status": outcome.http_status,
        "facts": None if facts is None else orjson.dumps(facts.to_json()),
        "body": packed(body),
        "size_bytes": len(body),
    }


def _note_account(connection: Connection, account_id: str, settlement: Settlement) -> None:
    """Pause or close the account, neither is ever shortened; and note what its vendor told."""
    if (told := settlement.told) is not None and settlement.sent_at is not None:
        until = settlement.settled_at + timedelta(seconds=told.resets_in_s)
        values = {"of_account": account_id, "at": settlement.sent_at, "until": until, "remaining": told.remaining}
        connection.execute(_TELL, values)
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
    reserved = and_(requests.c.run_id == run_id, requests.c.charge == RESERVED)
    accounts_of = connection.execute(select(requests.c.account).where(reserved).distinct()).scalars()
    lock_accounts(connection, set(accounts_of), [run_id])
    stale = connection.execute(select(requests).where(reserved)).all()
    for row in stale:
        connection.execute(
            update(requests)
            .where(requests.c.attempt_id == row.attempt_id)
            .values(
                slot_at=max(row.reserved_at, min(row.slot_at, now + ON_THE_WAY)),  # it was sent before now, if at all
                settled_at=now,
                charge=Charge.UNKNOWN.value,
                credits=row.reserved,
                outcome="lost",
                ending="lost",
                detail=late.EXPIRED,
            )
        )
        move_credits(connection, row, RESERVED, row.reserved, Charge.UNKNOWN, row.reserved)
    if stale:
        mark_run_outdated(connection, run_id)
    return len(stale)


def expire_lapsed(connection: Connection, clock: ColumnElement[int], job: str, run_id: str, now: datetime) -> int:
    """Like `expire`, unless a living process holds the job; nobody can take it meanwhile. `clock`: the database's."""
    return 0 if is_live(connection, job_lease(job), clock, locked=True) else expire(connection, run_id, now)


def mark_run_outdated(connection: Connection, run_id: str) -> bool:
    return connection.execute(update(runs).where(runs.c.run_id == run_id).values(accounted=False)).rowcount > 0


def mark_day_outdated(connection: Connection, day: date) -> None:
    began = datetime(day.year, day.month, day.day, tzinfo=UTC)
    of_day = and_(runs.c.started_at >= began, runs.c.started_at < began + timedelta(days=1))
    connection.execute(update(runs).where(of_day).values(accounted=False))


def reserving_runs(connection: Connection) -> list[tuple[str, str]]:
    """Return job and run of all reservations that are not settled."""
    query = select(runs.c.job, runs.c.run_id).where(
        runs.c.run_id.in_(select(requests.c.run_id).where(requests.c.charge == RESERVED))
    )
    return [(row.job, row.run_id) for row in connection.execute(query)]
