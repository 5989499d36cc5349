"""The relations of an archive: a view for each table over its files, and the views over those.

An archive is a directory of tables. It may have been copied without its state database and its SQL files: a table that
no SQL file describes is a view of what its files contain.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import duckdb

from scraper.core.coverage import RENAMED_COLUMNS, RUN_TABLE_HASHES, RUN_TABLES
from scraper.core.errors import ArchiveError
from scraper.core.tables import (
    PAGES_COLUMNS,
    PAGES_TABLE,
    PATH_COLUMNS,
    Column,
    TableSelect,
    bare_sql,
    empty_relation,
    over_no_pages,
)
from scraper.core.views import View
from scraper.io.query.files import (
    Files,
    Hashes,
    archive_root,
    damaged,
    files_below,
    pattern,
    quoted,
    shortened,
    sql_list,
)
from scraper.io.query.syntax_tree import relations_named, syntax_tree

UTC: Final = "SET TimeZone = 'UTC'"
"""Instants are TIMESTAMP in UTC: to compare them with now(), a session must be in UTC too."""


@dataclass(frozen=True, slots=True)
class Described:
    """The declarations of the SQL files: tables made from pages, and views over tables."""

    tables: Sequence[TableSelect]
    views: Sequence[View] = ()


def open_archive(
    data: Path,
    tables: Sequence[TableSelect],
    views: Sequence[View] = (),
    query: str | None = None,
    noted: Hashes | None = None,
    writes: Path | None = None,
) -> duckdb.DuckDBPyConnection:
    """Open the archive of a data directory; see `open_locked`. With `noted` hashes, footers are not read."""
    files = files_below(archive_root(data), noted)
    return open_locked(files, Described(tables, views), query, data / "tmp", writes)


def open_locked(
    files: Files, described: Described, query: str | None, spill: Path, writes: Path | None = None
) -> duckdb.DuckDBPyConnection:
    """Open a connection with a view for each table and view of the files, which can read the archive and nothing else.

    `writes`: the only file that it may write; `spill`: the directory for what does not fit in memory.

    With a `query` only the views that it reads are created, which takes most of the time in a small archive.
    A table without files is an empty view of the same columns; files that are added to it later are not seen.
    """
    connection = duckdb.connect(
        config={
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
            "python_enable_replacements": "false",
            "temp_directory": str(spill.resolve() / f"sql-{os.getpid()}"),
        }
    )
    try:
        create_relations(connection, files, described, query)
        for statement in lock_statements(files.root, writes):
            connection.execute(statement)
    except duckdb.Error as fault:
        connection.close()
        raise ArchiveError(damaged(files.root, fault)) from fault
    return connection


def open_free(files: Files, described: Described) -> duckdb.DuckDBPyConnection:
    """Open the same views in an unrestricted connection: the caller may create tables and read other files."""
    connection = duckdb.connect()
    try:
        create_relations(connection, files, described)
    except duckdb.Error as fault:
        connection.close()
        raise ArchiveError(damaged(files.root, fault)) from fault
    return connection


def create_relations(
    connection: duckdb.DuckDBPyConnection, files: Files, described: Described, query: str | None = None
) -> None:
    """Create every view in the connection, or those that a query reads.

    One that cannot be created (misspelt, or over files of an older version) raises its error when it is queried, and
    affects no other.
    """
    connection.execute(UTC)
    selects, views = empty_selects(files, described.tables), described.views
    if query is not None:
        read = relations_read(connection, query, selects, views)
        selects = {name: select for name, select in selects.items() if name.lower() in read}
        views = [view for view in views if view.name.lower() in read]
    made = table_statements(files, selects, query or "")
    for name, statement in zip(selects, made, strict=True):
        if name in files.left_out:
            _say_instead(connection, name, files.left_out[name])
            continue
        try:
            connection.execute(statement)
        except duckdb.Error as fault:
            if files.has(name):
                raise  # of the files, not of the SELECT
            _stand_in(connection, name, fault)
    for view in views:
        try:
            connection.execute(view.sql)
        except (duckdb.IOException, duckdb.InvalidInputException):
            raise  # of the files, not of the view
        except duckdb.Error as fault:
            _stand_in(connection, view.name, fault)


def _stand_in(connection: duckdb.DuckDBPyConnection, name: str, fault: duckdb.Error) -> None:
    _say_instead(
        connection,
        name,
        f"{name} cannot be created over this archive: {shortened(fault)}; mend its SQL file in tables/",
    )


def _say_instead(connection: duckdb.DuckDBPyConnection, name: str, why: str) -> None:
    """Create a view that raises an error with this message when it is queried."""
    said = f"error({quoted(why)})"  # in two places: a count reads no column
    connection.execute(f"CREATE VIEW {identifier(name)} AS SELECT {said} AS {identifier(why)} WHERE {said} IS NULL")


def lock_statements(root: Path, writes: Path | None = None) -> tuple[str, ...]:
    """Return the statements that restrict a connection to the archive, and to the file `writes`, permanently."""
    # Checked against the pattern of a view as well as against the files that it finds.
    return (
        *([f"SET allowed_paths = [{quoted(writes.absolute())}]"] if writes is not None else []),
        f"SET allowed_directories = [{quoted(root)}, {quoted(pattern(root))}]",
        "SET enable_external_access = false",
        "SET lock_configuration = true",
    )


def relations_read(
    connection: duckdb.DuckDBPyConnection, query: str, tables: Iterable[str], views: Sequence[View]
) -> set[str]:
    """Return the relations that a query reads, also through views, in lower case."""
    known = {**{name.lower(): "" for name in tables}, **{view.name.lower(): view.sql.lower() for view in views}}
    try:
        waiting = set(relations_named(syntax_tree(connection, query), frozenset(known)))
    except duckdb.Error:  # running the query reports it
        return set(known)
    read: set[str] = set()
    while waiting:
        read.add(name := waiting.pop())
        waiting |= {other for other in known.keys() - read if other in known[name]}
    return read


def empty_selects(files: Files, tables: Sequence[TableSelect]) -> dict[str, str]:
    """Return the tables by name: declared ones with a SELECT of their columns, others known by their files alone."""
    declared = {PAGES_TABLE: empty_relation(PAGES_COLUMNS)}
    declared |= {table.name: over_no_pages(table) for table in tables}
    declared |= {name: empty_relation(columns) for name, columns in RUN_TABLES.items()}
    return declared | dict.fromkeys(sorted(set(files.tables()) - declared.keys()), "")


def table_statements(files: Files, selects: Mapping[str, str], query: str = "") -> Iterator[str]:
    """Yield a CREATE VIEW for each of these `empty_selects`, over its files where it has any.

    A column that was renamed has its old name as well where the text of the `query` holds it.
    """
    for name, select in selects.items():
        if name in RUN_TABLES:
            made = _over_files_of_any_version(name, files, query)
        else:
            hive = files.hive and "=" not in name
            made = _over_files(files.sql(name), hive) if files.has(name) else _over_nothing(select)
        yield f"CREATE VIEW {identifier(name)} AS {made}"


def _over_files(files: str, hive: bool, options: str = "") -> str:
    """Select from files; vendor and date come from the end of a file's path. A filter on either opens only matching
    files.
    """
    names = ", ".join(column.name for column in PATH_COLUMNS)
    if hive:
        types = ", ".join(f"'{column.name}': {column.type}" for column in PATH_COLUMNS)
        read = f"read_parquet({files}, hive_partitioning = true, hive_types = {{{types}}}{options})"
        return f"SELECT {names}, * EXCLUDE ({names}) FROM {read}"  # noqa: S608 - of declared names and a quoted path
    columns = ", ".join(f"{_path_value(column.name)}::{column.type} AS {column.name}" for column in PATH_COLUMNS)
    read = f"read_parquet({files}, hive_partitioning = false, filename = true{options})"
    return f"SELECT {columns}, * EXCLUDE (filename) FROM {read}"  # noqa: S608 - as above


def _over_files_of_any_version(name: str, files: Files, query: str) -> str:
    """Select the declared columns of a table that nothing rebuilds: older files may lack one or have its old name.

    Reading columns by name opens every footer each time that a view over the table is bound. Files that are noted to
    have today's columns are spared that.
    """
    declared, renamed = RUN_TABLES[name], RENAMED_COLUMNS.get(name, {})
    values = {column.name: identifier(column.name) for column in (*PATH_COLUMNS, *declared)}
    old = {before: now for before, now in renamed.items() if before in query.lower()}
    if not files.has(name):
        return _columns(
            values | {before: values[now] for before, now in old.items()}, _over_nothing(empty_relation(declared))
        )
    current, others = _by_version(files, name) if files.hive else ([], None)
    if others == []:
        rows = _over_files(files.sql(name), files.hive)
        return _columns(values | {before: values[now] for before, now in old.items()}, rows)
    types = {column.name: column.type for column in declared}
    nothing = _over_nothing(
        empty_relation((*declared, *(Column(before, types[now], "") for before, now in renamed.items())))
    )
    by_name = files.sql(name) if not current else sql_list(files.root, others or ())
    parts = [nothing, _over_files(by_name, files.hive, ", union_by_name = true")]
    parts += [_over_files(sql_list(files.root, current), files.hive)] if current else []
    for before, now in renamed.items():
        values[now] = f"coalesce({identifier(now)}, {identifier(before)})"
    return _columns(values | {before: values[now] for before, now in old.items()}, " UNION ALL BY NAME ".join(parts))


def _columns(values: Mapping[str, str], rows: str) -> str:
    columns = ", ".join(f"{value} AS {identifier(column)}" for column, value in values.items())
    return f"SELECT {columns} FROM ({rows})"  # noqa: S608 - of declared names and quoted paths


def _by_version(files: Files, table: str) -> tuple[list[str], list[str]]:
    """Return the files of a table that are noted to have today's columns, and the others."""
    now, noted = RUN_TABLE_HASHES[table], files.noted(table)
    there = list(files.paths(table))
    return [path for path in there if noted.get(path) == now], [path for path in there if noted.get(path) != now]


def _path_value(column: str) -> str:
    names = [each.name for each in PATH_COLUMNS]
    below = "".join(f"{name}=[^/\\\\]*[/\\\\]" for name in names[names.index(column) + 1 :])
    return f"regexp_extract(filename, '{column}=([^/\\\\]*)[/\\\\]{below}[^/\\\\]*$', 1)"


def _over_nothing(empty: str) -> str:
    nulls = ", ".join(f"NULL::{column.type} AS {column.name}" for column in PATH_COLUMNS)
    return f"SELECT {nulls}, * FROM ({bare_sql(empty)})"  # noqa: S608 - as above


def identifier(name: str) -> str:
    """Return a name as a quoted SQL identifier."""
    return '"' + name.replace('"', '""') + '"'
