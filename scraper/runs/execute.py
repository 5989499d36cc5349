"""One process of a run from start to end: open, crawl, drain, close; the result covers all processes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace

from scraper.core.catalogue import Vendor
from scraper.core.errors import LeaseLostError, StorageError
from scraper.core.events import Noted, RunEnded, RunResult
from scraper.core.jobs import Job
from scraper.core.planning.board_order import by_delta
from scraper.core.units import Credits
from scraper.ports import Holding
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
from scraper.runs.standby import Stoppable, ended_elsewhere, held


async def execute(
    job: Job,
    vendors: Mapping[str, Vendor],
    context: RunContext,
    *,
    opening: Opening,
    ceiling: Credits | None,
    suffix: str,
    command: str,
    begun: Callable[[Stoppable], None],
) -> RunResult:
    """Run a job until it ends or has to stop.

    `ceiling`: replaces the run's budget. `command`: the command line of this run, for advice. `begun`: called with the
    crawl before its first request, so that a signal can stop it, or with the standby. A disk or a database that fails
    ends the run as `error`.

    If nothing is left to do, nothing is sent, and the result is that of the finished run. For a night, the
    command exits as that run did: a timer that fires twice neither alarms for a good night nor hides a bad one.

    Raises StateError if even the end cannot be recorded, StateError or ArchiveError before the run is opened,
    LeaseLostError if another process has taken over the run, and the errors of `held` and `open_run`.
    """
    async with held(job, context, begun) as held_job:
        context = await settle_archive(job, replace(context, hold=held_job.hold))
        await context.stores.ledger.expire_dead()
        if held_job.stood_by and (ended := await ended_elsewhere(job, context)) is not None:
            said = f"run {ended.run_id} ended as {ended.status.value} in another process while this one stood by"
            return replace(await _result_of(job, Done(ended, said), context), elsewhere=True)
        if held_job.stood_by and opening is Opening.NEW:
            opening = Opening.GO_ON  # the other process opened the new run, and did not finish it
        with context.stores.ledger.headroom(job.name):
            began = context.clock.monotonic()
            run = await _opened(job, opening, ceiling, context, suffix)
            if isinstance(run, Done):  # a standby asks nobody
                return await _result_of(job, replace(run, asks=run.asks and not context.standby), context)
            job = by_delta(replace(job, budget=run.budget), run.tonight)
            crawl = CrawlProcess(job, vendors, run, context)
            begun(crawl)
            _stop_if_lost(crawl, held_job.hold)
            result = await _carried_out(crawl, job, vendors, run, context, command, began)
    context.listener.hear(RunEnded(result))
    return result


async def _opened(
    job: Job, opening: Opening, ceiling: Credits | None, context: RunContext, suffix: str
) -> OpenedRun | Done:
    stores, clock = context.stores, context.clock
    await stores.ledger.note_accounts([job.accounts[vendor] for vendor in job.vendors])
    await refuse_spent_ceiling(job, opening, ceiling, stores, clock.now())
    run = await open_run(job, opening, ceiling, stores, clock, suffix)
    if isinstance(run, Done):
        return run
    run = await in_board_order(job, run, stores.runs)
    for note in run.notes:
        context.listener.hear(Noted(note))
    return run


async def _result_of(job: Job, done: Done, context: RunContext) -> RunResult:
    """Return the result of a run that is over; write the run tables, as after any run."""
    context.listener.hear(Noted(done.sentence))
    totals = await context.stores.runs.totals(done.run.run_id)
    result = ended_result(job, done.run, totals, done.sentence, asks=done.asks)
    written = await write_run_tables(context.stores.journal, context.archive, context.clock)
    return replace(result, warnings=(*context.told, *result.warnings, *written))


def _stop_if_lost(crawl: CrawlProcess, hold: Holding) -> None:
    loop = asyncio.get_running_loop()

    def stop(failure: LeaseLostError) -> None:
        with suppress(RuntimeError):  # the loop is closed: the run has ended
            loop.call_soon_threadsafe(crawl.fail, failure)

    hold.when_lost(stop)


async def _carried_out(
    crawl: CrawlProcess,
    job: Job,
    vendors: Mapping[str, Vendor],
    run: OpenedRun,
    context: RunContext,
    command: str,
    began: float,
) -> RunResult:
    """Carry out an open run, and store its end. `began`: start of the process, by the monotonic clock."""
    journal, runs, clock = context.stores.journal, context.stores.runs, context.clock
    try:
        await crawl.run()
        if not crawl.is_stopped:
            crawl.ends.noted += await compact_after_run(journal, context.archive, clock, lambda: crawl.is_stopped)
    except LeaseLostError:
        raise
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
