"""``budget = "auto"`` before a run: what it would be given if it began now."""

from __future__ import annotations

from datetime import datetime

from scraper.core.auto_budget import Allowance, allowance
from scraper.core.jobs import Job
from scraper.ports import Ledger


async def tonights_allowance(job: Job, ledger: Ledger | None, now: datetime) -> Allowance:
    """Tonight's shares of a job with auto; grants nothing, a run asks for its own when it begins.

    `ledger`: ``None`` where there is no ledger yet: the month is taken as unused, as the first run will find it.
    """
    accounts = [job.accounts[vendor] for vendor in job.vendors]
    standings = None if ledger is None else await ledger.standings(job.name, accounts)
    return allowance(job, standings, now)
