"""A job's plan, informed by earlier runs."""

from __future__ import annotations

from scraper.core.auto_budget import Allowance
from scraper.core.jobs import Job
from scraper.core.planning import Plan
from scraper.wiring.settings import Settings
from scraper.wiring.state import stores_if_any


async def plan_job(job: Job, settings: Settings, allowance: Allowance | None = None) -> Plan:
    """Return the job's plan; read the data directory if there is one, create none. See `budgeted_job`."""
    from scraper.runs.plan import plan

    with stores_if_any(settings, settings.kind) as stores:
        return await plan(job, stores, settings.clock.now(), allowance)
