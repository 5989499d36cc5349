"""One process of a run from start to end: open, crawl, drain, close; the result covers all processes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from scraper.core.catalogue import Vendor
from scraper.core.errors import StorageError
from scraper.core.events import RunEnded, RunResult
from scraper.core.jobs import Job
from scraper.core.units import Credits
from scraper.runs.compact import compact_after_run
from scraper.runs.context import RunContext
from scraper.runs.coverage import write_run_tables
from scraper.runs.crawl import CrawlProcess
from scraper.runs.drift import drift_warnings
from scraper.runs.month_use import month_warnings
from scraper.runs.results import run_result
from scraper.runs.resume import Opening, open_run
from scraper.runs.threads import in_a_thread


async def execute(
    job: Job,
    vendors: Mapping[str, Vendor],
    context: RunContext,
    *,
    opening: Opening,
    ceiling: Credits | None,
    suffix: str,
    command: str,
    begun: Callable[[CrawlProcess], None],
) -> RunResult:
    """Run a job until it ends or has to stop.

    `ceiling`: replaces the run's budget. `command`: the command line of this run, for advice. `begun`: called with the
    crawl before its first request, so that a signal can stop it. A disk or a database that fails ends the run as
    `error`. Raises StateError if even that cannot be recorded, and StateError or ArchiveError before the run is opened.
    """
    ledger, journal, runs, clock = context.stores.ledger, context.stores.journal, context.stores.runs, context.clock
    await ledger.expire_dead()
    with runs.hold(job.name), ledger.headroom(job.name):
        await in_a_thread(context.archive.refuse_unless_writable)
        began = clock.monotonic()
        await ledger.note_accounts([job.accounts[vendor] for vendor in job.vendors])
        run = await open_run(job, opening, ceiling, context.stores, clock, suffix)
        job = replace(job, budget=run.budget)
        crawl = CrawlProcess(job, vendors, run, context)
        begun(crawl)
        try:
            await crawl.run()
            if not crawl.ends.interrupted:
                crawl.ends.noted += await compact_after_run(journal, context.archive, clock)
        except StorageError as failure:
            crawl.ends.storage = str(failure)
        elapsed_s = clock.monotonic() - began
        totals = await runs.totals(run.run_id)
        result = run_result(job, run, crawl.ends, crawl.frontier, totals, command)
        drifted = drift_warnings(run.run_id, await journal.drift(run.run_id), [crawl.endpoint for crawl in job.crawls])
        used = await month_warnings(ledger, job, clock.now())
        result = replace(result, warnings=(*result.warnings, *drifted, *used))
        await runs.end_run(run.run_id, result.status, clock.now(), elapsed_s, result.next_at, result.message)
        record = await runs.last_run(job.name)
        result = replace(result, elapsed_s=elapsed_s if record is None else record.elapsed_s)
        result = replace(result, warnings=(*result.warnings, *await write_run_tables(journal, context.archive)))
    context.listener.hear(RunEnded(result))
    return result
