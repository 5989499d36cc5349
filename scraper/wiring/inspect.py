"""What only looks: status, queries, tables."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from scraper.core.errors import UsageError
from scraper.core.jobs import nearest
from scraper.ports import AccountBalance, DriftRecord, RunRecord, RunTotals, WalkRecord
from scraper.wiring.files import load_catalogue, load_tables, load_views
from scraper.wiring.run import known_stores
from scraper.wiring.settings import Settings, data_is_there

if TYPE_CHECKING:
    import duckdb
    import pyarrow


async def status_of(
    settings: Settings, run_id: str | None, limit: int
) -> tuple[list[tuple[RunRecord, RunTotals]], Sequence[AccountBalance], Sequence[WalkRecord]]:
    """The last runs, or one, with what they came to; every account's day and month; of one run every walk."""
    with known_stores(settings) as stores:
        found = await stores.runs.latest_runs(limit) if run_id is None else [await stores.runs.run(run_id)]
        runs = [(run, await stores.runs.totals(run.run_id)) for run in found]
        coverage = await stores.runs.coverage(run_id) if run_id is not None else ()
        return runs, await stores.ledger.account_balances(settings.clock.now()), coverage


async def drift_of(settings: Settings, configs: Path | None, *, settled: bool) -> list[DriftRecord]:
    """What has drifted; what the present SELECTs have settled only if it is asked for."""
    from scraper.core.drift.expected import expected_of

    with known_stores(settings) as stores:
        tables = {table.name: expected_of(table) for table in load_tables(configs)}
        read_by = {endpoint.full_name: tables.get(endpoint.table) for endpoint in load_catalogue(configs).endpoints}
        found = await stores.journal.drift()
    return [
        record
        for record in found
        if settled or (expected := read_by.get(record.endpoint)) is None or not expected.settles(record.finding)
    ]


@contextmanager
def queried(settings: Settings, configs: Path | None, sql: str) -> Iterator[pyarrow.RecordBatchReader]:
    """The rows of a read-only query over the archive; QueryError where it is refused."""
    from scraper.io.query import answered, open_archive

    data_is_there(settings)
    tables, views = load_tables(configs), load_views(configs)
    with answered(lambda: open_archive(settings.data_directory, tables, views), sql) as reader:
        yield reader


def connected(path: Path, configs: Path | None) -> duckdb.DuckDBPyConnection:
    """A connection of the caller's own with every table and view; see `scraper.connect`."""
    from scraper.io.query import open_unlocked

    return open_unlocked(path, load_tables(configs), load_views(configs))


def exported(settings: Settings, configs: Path | None, relation: str, format: str, path: Path) -> int:
    """A table or a view as one file; see `io.query.export`."""
    from scraper.io.query import export, open_unlocked

    data_is_there(settings)
    tables, views = load_tables(configs), load_views(configs)
    return export(lambda: open_unlocked(settings.data_directory, tables, views), relation, format, path)


def write_views(settings: Settings, configs: Path | None, database: Path, script: Path | None) -> None:
    """The views for DuckDB alone: a database of them, which must not be there yet, and their SQL."""
    from scraper.io.query import Described, views_script, write_database

    data_is_there(settings)
    described = Described(load_tables(configs), load_views(configs))
    write_database(database, settings.data_directory, described)
    if script is not None:
        script.write_text(views_script(settings.data_directory, described), encoding="utf-8")


def table_list(settings: Settings, configs: Path | None) -> list[dict[str, object]]:
    """Every table with its rows, files, bytes and description; behind them every view with what a row of it is."""
    from scraper.core.coverage import ACCOUNT_DESCRIPTIONS
    from scraper.core.tables import PAGES_DESCRIPTION, PAGES_TABLE
    from scraper.io.query import table_facts

    data_is_there(settings)
    descriptions = {table.name: table.description for table in load_tables(configs)}
    descriptions |= {PAGES_TABLE: PAGES_DESCRIPTION, **ACCOUNT_DESCRIPTIONS}
    tables: list[dict[str, object]] = [
        {
            "table": facts.name,
            "rows": facts.rows,
            "files": facts.files,
            "bytes": facts.size_bytes,
            "one row is": descriptions[facts.name],
        }
        for facts in table_facts(settings.data_directory, list(descriptions))
    ]
    views: list[dict[str, object]] = [
        {"table": f"{view.name}{view.arguments}", "one row is": view.description} for view in load_views(configs)
    ]
    return tables + views


def table_columns(settings: Settings, configs: Path | None, name: str) -> list[dict[str, object]]:
    """The columns of a table, a view or a macro: name, type, meaning. UsageError where there is none of that name."""
    from scraper.core.views import meanings
    from scraper.io.query import answered, open_archive

    tables, views = load_tables(configs), load_views(configs)
    known = meanings(tables, views)
    if name not in known:
        raise UsageError(f"no table {name}{nearest(name, known)}; there are {', '.join(known)}")
    arguments = next((view.arguments for view in views if view.name == name), "")
    nothing = ", ".join("NULL" for _ in arguments.split(",")) if arguments else ""
    relation = f"{name}({nothing})" if arguments else f'"{name}"'
    opened = partial(open_archive, settings.data_directory, tables, views)
    with answered(opened, f"DESCRIBE FROM {relation}") as reader:  # of a table without files too, before any run
        described = [(row["column_name"], row["column_type"]) for batch in reader for row in batch.to_pylist()]
    return [
        {"column": column, "type": type_name, "meaning": known[name].get(column, "")} for column, type_name in described
    ]
