"""SQL over the archive: queries, exports, tables and their columns."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from scraper.core.errors import UsageError
from scraper.core.nearest import nearest
from scraper.wiring.files import load_tables, load_views
from scraper.wiring.settings import Settings, data_is_there

if TYPE_CHECKING:
    import duckdb
    import pyarrow


@contextmanager
def queried(settings: Settings, configs: Path | None, sql: str) -> Iterator[pyarrow.RecordBatchReader]:
    """The rows of a read-only query over the archive; QueryError where it is refused."""
    from scraper.io.query import answered, open_archive

    data_is_there(settings)
    tables, views = load_tables(configs), load_views(configs)
    with answered(lambda: open_archive(settings.data_directory, tables, views, sql), sql) as reader:
        yield reader


def connected(path: Path, configs: Path | None) -> duckdb.DuckDBPyConnection:
    """A connection of the caller's own with every table and view; see `scraper.connect`."""
    from scraper.io.query import open_unlocked

    return open_unlocked(path, load_tables(configs), load_views(configs))


def exported(settings: Settings, configs: Path | None, relation: str, format: str, path: Path) -> int:
    """A table or a view as one file; see `io.query.export`."""
    from scraper.io.query.export import export
    from scraper.io.query.relations import open_unlocked

    data_is_there(settings)
    tables, views = load_tables(configs), load_views(configs)
    return export(lambda: open_unlocked(settings.data_directory, tables, views), relation, format, path)


def write_views(settings: Settings, configs: Path | None, database: Path, script: Path | None) -> None:
    """The views for DuckDB alone: a database of them, which must not be there yet, and their SQL."""
    from scraper.io.query.relations import Described
    from scraper.io.query.shell import views_script, write_database

    data_is_there(settings)
    described = Described(load_tables(configs), load_views(configs))
    write_database(database, settings.data_directory, described)
    if script is not None:
        script.write_text(views_script(settings.data_directory, described), encoding="utf-8")


def table_list(settings: Settings, configs: Path | None) -> list[dict[str, object]]:
    """Every table with its rows, files, bytes and description; behind them every view with what a row of it is."""
    from scraper.core.coverage import RUN_TABLE_DESCRIPTIONS
    from scraper.core.tables import PAGES_DESCRIPTION, PAGES_TABLE
    from scraper.io.query.table_stats import table_facts

    data_is_there(settings)
    descriptions = {table.name: table.description for table in load_tables(configs)}
    descriptions |= {PAGES_TABLE: PAGES_DESCRIPTION, **RUN_TABLE_DESCRIPTIONS}
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
