"""Reading the state: runs, accounts, drift."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from scraper.ports import AccountBalance, DriftRecord, RunRecord, RunTotals, WalkRecord
from scraper.wiring.files import load_catalogue, load_tables
from scraper.wiring.run import known_stores
from scraper.wiring.settings import Settings


async def status_of(
    settings: Settings, run_id: str | None, limit: int
) -> tuple[list[tuple[RunRecord, RunTotals]], Sequence[AccountBalance], Sequence[WalkRecord]]:
    """Return the last runs, or one, with their totals; every account's balances; the walks of the one run."""
    with known_stores(settings) as stores:
        found = await stores.runs.latest_runs(limit) if run_id is None else [await stores.runs.run(run_id)]
        runs = [(run, await stores.runs.totals(run.run_id)) for run in found]
        coverage = await stores.runs.coverage(run_id) if run_id is not None else ()
        return runs, await stores.ledger.account_balances(settings.clock.now()), coverage


async def drift_of(settings: Settings, configs: Path | None, *, settled: bool) -> list[DriftRecord]:
    """Return the drift; findings settled by the current SELECTs only if `settled`."""
    from scraper.core.drift.expected import expected_of

    with known_stores(settings) as stores:
        tables = {table.name: expected_of(table.sql) for table in load_tables(configs)}
        read_by = {endpoint.full_name: tables.get(endpoint.table) for endpoint in load_catalogue(configs).endpoints}
        found = await stores.journal.drift()
    return [
        record
        for record in found
        if settled or (expected := read_by.get(record.endpoint)) is None or not expected.settles(record.finding)
    ]
