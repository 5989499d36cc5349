"""The allowance of ``budget = "auto"`` before a run starts."""

from __future__ import annotations

from datetime import datetime

from scraper.core.auto_budget import Allowance, allowance
from scraper.core.jobs import Job
from scraper.ports import Ledger


async def tonights_allowance(job: Job, ledger: Ledger | None, now: datetime) -> Allowance:
    """Return tonight's shares of a job with auto, without granting them: a run requests its own when it starts.

    `ledger`: ``None`` if there is no ledger yet; the month then counts as unused.
    """
    accounts = [job.accounts[vendor] for vendor in job.vendors]
    standings = None if ledger is None else await ledger.standings(job.name, accounts)
    return allowance(job, standings, now)
