"""The order of a run's boards: decided at its start from earlier reads, and kept by all its processes."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

import orjson

from scraper.core.changes.tonight import NightTerms, Tonight
from scraper.core.jobs import Job, OrderName
from scraper.core.planning import History
from scraper.core.planning.board_order import chooses_boards, tonight_of
from scraper.core.units import Credits
from scraper.ports import Runs
from scraper.runs.resume import OpenedRun


async def in_board_order(job: Job, run: OpenedRun, runs: Runs) -> OpenedRun:
    """Return the run with the order of its boards, if the job states one.

    A resumed run keeps its order; under a higher ceiling it continues where the first one ended. If the order was lost
    with the ledger, it is decided again from the same reads.
    """
    if not chooses_boards(job):
        return run
    known = await runs.run(run.run_id)
    shares = {} if run.allowance is None else run.allowance.by_vendor(job)
    if known.board_order:
        found = Tonight.from_json(orjson.loads(known.board_order)).within(run.budget, shares)
    else:
        history, night_at = runs.history(run.started_at), known.night_at or run.started_at
        found = await decided(job, history, night_at, run.started_at, run.budget, shares)
        await runs.note_order(run.run_id, orjson.dumps(found.to_json()).decode())
    if run.resumed:
        begun = {walk.walk_id for walk in await runs.coverage(run.run_id) if walk.pages}
        kept = [replace(choice, is_bought=choice.is_bought or choice.walk_id in begun) for choice in found.choices]
        found = replace(found, choices=tuple(kept))
    by_value = job.order is OrderName.VALUE
    leftovers = run.leftovers if by_value else found.in_order
    return replace(run, leftovers=leftovers, tonight=found, notes=(*run.notes, *found.notes()))


async def decided(
    job: Job, history: History, night_at: datetime, now: datetime, budget: Credits, shares: Mapping[str, Credits]
) -> Tonight:
    """Return the order of the boards of a night. Reads the history in a thread."""
    if job.every is None:
        raise ValueError(f"job {job.name} has no nights")
    terms = NightTerms(job.order, night_at, job.every.period, budget, shares, job.max_staleness)
    return await asyncio.to_thread(tonight_of, job, history, terms, now)
