"""Builds a plan from the job, the ledger's balances and the history of earlier runs."""

from __future__ import annotations

import asyncio
from datetime import datetime

from scraper.core.auto_budget import Allowance
from scraper.core.jobs import Job
from scraper.core.planning import AccountStanding, Known, Plan
from scraper.core.planning import plan as plan_of
from scraper.ports import Stores
from scraper.runs.resume import should_resume


async def plan(job: Job, stores: Stores | None, now: datetime, allowance: Allowance | None = None) -> Plan:
    """Plan a run of the job that starts now. Writes nothing; without stores there is no history.

    `allowance`: the source of the budget, with auto.

    Raises StateError if the database cannot be read.
    """
    shares = {} if allowance is None else allowance.by_vendor(job)
    if stores is None:
        return plan_of(job, Known(now, shares=shares))
    balances = {balance.account: balance for balance in await stores.ledger.account_balances(now)}
    standings = {
        vendor: AccountStanding(found.day_balance, found.month_balance, found.closed_until)
        for vendor, account in job.accounts.items()
        if (found := balances.get(account.id)) is not None
    }
    last = await stores.runs.last_run(job.name)
    open_run, leftovers = "", await stores.runs.leftovers(job.name)
    if last is not None and should_resume(last, job, now):
        totals = await stores.runs.totals(last.run_id)
        spent = f"{totals.balance.committed} of {last.budget} credits spent"
        open_run = f"{last.run_id} is open ({spent}): scraper run resumes it; this plan is for a new run"
    history = stores.runs.history()
    return await asyncio.to_thread(plan_of, job, Known(now, history, standings, leftovers, shares, open_run))
