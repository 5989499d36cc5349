"""The partitions that a query can read, determined before any is fetched: an archive on S3 fetches only those.

DuckDB's optimizer prunes the files of a hive-partitioned list by the query's conditions, through views, macros and
subqueries. So the query is planned, not run, over stand-ins for partitions: a file without rows that has the table's
columns, and empty ones that nothing opens. The plan shows the conditions on the files of each scan; these are evaluated
over the partitions. A plan is trusted only if that leaves as many files as it states; otherwise, as for a day that a
join finds only while the query runs, every partition of the table is needed.
"""

from __future__ import annotations

import contextlib
import json
import os
import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Final, TypeAlias

import duckdb

from scraper.core.coverage import RENAMED_COLUMNS
from scraper.core.errors import QueryError
from scraper.core.tables import PATH_COLUMNS, bare_sql
from scraper.core.views import View
from scraper.io.query.files import files_listed, quoted, sql_list
from scraper.io.query.parameters import EXPLAIN
from scraper.io.query.read_only import only_reading
from scraper.io.query.relations import (
    UTC,
    Described,
    empty_selects,
    identifier,
    lock_statements,
    relations_read,
)

Partition: TypeAlias = tuple[str, str]
"""Vendor and date, as the path has them."""

_MARK: Final = "of_table"
"""A third key in the stand-ins' paths: the plan does not name the table of a scan."""

_FILTERS: Final = "File Filters"
_SCANNED: Final = "Scanning Files"


def needed_partitions(
    there: Mapping[str, Collection[Partition]],
    described: Described,
    query: str,
    stubs: Path,
    as_declared: Callable[[str], bool] = lambda _table: True,
) -> dict[str, Collection[Partition]]:
    """Return the tables that a query reads → the partitions that it may read, empty if the query is refused.

    `there`: table → its partitions; `stubs`: the directory of their stand-ins; `as_declared`: True for a table whose
    files have the columns of its current SELECT.
    """
    nothing = files_listed(stubs, {table: {"": ""} for table in there})
    with duckdb.connect(config=_CONFIG) as connection:
        selects = empty_selects(nothing, described.tables)
        read = relations_read(connection, query, selects, described.views)
        tables = {name: select for name, select in selects.items() if name.lower() in read and name in there}
        views = [view for view in described.views if view.name.lower() in read]
        nowhere: dict[str, Collection[Partition]] = dict.fromkeys(tables, ())
        everywhere = {name: there[name] for name in tables}
        explain = EXPLAIN.match(bare := bare_sql(query))
        try:
            asked = only_reading(connection, bare[explain.end() :] if explain else query)
        except (duckdb.Error, QueryError):
            return nowhere
        try:
            files = {name: _stand_ins(connection, stubs, name, there[name], tables[name]) for name in tables}
            left: dict[str, set[Partition]] = {name: set() for name in tables}
            for scan in _scans(_plan(connection, stubs, files, views, asked), files):
                left[scan.table] |= _left(connection, scan)
        except _RefusedError:
            return nowhere if all(map(as_declared, tables)) else everywhere
        except (duckdb.Error, OSError, _NotUnderstoodError):
            return everywhere
        return {**left}


_CONFIG: Final[dict[str, str | bool | int | float | list[str]]] = {
    "threads": 1,
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "python_enable_replacements": "false",
}


class _NotUnderstoodError(Exception):
    """The plan has an unknown form."""


class _RefusedError(Exception):
    """The query cannot be planned; running it reports why."""


@dataclass(frozen=True, slots=True)
class _Scan:
    """A scan of a plan."""

    table: str
    filters: str
    """Concatenated conditions, each in parentheses or a function call."""
    files: int
    """The number of files that the conditions leave, according to the plan."""


def _stand_ins(
    connection: duckdb.DuckDBPyConnection, stubs: Path, table: str, there: Collection[Partition], select: str
) -> list[str]:
    """Return the stand-ins for a table's partitions, relative to their directory.

    The first has the table's columns and another mark: the plan omits a condition that every file satisfies.
    """
    if not select or "=" in str(stubs):  # a table that no SQL file describes; a directory that is a key of its own
        raise _NotUnderstoodError
    paths = [f"{_MARK}={table}/vendor={vendor}/date={date}/0.parquet" for vendor, date in sorted(there)]
    for path in paths:
        if not (stubs / path).exists():
            (stubs / path).parent.mkdir(parents=True, exist_ok=True)
            (stubs / path).touch()
    made_by = sha256(f"{duckdb.__version__} {bare_sql(select)}".encode()).hexdigest()[:16]
    columns = f"{_MARK}=-/vendor=-/date=1970-01-01/{table}-{made_by}.parquet"
    if not (stubs / columns).exists():
        (stubs / columns).parent.mkdir(parents=True, exist_ok=True)
        beside = stubs / f".{table}.{os.getpid()}-{threading.get_ident()}"
        connection.execute(f"COPY ({bare_sql(select)}) TO {quoted(beside)} (FORMAT parquet)")
        beside.replace(stubs / columns)
    return [columns, *paths]


