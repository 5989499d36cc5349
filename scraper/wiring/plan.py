"""A plan, with what the data directory knows of earlier runs."""

from __future__ import annotations

from scraper.core.auto_budget import Allowance
from scraper.core.jobs import Job
from scraper.core.planning import Plan
from scraper.wiring.run import stores_if_any
from scraper.wiring.settings import Settings


async def plan_job(job: Job, settings: Settings, allowance: Allowance | None = None) -> Plan:
    """The job's plan; looks into the data directory where there is one, and creates none. See `budgeted_job`."""
    from scraper.runs.plan import plan

    with stores_if_any(settings, settings.kind) as stores:
        return await plan(job, stores, settings.clock.now(), allowance)
