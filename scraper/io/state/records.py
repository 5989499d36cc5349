"""Runs, coverage and the spool, as reads and writes on one connection."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import orjson
import zstandard
from sqlalchemy import Connection, Row, and_, delete, func, insert, select, update

from scraper.core.budget import ScopeKind
from scraper.core.catalogue import Charge, OutcomeKind
from scraper.core.events import Ending, RunStatus
from scraper.core.jobs import Account
from scraper.core.pace import pace_percent
from scraper.core.pagination import Guard, PageFacts, WalkState, Why
from scraper.core.requests import Progress, Walk
from scraper.core.subscriptions import Subscription, day_of, month_of
from scraper.io.state.drift import note_drift
from scraper.io.state.failures import retried
from scraper.io.state.ledger import RESERVED, add_to_balances, balance_of, ensure, scope_names
from scraper.io.state.parts import note
from scraper.io.state.schema import accounts, adjustments, balances, drains, pages, parts, requests, runs, walks
from scraper.ports import (
    AccountBalance,
    Drain,
    RunRecord,
    RunTotals,
    SpooledPage,
    WalkRecord,
    Written,
    drain_order,
)

# --- runs -------------------------------------------------------------------------------------------------------------


def run_record(row: Row[Any]) -> RunRecord:
    """A row of `runs` as a value."""
    values = {name: getattr(row, name) for name in RunRecord.__slots__}
    return RunRecord(**{**values, "status": RunStatus(row.status), "shares": orjson.loads(row.shares)})


def run_row(run: RunRecord) -> dict[str, Any]:
    """A value as a row of `runs`."""
    values = {name: getattr(run, name) for name in RunRecord.__slots__}
    return {**values, "status": run.status.value, "shares": orjson.dumps(run.shares).decode()}


def latest_runs(connection: Connection, limit: int, job: str | None = None) -> list[RunRecord]:
    """The runs that began last, newest first."""
    query = select(runs).order_by(runs.c.started_at.desc(), runs.c.run_id.desc()).limit(limit)
    if job is not None:
        query = query.where(runs.c.job == job)
    return [run_record(row) for row in connection.execute(query)]


def run_totals(connection: Connection, run_id: str) -> RunTotals:
    """Sums over the ledger, the walks and the drains of a run."""
    endings = connection.execute(
        select(requests.c.ending, func.count()).where(requests.c.run_id == run_id).group_by(requests.c.ending)
    )
    states = connection.execute(
        select(walks.c.state, func.count()).where(walks.c.run_id == run_id).group_by(walks.c.state)
    )
    reused = connection.execute(
        select(func.coalesce(func.sum(walks.c.pages), 0)).where(
            walks.c.run_id == run_id, walks.c.reused_from.is_not(None)
        )
    ).scalar_one()
    rows: dict[str, int] = {}
    for stored in connection.execute(select(drains.c.rows).where(drains.c.run_id == run_id)).scalars():
        for table, count in orjson.loads(stored).items():
            rows[table] = rows.get(table, 0) + count
    return RunTotals(
        balance=balance_of(connection, ScopeKind.RUN, run_id),
        retried=retried(connection, run_id),
        endings={Ending(ending): count for ending, count in endings if ending is not None},
        walks={WalkState(state): count for state, count in states},
        reused=reused,
        rows=dict(sorted(rows.items())),
    )


# --- coverage ---------------------------------------------------------------------------------------------------------


def cover(connection: Connection, run_id: str, progress: Progress, reused_from: str | None) -> None:
    """How far a walk of a run has come."""
    walk = progress.walk
    values = {
        "crawls": ",".join(walk.crawls),
        "state": progress.state.value,
        "why": None if progress.why is None else progress.why.value,
        "pages": progress.pages,
        "rows": progress.rows,
        "overlaps": progress.overlaps,
        "gaps": progress.gaps,
        "notes": ",".join(progress.notes),
        "reused_from": reused_from,
    }
    here = and_(walks.c.run_id == run_id, walks.c.walk_id == walk.walk_id)
    if connection.execute(update(walks).where(here).values(**values)).rowcount == 0:
        connection.execute(
            insert(walks).values(
                run_id=run_id,
                walk_id=walk.walk_id,
                endpoint=walk.endpoint.full_name,
                params=orjson.dumps(dict(walk.params)).decode(),
                country=walk.country,
                period_days=walk.period_days,
                **values,
            )
        )


def landed_pages(connection: Connection, run_id: str, walk_id: str | None = None) -> dict[str, PageFacts]:
    """Request key → facts of what has landed in a run, or in one walk of it."""
    query = select(pages.c.request_key, pages.c.facts).where(pages.c.run_id == run_id, pages.c.facts.is_not(None))
    if walk_id is not None:
        query = query.where(pages.c.walk_id == walk_id)
    query = query.order_by(pages.c.page_id)  # as they landed
    return {key: PageFacts.from_json(orjson.loads(facts)) for key, facts in connection.execute(query)}


def reusable(connection: Connection, walk: Walk, since: datetime) -> tuple[str, dict[str, PageFacts]] | None:
    """The youngest whole walk with these parameters that is young enough and at least as deep."""
    query = (
        select(walks)
        .where(
            walks.c.walk_id == walk.walk_id,
            walks.c.snapshot_at >= since,
            walks.c.reused_from.is_(None),
            walks.c.state.in_([WalkState.COMPLETE.value, WalkState.EMPTY.value]),
        )
        .order_by(walks.c.snapshot_at.desc())
    )
    for row in connection.execute(query).all():
        if row.why == Why.END.value or (walk.max_pages is not None and row.pages >= walk.max_pages):
            landed = landed_pages(connection, row.run_id, walk.walk_id)
            if len(landed) == row.pages:  # else an answer that cost nothing was not kept, and the walk is not whole
                return row.run_id, landed
    return None


_WANTED_MORE = [Why.BUDGET.value, Why.UNREACHABLE.value, Why.INTERRUPTED.value]


def left_over(connection: Connection, run_id: str) -> list[str]:
    """Walks of a run that wanted more than they were given; first those that were not bought for longest."""
    bought = walks.alias("bought")
    last = func.max(bought.c.snapshot_at)
    cut_short = and_(walks.c.state == WalkState.TRUNCATED.value, walks.c.why.in_(_WANTED_MORE))
    never_begun = and_(walks.c.state == WalkState.NOT_ATTEMPTED.value, walks.c.why != Why.REFUSED.value)
    unreachable = and_(walks.c.state == WalkState.FAILED.value, walks.c.why == Why.UNREACHABLE.value)
    query = (
        select(walks.c.walk_id, last)
        .outerjoin(bought, and_(bought.c.walk_id == walks.c.walk_id, bought.c.pages > 0))
        .where(walks.c.run_id == run_id, cut_short | never_begun | unreachable)
        .group_by(walks.c.walk_id)
    )
    # Never bought comes before all that was; PostgreSQL and SQLite do not agree on where NULLs go, so Python sorts.
    found = [(at is not None, at, walk_id) for walk_id, at in connection.execute(query)]
    return [walk_id for _, _, walk_id in sorted(found, key=lambda row: (row[0], row[1] or 0, row[2]))]


def close_walks(connection: Connection, run_id: str) -> None:
    """A run that crashed has told nothing of its open walks: with it closed, they are cut short or were not begun."""
    opened = select(walks.c.walk_id).where(walks.c.run_id == run_id, walks.c.state == WalkState.OPEN.value)
    for walk_id in connection.execute(opened).scalars().all():
        landed = len(landed_pages(connection, run_id, walk_id))
        state = WalkState.TRUNCATED if landed else WalkState.NOT_ATTEMPTED
        here = and_(walks.c.run_id == run_id, walks.c.walk_id == walk_id)
        values = {"state": state.value, "why": Why.INTERRUPTED.value, "pages": landed}
        connection.execute(update(walks).where(here).values(**values))


def coverage(connection: Connection, run_id: str) -> list[WalkRecord]:
    """Every walk of a run, those that want something first."""
    query = select(walks).where(walks.c.run_id == run_id).order_by(walks.c.endpoint, walks.c.params)
    return [
        WalkRecord(
            walk_id=row.walk_id,
            endpoint=row.endpoint,
            params=row.params,
            state=WalkState(row.state),
            why=None if row.why is None else Why(row.why),
            pages=row.pages,
            rows=row.rows,
            snapshot_at=row.snapshot_at,
            reused_from=row.reused_from,
            overlaps=row.overlaps,
            gaps=row.gaps,
            notes=tuple(Guard(name) for name in row.notes.split(",") if name),
        )
        for row in connection.execute(query)
    ]


# --- accounts ---------------------------------------------------------------------------------------------------------


def note_accounts(connection: Connection, known: Sequence[Account], now: datetime) -> None:
    """The limits of accounts, as text: what `status` shows balances against.

    Other limits than before are another plan: what the vendor refused under the old one is asked for again.
    """
    for account in known:
        ensure(connection, accounts, account=account.id)
        here = accounts.c.account == account.id
        before = connection.execute(select(accounts.c.subscription).where(here)).scalar_one()
        told = orjson.dumps(asdict(account.subscription), default=str).decode()
        if told == before:
            continue
        connection.execute(update(accounts).where(here).values(subscription=told, closed_until=None))
        if _subscription(before).month_starts_on != account.subscription.month_starts_on:
            _book_month(connection, account, now)


def _book_month(connection: Connection, account: Account, now: datetime) -> None:
    """Where the month is told to begin on another day, what was spent since that day belongs to it."""
    month = month_of(now, account.subscription.month_starts_on)
    scope = scope_names("", account.id, "", month)[ScopeKind.MONTH]
    since = and_(requests.c.account == account.id, requests.c.day >= month)
    connection.execute(update(requests).where(since).values(month=month))
    spent = select(requests.c.charge, func.sum(requests.c.credits), func.sum(requests.c.reserved)).where(since)
    sums = {
        charge: reserved if charge == RESERVED else credits
        for charge, credits, reserved in connection.execute(spent.group_by(requests.c.charge))
        if charge != Charge.FREE.value
    }
    begins_at = datetime.fromisoformat(month).replace(tzinfo=UTC)
    told = and_(adjustments.c.account == account.id, adjustments.c.told_at >= begins_at)
    sums["adjusted"] = connection.execute(
        select(func.coalesce(func.sum(adjustments.c.credits), 0)).where(told)
    ).scalar_one()
    connection.execute(delete(balances).where(balances.c.kind == ScopeKind.MONTH.value, balances.c.scope == scope))
    add_to_balances(connection, {ScopeKind.MONTH: scope}, **sums)


def _subscription(told: str) -> Subscription:
    values = {"name": "not stated", "assumed": (), **orjson.loads(told)}
    dollars = {key: Decimal(values[key]) for key in _DOLLARS if values.get(key) is not None}
    return Subscription(**{**values, **dollars, "assumed": tuple(values["assumed"])})


_DOLLARS = ("usd_per_month", "overage_usd_per_1000", "max_overage_usd")


def account_balances(connection: Connection, now: datetime) -> list[AccountBalance]:
    """Day and month of every account that a run has used."""
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


# --- drains -----------------------------------------------------------------------------------------------------------


def begin_drain(connection: Connection, opened_at: datetime, most_bytes: int, after: int) -> Drain | None:
    """The drain that was left unfinished, else a new one over pages of the run that waits longest."""
    unfinished = connection.execute(
        select(drains).where(drains.c.finished_at.is_(None)).order_by(drains.c.drain_id).limit(1)
    ).one_or_none()
    if unfinished is not None:
        members = select(func.count()).select_from(pages).where(pages.c.drain_id == unfinished.drain_id)
        return Drain(unfinished.drain_id, unfinished.run_id, connection.execute(members).scalar_one())
    waiting = (
        select(pages.c.page_id, pages.c.run_id, pages.c.size_bytes)
        .where(pages.c.stored.is_(False), pages.c.drain_id.is_(None))
        .order_by(pages.c.page_id)
    )
    run_id, chosen, size_bytes = None, [], 0
    for row in connection.execute(waiting):
        run_id = run_id or row.run_id
        if row.run_id == run_id:
            chosen.append(row.page_id)
            size_bytes += row.size_bytes
            if size_bytes >= most_bytes:
                break
    if run_id is None:
        return None
    last = connection.execute(select(func.coalesce(func.max(drains.c.drain_id), 0))).scalar_one()
    drain_id = max(last, after) + 1
    connection.execute(insert(drains).values(drain_id=drain_id, run_id=run_id, opened_at=opened_at))
    for start in range(0, len(chosen), 500):  # SQLite binds at most 32,766 values in a statement
        some = pages.c.page_id.in_(chosen[start : start + 500])
        connection.execute(update(pages).where(some).values(drain_id=drain_id))
    return Drain(drain_id, run_id, len(chosen))


def members(connection: Connection, drain: Drain) -> Iterator[SpooledPage]:
    """The pages of a drain in the order of the archive."""
    member_columns = [pages.c.page_id, pages.c.run_id, pages.c.walk_id, pages.c.request_key, pages.c.observed_at]
    query = (
        select(*member_columns, pages.c.outcome, pages.c.http_status)
        .add_columns(requests.c.page, requests.c.params, requests.c.endpoint)
        .add_columns(walks.c.snapshot_at, walks.c.country, walks.c.period_days)
        .join(requests, requests.c.attempt_id == pages.c.attempt_id)
        .join(walks, and_(walks.c.run_id == pages.c.run_id, walks.c.walk_id == pages.c.walk_id))
        .where(pages.c.drain_id == drain.drain_id)
    )
    bodiless = [_spooled(row) for row in connection.execute(query)]
    for page in sorted(bodiless, key=drain_order):
        body = connection.execute(select(pages.c.body).where(pages.c.page_id == page.page_id)).scalar_one()
        yield replace(page, body=zstandard.decompress(body))


def _spooled(row: Row[Any]) -> SpooledPage:
    return SpooledPage(
        page_id=row.page_id,
        vendor=row.endpoint.partition(".")[0],
        endpoint=row.endpoint,
        run_id=row.run_id,
        walk_id=row.walk_id,
        request_key=row.request_key,
        snapshot_at=row.snapshot_at,
        observed_at=row.observed_at,
        country=row.country,
        period_days=row.period_days,
        page=row.page,
        parameters=row.params,
        http_status=row.http_status,
        outcome=OutcomeKind(row.outcome),
        body=b"",
    )


def finish_drain(connection: Connection, drain: Drain, written: Written, finished_at: datetime) -> None:
    """Members stored, their bodies freed, the parts noted."""
    rows = {table: count for table, count in written.rows().items() if table != "pages"}
    here = drains.c.drain_id == drain.drain_id
    if connection.execute(select(drains.c.finished_at).where(here)).scalar_one() is None:
        note_drift(connection, drain, written.looked)
    connection.execute(update(drains).where(here).values(finished_at=finished_at, rows=orjson.dumps(rows).decode()))
    connection.execute(update(pages).where(pages.c.drain_id == drain.drain_id).values(stored=True, body=None))
    note(connection, written.parts)


def select_hashes(connection: Connection) -> Mapping[str, frozenset[str]]:
    """Table → hashes of the SELECTs that its parts come from."""
    found: dict[str, set[str]] = {}
    for table, select_hash in connection.execute(select(parts.c.table_name, parts.c.select_hash).distinct()):
        found.setdefault(table, set()).add(select_hash)
    return {table: frozenset(hashes) for table, hashes in found.items()}
