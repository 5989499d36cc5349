"""Reading the state: runs, accounts, drift."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from scraper.core.events import RunResult, RunStatus
from scraper.core.jobs import Job
from scraper.ports import AccountBalance, DriftRecord, RunEnd, RunRecord, Runs, WalkRecord
from scraper.wiring.files import load_catalogue, load_tables
from scraper.wiring.settings import Settings
from scraper.wiring.state import known_stores, stores_if_any

MOST_RUNS = 10_000
"""Runs that are searched for those of a job."""


@dataclass(frozen=True, slots=True)
class RunDetails:
    """One run in full."""

    walks: Sequence[WalkRecord]
    ends: Sequence[RunEnd]
    """The ends of its processes, in order."""


async def balances_of(settings: Settings) -> Sequence[AccountBalance]:
    """Return the balances of every account in the ledger."""
    with known_stores(settings) as stores:
        return await stores.ledger.account_balances(settings.clock.now())


async def alive_or_dead(runs: Runs, run: RunRecord) -> RunRecord:
    """Return the run with its real status: one whose process is gone has died, although it is stored as open."""
    if run.status is not RunStatus.OPEN:
        return run
    last = await runs.last_run(run.job)
    if runs.is_running(run.job) and last is not None and last.run_id == run.run_id:
        return run
    now = await runs.run(run.run_id)  # it may have ended since it was read
    return replace(now, status=RunStatus.DIED) if now.status is RunStatus.OPEN else now


async def results_of(job: Job, settings: Settings, limit: int) -> list[tuple[RunRecord, RunResult]]:
    """Return the last runs of a job with their results, the newest first; none without a ledger."""
    from scraper.runs.results import ended_result

    with stores_if_any(settings, settings.kind) as stores:
        if stores is None:
            return []
        runs = stores.runs
        found = [run for run in await runs.latest_runs(MOST_RUNS) if run.job == job.name][: max(0, limit)]
        found = [await alive_or_dead(runs, run) for run in found]
        return [(run, ended_result(job, run, await runs.totals(run.run_id))) for run in found]


async def drift_of(settings: Settings, configs: Path | None, *, settled: bool) -> list[DriftRecord]:
    """Return the drift; findings settled by the current SELECTs only if `settled`."""
    with known_stores(settings) as stores:
        found = await stores.journal.drift()
    return list(found) if settled else unsettled(found, configs)


def unsettled(found: Sequence[DriftRecord], configs: Path | None) -> list[DriftRecord]:
    """Return the findings that the current SELECTs do not settle; ConfigurationError for faulty files."""
    from scraper.core.drift.expected import expected_of

    tables = {table.name: expected_of(table.sql) for table in load_tables(configs)}
    read_by = {endpoint.full_name: tables.get(endpoint.table) for endpoint in load_catalogue(configs).endpoints}
    return [
        record
        for record in found
        if (expected := read_by.get(record.endpoint)) is None or not expected.settles(record.finding)
    ]
