"""Builds a plan from the job, the ledger's balances and the history of earlier runs."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from scraper.core.auto_budget import Allowance
from scraper.core.changes.tonight import Tonight
from scraper.core.jobs import Job, OrderName
from scraper.core.planning import AccountStanding, History, Known, NothingSeen, Plan
from scraper.core.planning import plan as plan_of
from scraper.core.planning.board_order import by_delta, chooses_boards
from scraper.core.units import Credits
from scraper.ports import Stores
from scraper.runs.board_order import decided
from scraper.runs.resume import Begin, Course, Done, GoOn, Opening, course_of, wanted_after


async def plan(job: Job, stores: Stores | None, now: datetime, allowance: Allowance | None = None) -> Plan:
    """Plan a run of the job that starts now. Writes nothing; without stores there is no history.

    `allowance`: the source of the budget, with auto.

    Raises StateError if the database cannot be read.
    """
    shares = {} if allowance is None else allowance.by_vendor(job)
    if stores is None:
        tonight = await _tonight(job, NothingSeen(), Begin(None, None), now, shares)
        return plan_of(by_delta(job, tonight), Known(now, shares=shares, tonight=tonight))
    balances = {balance.account: balance for balance in await stores.ledger.account_balances(now)}
    standings = {
        vendor: AccountStanding(found.day_balance, found.month_balance, found.closed_until)
        for vendor, account in job.accounts.items()
        if (found := balances.get(account.id)) is not None
    }
    runs = stores.runs
    leftovers = await runs.leftovers(job.name, wanted_after(await runs.last_run(job.name), job))
    course = await course_of(job, Opening.GO_ON, None, runs, now)
    history = runs.history()
    tonight = await _tonight(job, history, course, now, shares)
    if tonight is not None and job.order is not OrderName.VALUE:
        leftovers = tonight.in_order
    known = Known(now, history, standings, leftovers, shares, tonight, await _words(course, stores))
    made = await asyncio.to_thread(plan_of, by_delta(job, tonight), known)
    return replace(made, done=isinstance(course, Done))


async def _tonight(
    job: Job, history: History, course: Course, now: datetime, shares: Mapping[str, Credits]
) -> Tonight | None:
    """Return the order of the boards of a new run: tonight's, or if tonight has a run, that of the next night."""
    if job.every is None or not chooses_boards(job):
        return None
    if isinstance(course, Begin):
        night_at = course.night_at or now
    else:
        night_at = (course.run.night_at or course.run.started_at) + job.every.period
    return await decided(job, history, night_at, max(now, night_at), job.budget, shares)


async def _words(course: Course, stores: Stores) -> str:
    """Return the action of `scraper run` in words, if it is not what is planned."""
    match course:
        case Done(_, sentence):
            return f"{sentence}; this plan is for a new run"
        case GoOn(run):
            spent = f"{(await stores.runs.totals(run.run_id)).balance.committed} of {run.budget} credits spent"
            return f"{run.run_id} is open ({spent}): scraper run resumes it; this plan is for a new run"
        case Begin(_, _, notes):
            return "; ".join(notes)
