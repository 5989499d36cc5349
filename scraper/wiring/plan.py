"""A plan, with what the data directory knows of earlier runs."""

from __future__ import annotations

from scraper.core.auto_budget import Allowance
from scraper.core.jobs import Job
from scraper.core.planning import Plan
from scraper.wiring.run import opened_state
from scraper.wiring.settings import Settings, is_there


async def plan_job(job: Job, settings: Settings, allowance: Allowance | None = None) -> Plan:
    """The job's plan; looks into the data directory where there is one, and creates none. See `budgeted_job`."""
    from scraper.io.state import FILE_NAME
    from scraper.runs.plan import plan

    if not is_there(settings, FILE_NAME):
        return await plan(job, None, settings.clock.now(), allowance)
    async with opened_state(settings, settings.kind) as state:
        return await plan(job, state, settings.clock.now(), allowance)
