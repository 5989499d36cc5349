"""``budget = "auto"``: a job with tonight's share filled in."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from scraper.core.jobs import Job
from scraper.runs.auto_budget import tonights_allowance
from scraper.wiring.run import stores_if_any
from scraper.wiring.settings import Settings

if TYPE_CHECKING:
    from scraper.core.auto_budget import Allowance


async def budgeted_job(job: Job, settings: Settings) -> tuple[Job, Allowance | None]:
    """Return the job with the budget of a run begun now, and its allowance (``None`` if it has a budget of its own).

    Creates nothing: without a ledger the month counts as unused.
    """
    if not job.auto:
        return job, None
    with stores_if_any(settings, None) as stores:
        allowance = await tonights_allowance(job, None if stores is None else stores.ledger, settings.clock.now())
    return replace(job, budget=allowance.credits), allowance
