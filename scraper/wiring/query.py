"""SQL over the archive: queries, exports, tables and their columns."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
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

    from scraper.io.query.delta import DeltaMode


@contextmanager
def queried(
    settings: Settings, configs: Path | None, sql: str, parameters: Mapping[str, str] | None = None
) -> Iterator[pyarrow.RecordBatchReader]:
    """Yield the rows of a read-only query over the archive; QueryError if it is refused.

    `parameters`: name → text of each ``$name`` in it.
    """
    from scraper.io.query import answered, open_archive
    from scraper.io.query.parameters import bound

    data_is_there(settings)
    sql = bound(sql, parameters or {})
    data = settings.data_directory
    tables, views = load_tables(configs), load_views(configs)
    with answered(lambda: open_archive(data, tables, views, sql, _noted(data)), sql) as reader:
        yield reader


def connected(path: Path | None, configs: Path | None) -> duckdb.DuckDBPyConnection:
    """Return a connection with every table and view; see `scraper.connect`. `None`: the project's."""
    from scraper.io.query import open_unlocked
    from scraper.wiring.project import project_of

    project = project_of()
    data, described = path or project.data, configs or project.configs
    return open_unlocked(data, load_tables(described), load_views(described), _noted(data))


def _noted(data: Path) -> Callable[[str], Mapping[str, str]]:
    """Return what the state of a data directory, if there is one, has noted of a table's parts."""

    def noted(table: str) -> Mapping[str, str]:
        from scraper.io.state.part_list import hashes_of_parts

        return hashes_of_parts(data, table)

    return noted


def write_parquet(reader: pyarrow.RecordBatchReader, path: Path) -> None:
    """Write the rows of a query to a Parquet file, batch by batch; QueryError for a type that Parquet lacks."""
    from scraper.io.query.export import write_parquet

    write_parquet(reader, path)


def exported(
    settings: Settings, configs: Path | None, relation: str, format: str, path: Path, where: str | None = None
) -> int:
    """Write a table, a view or a macro's rows to one file; return their number. See `io.query.export`."""
    from scraper.io.query.export import export

    return export(_opened_for(settings, configs, relation, where, path), relation, format, path, where)


def exported_to_delta(
    settings: Settings, configs: Path | None, relation: str, place: Path, where: str | None, mode: DeltaMode
) -> int:
    """Write the same rows to a Delta table; return their number. See `io.query.delta`."""
    from scraper.io.query.delta import export_delta

    return export_delta(_opened_for(settings, configs, relation, where), relation, place, where, mode)


def _opened_for(
    settings: Settings, configs: Path | None, relation: str, where: str | None, writes: Path | None = None
) -> Callable[[], duckdb.DuckDBPyConnection]:
    """Return a function that opens what an export reads."""
    from scraper.io.query import open_archive

    data_is_there(settings)
    tables, views, data = load_tables(configs), load_views(configs), settings.data_directory
    reads = f"SELECT * FROM {relation} WHERE (\n{where or True}\n)"  # noqa: S608 - says which views are needed, not run
    return lambda: open_archive(data, tables, views, reads, _noted(data), writes=writes)


def write_views(settings: Settings, configs: Path | None, database: Path, script: Path | None) -> None:
    """Write the views for plain DuckDB: a database, which must not exist yet, and their SQL as a script."""
    from scraper.io.query.relations import Described
    from scraper.io.query.shell import views_script, write_database

    data_is_there(settings)
    described = Described(load_tables(configs), load_views(configs))
    write_database(database, settings.data_directory, described)
    if script is not None:
        script.write_text(views_script(settings.data_directory, described), encoding="utf-8")


def table_list(settings: Settings, configs: Path | None) -> list[dict[str, object]]:
    """Return every table with its rows, files, bytes and description, then every view with its description."""
    from scraper.core.coverage import RUN_TABLE_DESCRIPTIONS
    from scraper.core.tables import PAGES_DESCRIPTION, PAGES_TABLE
    from scraper.io.query.table_stats import table_facts
    from scraper.io.state.part_list import sizes_of_parts

    data_is_there(settings)
    noted = partial(sizes_of_parts, settings.data_directory)
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
        for facts in table_facts(settings.data_directory, list(descriptions), noted)
    ]
    views: list[dict[str, object]] = [
        {"table": f"{view.name}{view.arguments}", "one row is": view.description} for view in load_views(configs)
    ]
    return tables + views


def table_columns(settings: Settings, configs: Path | None, name: str) -> list[dict[str, object]]:
    """Return the columns of a table, view or macro: name, type, meaning. UsageError for an unknown name."""
    from scraper.core.views import meanings
    from scraper.io.query import answered, open_archive

    tables, views = load_tables(configs), load_views(configs)
    known = meanings(tables, views)
    if name not in known:
        raise UsageError(f"no table {name}{nearest(name, known)}; there are {', '.join(known)}")
    arguments = next((view.arguments for view in views if view.name == name), "")
    nothing = ", ".join("NULL" for _ in arguments.split(",")) if arguments else ""
    relation = f"{name}({nothing})" if arguments else f'"{name}"'
    opened = partial(open_archive, settings.data_directory, tables, views, f"FROM {relation}")
    with answered(opened, f"DESCRIBE FROM {relation}") as reader:  # works without files too, before any run
        described = [(row["column_name"], row["column_type"]) for batch in reader for row in batch.to_pylist()]
    return [
        {"column": column, "type": type_name, "meaning": known[name].get(column, "")} for column, type_name in described
    ]
