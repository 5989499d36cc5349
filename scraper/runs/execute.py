"""One process of a run from start to end: open, crawl, drain, close; the result covers all processes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from scraper.core.catalogue import Vendor
from scraper.core.errors import StorageError
from scraper.core.events import Noted, RunEnded, RunResult
from scraper.core.jobs import Job
from scraper.core.planning.board_order import by_delta
from scraper.core.units import Credits
from scraper.runs.adopt import settle_archive
from scraper.runs.board_order import in_board_order
from scraper.runs.compact import compact_after_run
from scraper.runs.context import RunContext
from scraper.runs.coverage import write_run_tables
from scraper.runs.crawl import CrawlProcess
from scraper.runs.drift import drift_warnings
from scraper.runs.month_use import month_warnings
from scraper.runs.reconcile import hold_last_months
from scraper.runs.results import ended_result, run_result
from scraper.runs.resume import Done, OpenedRun, Opening, open_run, refuse_spent_ceiling


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
    `error`.

    If nothing is left to do, nothing is sent, and the result is that of the finished run. For a night, the
    command exits as that run did: a timer that fires twice neither alarms for a good night nor hides a bad one.

    Raises StateError if even the end cannot be recorded, StateError or ArchiveError before the run is opened, and what
    `open_run` raises.
    """
    context = await settle_archive(job, context)
    ledger, runs, clock = context.stores.ledger, context.stores.runs, context.clock
    await ledger.expire_dead()
    with runs.hold(job.name), ledger.headroom(job.name):
        began = clock.monotonic()
        await ledger.note_accounts([job.accounts[vendor] for vendor in job.vendors])
        await refuse_spent_ceiling(job, opening, ceiling, context.stores, clock.now())
        run = await open_run(job, opening, ceiling, context.stores, clock, suffix)
        if isinstance(run, Done):
            context.listener.hear(Noted(run.sentence))
            result = ended_result(job, run.run, await runs.totals(run.run.run_id), run.sentence, asks=run.asks)
            written = await write_run_tables(context.stores.journal, context.archive, context.clock)  # as any run does
            return replace(result, warnings=(*context.told, *result.warnings, *written))
        run = await in_board_order(job, run, context.stores.runs)
        for note in run.notes:
            context.listener.hear(Noted(note))
        job = by_delta(replace(job, budget=run.budget), run.tonight)
        crawl = CrawlProcess(job, vendors, run, context)
        begun(crawl)
        result = await _carried_out(crawl, job, vendors, run, context, command, began)
    context.listener.hear(RunEnded(result))
    return result


async def _carried_out(
    crawl: CrawlProcess,
    job: Job,
    vendors: Mapping[str, Vendor],
    run: OpenedRun,
    context: RunContext,
    command: str,
    began: float,
) -> RunResult:
    """Carry out a run that is open, and store how it ended. `began`: when the process began, by the monotonic clock."""
    journal, runs, clock = context.stores.journal, context.stores.runs, context.clock
    try:
        await crawl.run()
        if not crawl.is_stopped:
            crawl.ends.noted += await compact_after_run(journal, context.archive, clock, lambda: crawl.is_stopped)
    except StorageError as failure:
        crawl.ends.storage = str(failure)
    well = crawl.ends.storage is None and not crawl.is_stopped and not job.probe
    held = await hold_last_months(job, vendors, context) if well else ()  # before the figures of the result are summed
    elapsed_s = clock.monotonic() - began
    result = run_result(job, run, crawl.ends, crawl.frontier, await runs.totals(run.run_id), command)
    drifted = drift_warnings(run.run_id, await journal.drift(run.run_id), [crawl.endpoint for crawl in job.crawls])
    used = await month_warnings(context.stores.ledger, job, clock.now())
    await runs.end_run(run.run_id, result.status, clock.now(), elapsed_s, result.next_at, result.message)
    elapsed_s = (await runs.run(run.run_id)).elapsed_s
    written = await write_run_tables(journal, context.archive, context.clock)
    told = (*context.told, *result.warnings, *drifted, *used, *held, *written)
    return replace(result, elapsed_s=elapsed_s, warnings=told)
