"""Builds a plan from the job, the ledger's balances and the history of earlier runs."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import datetime

from scraper.core.auto_budget import Allowance
from scraper.core.jobs import Job
from scraper.core.planning import AccountStanding, Known, Plan
from scraper.core.planning import plan as plan_of
from scraper.ports import Stores
from scraper.runs.resume import Begin, Course, Done, GoOn, Opening, course_of, wanted_after


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
    runs = stores.runs
    leftovers = await runs.leftovers(job.name, wanted_after(await runs.last_run(job.name), job))
    course = await course_of(job, Opening.GO_ON, None, runs, now)
    words, history = await _words(course, stores), runs.history()
    made = await asyncio.to_thread(plan_of, job, Known(now, history, standings, leftovers, shares, words))
    return replace(made, done=isinstance(course, Done))


async def _words(course: Course, stores: Stores) -> str:
    """Return what `scraper run` does where it is not simply what is planned."""
    match course:
        case Done(_, sentence):
            return f"{sentence}; this plan is for a new run"
        case GoOn(run):
            spent = f"{(await stores.runs.totals(run.run_id)).balance.committed} of {run.budget} credits spent"
            return f"{run.run_id} is open ({spent}): scraper run resumes it; this plan is for a new run"
        case Begin(_, _, notes):
            return "; ".join(notes)