def _plan(
    connection: duckdb.DuckDBPyConnection,
    stubs: Path,
    files: Mapping[str, Sequence[str]],
    views: Sequence[View],
    query: str,
) -> str:
    """Return a query's plan as JSON; _RefusedError if it has none."""
    connection.execute(UTC)
    connection.execute(f"CREATE TABLE stand_ins ({_MARK} VARCHAR, vendor VARCHAR, date DATE)")
    for table, paths in files.items():
        keys = [[part.partition("=")[2] for part in path.split("/")[:3]] for path in paths]
        columns = ", ".join(f"unnest({[str(key) for key in column]})" for column in zip(*keys, strict=True))
        connection.execute(f"INSERT INTO stand_ins SELECT {columns}")
        connection.execute(f"CREATE VIEW {identifier(table)} AS {_over(stubs, table, paths, query)}")
    for view in views:
        with contextlib.suppress(duckdb.Error):  # the query that reads a faulty view reports it
            connection.execute(view.sql)
    for statement in lock_statements(stubs):
        connection.execute(statement)
    try:
        return str(connection.execute(f"EXPLAIN (FORMAT json) {query}").fetchall()[0][1])
    except (duckdb.IOException, duckdb.InternalException):
        raise
    except duckdb.Error as refused:
        raise _RefusedError from refused


def _scans(plan: str, files: Mapping[str, Sequence[str]]) -> Iterator[_Scan]:
    for node in _nodes(json.loads(plan)):
        if _FILTERS in node or "PARQUET" in str(node.get("Function", "")).upper():
            yield _scan(node, files)


def _over(stubs: Path, table: str, paths: Sequence[str], query: str) -> str:
    types = ", ".join(f"'{name}': {type_}" for name, type_ in [*_PATH_TYPES, (_MARK, "VARCHAR")])
    read = f"read_parquet({sql_list(stubs, paths)}, hive_partitioning = true, hive_types = {{{types}}})"
    names = ", ".join(name for name, _ in _PATH_TYPES)
    old = [f", {now} AS {before}" for before, now in RENAMED_COLUMNS.get(table, {}).items() if before in query.lower()]
    columns = f"{names}, * EXCLUDE ({names}, {_MARK}){''.join(old)}"
    return f"SELECT {columns} FROM {read} WHERE {_MARK} = {quoted(table)}"  # noqa: S608 - of declared names


_PATH_TYPES: Final = tuple((column.name, column.type) for column in PATH_COLUMNS)


def _nodes(plan: Any) -> Iterator[Mapping[str, Any]]:  # noqa: ANN401 - JSON
    waiting = list(plan)
    while waiting:
        node = waiting.pop()
        yield node.get("extra_info", {})
        waiting += node.get("children", ())


def _scan(node: Mapping[str, Any], files: Mapping[str, Sequence[str]]) -> _Scan:
    filters, scanned = str(node.get(_FILTERS, "")), str(node.get(_SCANNED, "")).partition("/")[0]
    for table in files:
        if f"({_MARK} = {quoted(table)})" in filters and scanned.isdecimal():
            return _Scan(table, filters, int(scanned))
    raise _NotUnderstoodError


def _left(connection: duckdb.DuckDBPyConnection, scan: _Scan) -> set[Partition]:
    """Return the partitions that a scan's conditions leave."""
    conditions = " AND ".join(_split(scan.filters))
    left = connection.execute(f"SELECT vendor, date::VARCHAR FROM stand_ins WHERE {conditions}").fetchall()  # noqa: S608
    if len(left) != scan.files:
        raise _NotUnderstoodError
    return set(left)


def _split(filters: str) -> Iterator[str]:
    """Yield the conditions of `_Scan.filters`."""
    depth, begin, quote = 0, 0, ""
    for place, char in enumerate(filters):
        if quote:
            quote = "" if char == quote else quote
        elif char in "'\"":
            quote = char
        elif char == "(":
            depth += 1
        elif char == ")" and (depth := depth - 1) == 0:
            yield filters[begin : place + 1]
            begin = place + 1
    if filters[begin:].strip():
        raise _NotUnderstoodError
