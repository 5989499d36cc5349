"""Reservations: the worst price in every scope and a send slot, in one transaction (laws 1 and 4).

Statements are built once: building one cost more than carrying it out. A reservation is one that reads and two that
write, and a third where it begins its walk; those that are ready together share all of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import count
from typing import Any

import orjson
from sqlalchemy import Connection, and_, bindparam, func, insert, select, update

from scraper.core.budget import Balance, Scope, ScopeKind, first_refusing
from scraper.core.jobs import Account
from scraper.core.pace import FULL_PERCENT
from scraper.core.pagination import PageFacts
from scraper.core.requests import Request
from scraper.core.subscriptions import day_ends_at, day_of, month_ends_at, month_of
from scraper.core.units import Credits
from scraper.io.state.balances import (
    ONE_OF_SCOPES,
    RESERVED,
    add_to_balances,
    add_to_known_balances,
    balances_of,
    bound,
    scope_names,
    scopes_of,
)
from scraper.io.state.clock_gap import CLOCK_JITTER, NEWEST_START, clock_gap
from scraper.io.state.late import stored_facts
from scraper.io.state.leases import AS_IT_IS, Fence, is_mine, keep_from_others, lost
from scraper.io.state.ledger import ensure
from scraper.io.state.row_locks import QUEUED, lock_accounts, lock_attempts
from scraper.io.state.schema import Instant, accounts, balances, requests, runs, walks
from scraper.io.state.sequences import numbers_ahead
from scraper.io.state.slots import LOG, PacedAccount, allowance, lateness, log_parameters, next_slots
from scraper.ports import AccountClosed, NoCredits, Reserved, Slot, Stored


@dataclass(frozen=True, slots=True)
class Ask:
    """A request that asks for credits and a slot."""

    run_id: str
    account: Account
    request: Request
    attempt: int
    process: str
    now: datetime
    fence: Fence | None = None
    """The lease under which its process runs the job."""


_LAST_ATTEMPT = select(func.coalesce(func.max(requests.c.attempt_id), 0)).scalar_subquery()
_STANDING = (
    select(
        runs.c.budget,
        runs.c.shares,
        runs.c.late_pages,
        accounts.c.account,
        accounts.c.closed_until,
        accounts.c.closed_because,
        accounts.c.paused_until,
        accounts.c.pace_percent,
        accounts.c.told_at,
        accounts.c.told_until,
        accounts.c.told_remaining,
        *LOG,
        NEWEST_START.label("newest_start"),
        _LAST_ATTEMPT.label("last_attempt"),
        balances.c.kind,
        *(balances.c[figure] for figure in Balance.__slots__),
        walks.c.walk_id,
        walks.c.snapshot_at,
    )
    .select_from(
        runs.outerjoin(accounts, accounts.c.account == bindparam("account"))
        .outerjoin(balances, ONE_OF_SCOPES)
        .outerjoin(walks, and_(walks.c.run_id == runs.c.run_id, walks.c.walk_id == bindparam("walk_id")))
    )
    .where(runs.c.run_id == bindparam("run_id"))
)
"""All that a reservation depends on: a row for each balance that exists, or one."""
_FENCED_STANDING = _STANDING.add_columns(*AS_IT_IS)
"""The same with the lease of the job."""

_NEW_ATTEMPTS = insert(requests)
_NEW_WALKS = insert(walks)
_WALKS = select(walks.c.walk_id, walks.c.snapshot_at).where(
    walks.c.run_id == bindparam("run_id"), walks.c.walk_id.in_(bindparam("walk_ids", expanding=True))
)
_BEGIN_WALKS = (
    update(walks)
    .where(walks.c.run_id == bindparam("of_run"), walks.c.walk_id == bindparam("of_walk"))
    .values(snapshot_at=bindparam("begins_at", type_=Instant))
)
_ATTEMPT = select(requests).where(requests.c.attempt_id == bindparam("attempt_id"))
_RENEW = (
    update(requests)
    .where(requests.c.attempt_id == bindparam("renewed"))
    .values(slot_at=bindparam("slot", type_=Instant), day=bindparam("on_day"), month=bindparam("in_month"))
)


def reserve(connection: Connection, asks: Sequence[Ask]) -> list[Reserved]:
    """Reserve credits and slots for requests, those of one run on one account together.

    Raises LeaseLostError if another process has taken the job over.
    """
    for fence in {ask.fence for ask in asks if ask.fence is not None}:
        keep_from_others(connection, fence)
    lock_accounts(connection, {ask.account.id for ask in asks}, {ask.run_id for ask in asks})
    found: dict[int, Reserved] = {}
    together: dict[tuple[str, Account], list[int]] = {}
    for place, ask in enumerate(asks):
        together.setdefault((ask.run_id, ask.account), []).append(place)
    for places in together.values():
        done = 0
        while done < len(places):
            some = _reserve(connection, [asks[place] for place in places[done:]])
            found.update(zip(places[done:], some, strict=False))
            done += len(some)
    return [found[place] for place in range(len(asks))]


def _reserve(connection: Connection, asks: Sequence[Ask]) -> list[Reserved]:
    """Reserve for requests of one run on one account: for the first of them, as many as one window holds."""
    ask, account, now = asks[0], asks[0].account, asks[0].now
    names = _names_at(now, ask.run_id, account)
    counted = numbers_ahead(connection, requests.c.attempt_id, len(asks))
    rows = _read(connection, names, account, ask.request.walk.walk_id, now, ask.fence)
    row = rows[0]
    if row.account is None:
        ensure(connection, accounts, account=account.id)
        lock_accounts(connection, [account.id])
        rows = _read(connection, names, account, ask.request.walk.walk_id, now, ask.fence)
        row = rows[0]
    if row.closed_until is not None and row.closed_until > now:
        return [AccountClosed(row.closed_until, row.closed_because)] * len(asks)
    if row.newest_start is not None and row.newest_start > now + CLOCK_JITTER:
        gap = clock_gap(connection, account.id, now)
        return [AccountClosed(row.newest_start, "" if gap is None else gap.words)] * len(asks)
    numbers = count(row.last_attempt + 1) if counted is None else counted
    slots = next_slots(connection, account, _standing(row), now, len(asks))
    books, found = _Books(connection, account, names, rows), list[Reserved]()
    begun, entered = dict[str, Ask](), list[dict[str, Any]]()
    stored = stored_facts(connection, ask.run_id, [each.request.key for each in asks]) if row.late_pages else {}
    for ask in asks:
        if (facts := stored.get(ask.request.key)) is not None:
            found.append(Stored(PageFacts.from_json(orjson.loads(facts))))
            continue
        if not slots:
            break
        refusal = books.refusal(slots[0], ask.request.endpoint.cost)
        if refusal is None:
            books.add(ask.request.endpoint.cost)
            begun.setdefault(ask.request.walk.walk_id, ask)
            slot = Slot(next(numbers), slots.pop(0), lateness(account))
            entered.append(_entry(ask, slot))
            found.append(slot)
        else:
            found.append(refusal)
    if entered:
        connection.execute(_NEW_ATTEMPTS, entered, execution_options=QUEUED)
    books.close()
    _begin_walks(connection, begun, asks[0].request.walk.walk_id, row)
    return found


def _names_at(at: datetime, run_id: str, account: Account) -> dict[ScopeKind, str]:
    return scope_names(run_id, account.id, day_of(at), month_of(at, account.subscription.month_starts_on))


def _read(
    connection: Connection,
    names: Mapping[ScopeKind, str],
    account: Account,
    walk_id: str,
    now: datetime,
    fence: Fence | None,
    but: int = 0,
) -> Sequence[Any]:
    """Read the rows of `_STANDING`. Raises LeaseLostError if another process has taken the job over."""
    values = {"run_id": names[ScopeKind.RUN], "walk_id": walk_id, **log_parameters(account, now, but), **bound(names)}
    if fence is None:
        return connection.execute(_STANDING, values).all()
    rows = connection.execute(_FENCED_STANDING, {**values, "lease": fence.what}).all()
    if not is_mine(fence, rows[0]):
        raise lost(fence, rows[0])
    return rows


def _standing(row: Any) -> PacedAccount:  # noqa: ANN401 - a row of _STANDING
    pace = FULL_PERCENT if row.pace_percent is None else row.pace_percent
    log = (row.last_slot, row.last_sent, row.minute_slot, row.second_slot)
    return PacedAccount(row.paused_until, pace, row.told_at, row.told_until, row.told_remaining or 0, *log)


class _Books:
    """The balances of one run on one account, and what this transaction adds to them."""

    def __init__(
        self, connection: Connection, account: Account, names: dict[ScopeKind, str], rows: Sequence[Any]
    ) -> None:
        self._connection, self._account, self._names = connection, account, names
        self._limits = {
            ScopeKind.RUN: rows[0].budget,
            ScopeKind.SHARE: orjson.loads(rows[0].shares).get(account.id),
            ScopeKind.DAY: account.subscription.credits_per_day,
            ScopeKind.MONTH: account.subscription.month_limit,
        }
        figures = {row.kind: Balance(*(getattr(row, figure) for figure in Balance.__slots__)) for row in rows}
        self._held = {kind: figures.get(kind.value, Balance()) for kind in ScopeKind}
        self._added: Credits = 0
        self._known = len(figures) == len(ScopeKind) and None not in figures

    def refusal(self, at: datetime, cost: Credits) -> NoCredits | None:
        """Return the refusal of a request that would start at this instant, if a limit refuses it."""
        names = _names_at(at, self._names[ScopeKind.RUN], self._account)
        if names != self._names:  # another day: a statement more
            self.close()
            self._names, self._held, self._known = names, balances_of(self._connection, names), False
        held = self._held
        if self._added:
            held = {kind: replace(each, reserved=each.reserved + self._added) for kind, each in held.items()}
        refusing = first_refusing([Scope(kind, self._limits[kind], held[kind]) for kind in ScopeKind], cost)
        if refusing is None:
            return None
        return NoCredits(refusing, _resets_at(refusing.kind, self._account, at), refusing.balance.reserved > 0)

    def add(self, cost: Credits) -> None:
        """Add a reservation that was not refused."""
        self._added += cost

    def close(self) -> None:
        """Write what was added."""
        if self._added:
            add = add_to_known_balances if self._known else add_to_balances
            add(self._connection, self._names, reserved=self._added)
            self._added, self._known = 0, True


def _resets_at(kind: ScopeKind, account: Account, at: datetime) -> datetime | None:
    match kind:
        case ScopeKind.RUN | ScopeKind.SHARE:
            return None
        case ScopeKind.DAY:
            return day_ends_at(at)
        case ScopeKind.MONTH:
            return month_ends_at(at, account.subscription.month_starts_on)


def _entry(ask: Ask, slot: Slot) -> dict[str, Any]:
    """Return the attempt's row in the ledger."""
    account, request = ask.account, ask.request
    return {
        "attempt_id": slot.attempt_id,
        "request_key": request.key,
        "account": account.id,
        "run_id": ask.run_id,
        "walk_id": request.walk.walk_id,
        "endpoint": request.endpoint.full_name,
        "page": request.page,
        "params": orjson.dumps(dict(request.params)).decode(),
        "attempt": ask.attempt,
        "reserved": request.endpoint.cost,
        "reserved_at": ask.now,
        "day": day_of(slot.starts_at),
        "month": month_of(slot.starts_at, account.subscription.month_starts_on),
        "slot_at": slot.starts_at + allowance(account),
        "charge": RESERVED,
        "process": ask.process,
    }


