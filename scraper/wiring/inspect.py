"""The state, looked at: runs and accounts, drift."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from scraper.ports import AccountBalance, DriftRecord, RunRecord, RunTotals, WalkRecord
from scraper.wiring.files import load_catalogue, load_tables
from scraper.wiring.run import opened_state
from scraper.wiring.settings import Settings, data_is_there


async def status_of(
    settings: Settings, run_id: str | None, limit: int
) -> tuple[list[tuple[RunRecord, RunTotals]], Sequence[AccountBalance], Sequence[WalkRecord]]:
    """The last runs, or one, with what they came to; every account's day and month; of one run every walk."""
    from scraper.io.state import FILE_NAME

    data_is_there(settings, FILE_NAME)
    async with opened_state(settings, None) as state:
        found = await state.runs(limit) if run_id is None else [await state.run(run_id)]
        runs = [(run, await state.totals(run.run_id)) for run in found]
        coverage = await state.coverage(run_id) if run_id is not None else ()
        return runs, await state.account_balances(settings.clock.now()), coverage


async def drift_of(settings: Settings, configs: Path | None, *, settled: bool) -> list[DriftRecord]:
    """What has drifted; what the present SELECTs have settled only if it is asked for."""
    from scraper.core.drift.expected import expected_of
    from scraper.io.state import FILE_NAME

    data_is_there(settings, FILE_NAME)
    tables = {table.name: expected_of(table.sql) for table in load_tables(configs)}
    read_by = {endpoint.full_name: tables.get(endpoint.table) for endpoint in load_catalogue(configs).endpoints}
    async with opened_state(settings, None) as state:
        found = await state.drift()
    return [
        record
        for record in found
        if settled or (expected := read_by.get(record.endpoint)) is None or not expected.settles(record.finding)
    ]
