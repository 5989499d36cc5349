"""``budget = "auto"``: what accounts have spent tonight, and the share that a run is granted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, time
from typing import Any

import orjson
from sqlalchemy import Connection, Row, case, or_, select, update

from scraper.core.auto_budget import WINDOW, Allowance, OtherJob, Spending, allowance
from scraper.core.budget import ScopeKind
from scraper.core.events import RunStatus
from scraper.core.jobs import Account, Job
from scraper.core.subscriptions import day_of, month_of
from scraper.core.units import Credits
from scraper.io.state.balances import RESERVED, balance_of, scope_names
from scraper.io.state.row_locks import lock_accounts, lock_the_rest
from scraper.io.state.schema import requests, runs, total


def grant(connection: Connection, run_id: str, job: Job, now: datetime) -> Allowance:
    accounts = [job.accounts[vendor] for vendor in job.vendors]
    lock_accounts(connection, [account.id for account in accounts])
    lock_the_rest(connection)
    granted = allowance(job, standings(connection, job.name, accounts, now), now)
    shares = {share.account: _spent_by(connection, run_id, share.account) + share.credits for share in granted.shares}
    budget = balance_of(connection, ScopeKind.RUN, run_id).committed + granted.credits
    values = {"auto": True, "weight": job.weight, "shares": orjson.dumps(shares).decode(), "budget": budget}
    connection.execute(update(runs).where(runs.c.run_id == run_id).values(**values))
    return granted


def standings(connection: Connection, job: str, accounts: Sequence[Account], now: datetime) -> Mapping[str, Spending]:
    day_began = datetime.combine(now.astimezone(UTC).date(), time(), UTC)
    recent = _recent_runs(connection, day_began)
    found = {}
    for account in accounts:
        names = scope_names("", account.id, day_of(now), month_of(now, account.subscription.month_starts_on))
        spent = _spent_tonight(connection, account.id, day_began)
        others = (
            _other_job(connection, account.id, run, spent.get(name, 0), day_began)
            for name, run in recent.items()
            if name != job and account.id in orjson.loads(run.shares)
        )
        found[account.id] = Spending(
            this_month=balance_of(connection, ScopeKind.MONTH, names[ScopeKind.MONTH]).committed,
            today=balance_of(connection, ScopeKind.DAY, names[ScopeKind.DAY]).committed,
            own=spent.get(job, 0),
            others=tuple(others),
        )
    return found


def _recent_runs(connection: Connection, day_began: datetime) -> dict[str, Row[Any]]:
    """Return job → its last auto run that began within `WINDOW` or is open, sorted by job.

    A run without shares (none granted yet) does not hide the one before it.
    """
    since = runs.c.started_at >= day_began - WINDOW
    query = select(runs).where(runs.c.auto, runs.c.shares != "{}", or_(since, runs.c.status == RunStatus.OPEN.value))
    return {run.job: run for run in connection.execute(query.order_by(runs.c.job, runs.c.number))}


def _spent_tonight(connection: Connection, account: str, day_began: datetime) -> dict[str, Credits]:
    credits = case((requests.c.charge == RESERVED, requests.c.reserved), else_=requests.c.credits)
    query = (
        select(runs.c.job, total(credits))
        .join(runs, runs.c.run_id == requests.c.run_id)
        .where(
            requests.c.account == account,
            requests.c.slot_at >= day_began,  # implied by the day; lets the index be used
            requests.c.day == day_of(day_began),
            runs.c.auto,
        )
        .group_by(runs.c.job)
    )
    return {job: int(spent) for job, spent in connection.execute(query)}


def _other_job(connection: Connection, account: str, run: Row[Any], spent: Credits, day_began: datetime) -> OtherJob:
    status = RunStatus(run.status)
    outstanding = 0
    if status is RunStatus.OPEN:
        outstanding = max(0, orjson.loads(run.shares)[account] - _spent_by(connection, run.run_id, account))
    done = (status.closes or run.superseded_by is not None) and run.started_at >= day_began
    return OtherJob(run.job, run.weight, spent, outstanding, done)


def _spent_by(connection: Connection, run_id: str, account: str) -> Credits:
    name = scope_names(run_id, account, "", "")[ScopeKind.SHARE]
    return balance_of(connection, ScopeKind.SHARE, name).committed
