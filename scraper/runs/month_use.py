"""Warnings of a run about its accounts' months."""

from __future__ import annotations

from datetime import datetime

from scraper.core.jobs import Job
from scraper.core.month_use import month_warning
from scraper.ports import Ledger


async def month_warnings(ledger: Ledger, job: Job, now: datetime) -> tuple[str, ...]:
    """Return a sentence for each of the job's accounts whose month is nearly used up, or will be too early."""
    ids = {job.accounts[vendor].id for vendor in job.vendors}
    sentences = (
        month_warning(one.account, one.subscription, one.month_balance.committed, now)
        for one in await ledger.account_balances(now)
        if one.account in ids
    )
    return tuple(sentence for sentence in sentences if sentence is not None)
