"""The metrics of a run that has ended."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import scraper
from scraper.wiring.state import stores_if_any

if TYPE_CHECKING:
    from scraper.core.events import RunResult
    from scraper.core.jobs import Job
    from scraper.wiring.settings import Settings


async def write_run_metrics(path: Path, result: RunResult, job: Job, settings: Settings) -> RunResult:
    """Write the file; return the result, with a warning if it could not be written."""
    from scraper.core.metrics import metrics_of
    from scraper.io.metrics import write_metrics

    now, ids = settings.clock.now(), {job.accounts[vendor].id for vendor in job.vendors}
    with stores_if_any(settings, None) as stores:
        found = [] if stores is None else await stores.ledger.account_balances(now)
    months = {one.account: (one.month_balance, one.subscription.month_limit) for one in found if one.account in ids}
    met = write_metrics(path, metrics_of(result, now, months, scraper.__version__))
    if met is None:
        return result
    return replace(result, warnings=(*result.warnings, f"metrics: {path} could not be written: {met}"))