def _begin_walks(connection: Connection, begun: Mapping[str, Ask], looked_up: str, row: Any) -> None:  # noqa: ANN401
    """Set the snapshots of walks with their first reservations.

    `row`: a row of `_STANDING`, with the walk that was `looked_up` if there is one.
    """
    known = {} if row.walk_id is None else {looked_up: row.snapshot_at}
    if others := [walk_id for walk_id in begun if walk_id != looked_up]:
        found = connection.execute(_WALKS, {"run_id": begun[others[0]].run_id, "walk_ids": others})
        known |= {found_walk.walk_id: found_walk.snapshot_at for found_walk in found}
    if new := [_new_walk(ask) for walk_id, ask in begun.items() if walk_id not in known]:
        connection.execute(_NEW_WALKS, new, execution_options=QUEUED)
    if begins := [
        {"of_run": ask.run_id, "of_walk": walk_id, "begins_at": ask.now}
        for walk_id, ask in begun.items()
        if walk_id in known and known[walk_id] is None
    ]:
        connection.execute(_BEGIN_WALKS, begins, execution_options=QUEUED)


def _new_walk(ask: Ask) -> dict[str, Any]:
    walk = ask.request.walk
    return {
        "run_id": ask.run_id,
        "walk_id": walk.walk_id,
        "crawls": ",".join(walk.crawls),
        "endpoint": walk.endpoint.full_name,
        "params": orjson.dumps(dict(walk.params)).decode(),
        "country": walk.country,
        "period_days": walk.period_days,
        "state": "open",
        "snapshot_at": ask.now,
    }


def renew_slot(
    connection: Connection, account: Account, attempt_id: int, now: datetime, fence: Fence | None = None
) -> Reserved:
    if fence is not None:
        keep_from_others(connection, fence)
    lock_attempts(connection, [attempt_id])
    row = connection.execute(_ATTEMPT, {"attempt_id": attempt_id}).one()
    names = scopes_of(row)
    rows = _read(connection, names, account, row.walk_id, now, fence, but=attempt_id)
    (slot_at,) = next_slots(connection, account, _standing(rows[0]), now, 1, but=attempt_id)
    if _names_at(slot_at, row.run_id, account) != names:
        add_to_balances(connection, names, reserved=-row.reserved)
        books = _Books(connection, account, names, rows)
        if refusal := books.refusal(slot_at, row.reserved):
            add_to_balances(connection, names, reserved=row.reserved)  # the caller releases it
            return refusal
        books.add(row.reserved)
        books.close()
    day, month = day_of(slot_at), month_of(slot_at, account.subscription.month_starts_on)
    renewed = {"renewed": attempt_id, "slot": slot_at + allowance(account), "on_day": day, "in_month": month}
    connection.execute(_RENEW, renewed)
    return Slot(attempt_id, slot_at, lateness(account))
