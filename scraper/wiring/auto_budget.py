"""``budget = "auto"``: a job with tonight's share filled in."""

from __future__ import annotations

from dataclasses import replace

from scraper.core.auto_budget import Allowance, allowance
from scraper.core.jobs import Job
from scraper.wiring.settings import Settings
from scraper.wiring.state import stores_if_any


async def budgeted_job(job: Job, settings: Settings) -> tuple[Job, Allowance | None]:
    """Return the job with the budget of a run begun now, and its allowance (``None`` if it has a budget of its own).

    Grants and creates nothing: a run requests its share when it starts. Without a ledger the month counts as unused.
    """
    if not job.auto:
        return job, None
    with stores_if_any(settings, None) as stores:
        accounts = [job.accounts[vendor] for vendor in job.vendors]
        standings = None if stores is None else await stores.ledger.standings(job.name, accounts)
        share = allowance(job, standings, settings.clock.now())
    return replace(job, budget=share.credits), share
