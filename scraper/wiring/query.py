"""SQL over the archive: queries, exports, tables and their columns."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from scraper.core.errors import UsageError
from scraper.core.nearest import nearest
from scraper.wiring.files import load_tables, load_views
from scraper.wiring.settings import Settings, data_is_there

if TYPE_CHECKING:
    import duckdb
    import pyarrow

    from scraper.io.query.delta_table import DeltaMode
    from scraper.io.query.files import Hashes
    from scraper.io.query.reader import ArchiveReader
    from scraper.io.query.table_stats import Sizes


def reader_of(settings: Settings) -> ArchiveReader:
    """Return a reader of these settings' archive; UsageError if there is no archive."""
    from scraper.io.objects import is_s3
    from scraper.io.query.reader import DirectoryArchive

    data, place = settings.data_directory, settings.archive_place
    if is_s3(place):
        return _bucket(place, data, settings.environment)
    if Path(place) == data / "archive":
        data_is_there(settings)
        return DirectoryArchive(data, None, *_noted(settings))
    if not Path(place).is_dir():
        raise UsageError(f"there is no archive in {place}: run a job first, or name another place with --archive.")
    return DirectoryArchive(data, Path(place), *_noted(settings))


def _bucket(place: str, data: Path, environment: Mapping[str, str]) -> ArchiveReader:
    """Return a reader of an archive in a bucket, with its cache in the data directory, else in the user's cache."""
    from scraper.io.objects import open_objects
    from scraper.io.query.bucket import BucketArchive

    objects = open_objects(place, environment)
    directory = data if data.is_dir() else _cache_directory(objects.place, environment)
    return BucketArchive(objects, directory, _to_a_person)


def _to_a_person(told: str) -> None:
    if sys.stderr.isatty():
        sys.stderr.write(f"{told}\n")


def _cache_directory(place: str, environment: Mapping[str, str]) -> Path:
    """Return a place's directory in the user's cache: reading creates no data directory."""
    usual = Path(environment.get("HOME") or Path.home()) / ".cache"
    return Path(environment.get("XDG_CACHE_HOME") or usual) / "scraper" / sha256(place.encode()).hexdigest()[:16]


def _noted(settings: Settings) -> tuple[Hashes, Sizes]:
    """Return the hashes and sizes of parts in the data directory's state, if that is the archive's."""
    from scraper.io.state.part_list import hashes_of_parts, sizes_of_parts

    data = settings.data_directory
    if settings.state_elsewhere:
        return (lambda _table: {}), (lambda _table: {})
    return partial(hashes_of_parts, data), partial(sizes_of_parts, data)


@contextmanager
def queried(
    settings: Settings, configs: Path | None, sql: str, parameters: Mapping[str, str] | None = None
) -> Iterator[pyarrow.RecordBatchReader]:
    """Yield the rows of a read-only query over the archive; QueryError if it is refused.

    `parameters`: name → text of each ``$name`` in it.
    """
    from scraper.io.query import Described, answered
    from scraper.io.query.parameters import bound

    archive = reader_of(settings)
    sql = bound(sql, parameters or {})
    described = Described(load_tables(configs), load_views(configs))
    with answered(lambda: archive.open(described, sql), sql) as reader:
        yield reader


def connected(place: str | None, configs: Path | None) -> duckdb.DuckDBPyConnection:
    """Return a connection with every table and view; see `scraper.connect`. `None`: the project's."""
    from scraper.io.objects import is_s3
    from scraper.io.query import Described
    from scraper.io.query.reader import DirectoryArchive
    from scraper.wiring.project import project_of

    project = project_of()
    described = Described(load_tables(configs or project.configs), load_views(configs or project.configs))
    settings = Settings(project=project, data=None if place is None or is_s3(place) else Path(place))
    if place is not None and is_s3(place):
        return _bucket(place, settings.data_directory, settings.environment).open_free(described)
    if place is not None:
        settings = replace(settings, archive=str(settings.data_directory / "archive"))
    if is_s3(settings.archive_place):
        return reader_of(settings).open_free(described)
    data = settings.data_directory
    root = None if Path(settings.archive_place) == data / "archive" else Path(settings.archive_place)
    return DirectoryArchive(data, root, *_noted(settings)).open_free(described)


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
    """Write the same rows to a Delta table; return their number. See `io.query.delta_table`."""
    from scraper.io.query.delta_table import export_delta

    return export_delta(_opened_for(settings, configs, relation, where), relation, place, where, mode)


def _opened_for(
    settings: Settings, configs: Path | None, relation: str, where: str | None, writes: Path | None = None
) -> Callable[[], duckdb.DuckDBPyConnection]:
    """Return a function that opens what an export reads."""
    from scraper.io.query import Described

    archive, described = reader_of(settings), Described(load_tables(configs), load_views(configs))
    reads = f"SELECT * FROM {relation} WHERE (\n{where or True}\n)"  # noqa: S608 - says which views are needed, not run
    return lambda: archive.open(described, reads, writes)


def write_views(settings: Settings, configs: Path | None, database: Path, script: Path | None) -> None:
    """Write the views for plain DuckDB: a database, which must not exist yet, and their SQL as a script."""
    from scraper.io.query import Described
    from scraper.io.query.shell import views_script, write_database

    files, described = reader_of(settings).files(), Described(load_tables(configs), load_views(configs))
    write_database(database, files, described)
    if script is not None:
        script.write_text(views_script(files, described), encoding="utf-8")


def table_list(settings: Settings, configs: Path | None) -> list[dict[str, object]]:
    """Return every table with its rows, files, bytes and description, then every view with its description."""
    from scraper.core.coverage import RUN_TABLE_DESCRIPTIONS
    from scraper.core.tables import PAGES_DESCRIPTION, PAGES_TABLE

    archive = reader_of(settings)
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
        for facts in archive.facts(list(descriptions))
    ]
    views: list[dict[str, object]] = [
        {"table": f"{view.name}{view.arguments}", "one row is": view.description} for view in load_views(configs)
    ]
    return tables + views


def table_columns(settings: Settings, configs: Path | None, name: str) -> list[dict[str, object]]:
    """Return the columns of a table, view or macro: name, type, meaning. UsageError for an unknown name."""
    from scraper.core.views import meanings
    from scraper.io.objects import is_s3
    from scraper.io.query import answered, open_archive

    tables, views = load_tables(configs), load_views(configs)
    known = meanings(tables, views)
    if name not in known:
        raise UsageError(f"no table {name}{nearest(name, known)}; there are {', '.join(known)}")
    arguments = next((view.arguments for view in views if view.name == name), "")
    nothing = ", ".join("NULL" for _ in arguments.split(",")) if arguments else ""
    relation = f"{name}({nothing})" if arguments else f'"{name}"'
    place = Path("nowhere") if is_s3(settings.archive_place) else settings.data_directory  # columns are as declared
    opened = partial(open_archive, place, tables, views, f"FROM {relation}")
    with answered(opened, f"DESCRIBE FROM {relation}") as reader:  # works without files too, before any run
        described = [(row["column_name"], row["column_type"]) for batch in reader for row in batch.to_pylist()]
    return [
        {"column": column, "type": type_name, "meaning": known[name].get(column, "")} for column, type_name in described
    ]
