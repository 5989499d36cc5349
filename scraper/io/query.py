"""Read-only SQL over the archive, for people who have nothing but SQL.

Read-only has to hold against the query's own text. What was tried on DuckDB 2.0: `COPY` inside a `WITH` counts as a
SELECT and writes wherever reading is allowed; `query('…')` runs SQL that stands in a text; `EXPLAIN ANALYZE` runs what
it explains. So a query passes three gates: one statement of type SELECT, a syntax tree of nothing but SELECTs and
without the functions that run text or change settings, and a connection that is locked down to the archive's directory.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from scraper.core.errors import ArchiveError, QueryError
from scraper.core.tables import (
    PAGES_COLUMNS,
    PAGES_TABLE,
    PATH_COLUMNS,
    TableSelect,
    bare_sql,
    empty_relation,
    over_no_pages,
)

_SELECT_NODES: Final = frozenset({"SELECT_NODE", "SET_OPERATION_NODE", "RECURSIVE_CTE_NODE", "CTE_NODE"})
"""Nodes of DuckDB's serialised syntax tree that only read; others end in _NODE as well (COPY_QUERY_NODE, DELETE_…)."""

_REFUSED_FUNCTIONS: Final = frozenset(
    {
        "query",
        "json_execute_serialized_sql",
        "checkpoint",
        "force_checkpoint",
        "enable_logging",
        "disable_logging",
        "enable_profiling",
        "disable_profiling",
        "truncate_duckdb_logs",
        "write_log",
        "create_external_resource",
        "register_external_resource",
        "register_external_resource_type",
        "deregister_external_resource",
        "destroy_external_resource",
    }
)
"""Functions that run SQL from a text or change something, though they stand in a SELECT."""

_EXPLAIN: Final = re.compile(r"EXPLAIN (?:ANALYZE |\( ?(?:FORMAT|ANALYZE)\b[^()]*\) ?)?", re.IGNORECASE)
_READ_ONLY: Final = "only one SELECT is answered: the archive is read-only here"
_BATCH_ROWS: Final = 10_000
_MESSAGE_LENGTH: Final = 600


@dataclass(frozen=True, slots=True)
class TableFacts:
    """How much of a table there is."""

    name: str
    rows: int
    files: int
    size_bytes: int


def open_archive(data: Path, tables: Sequence[TableSelect]) -> duckdb.DuckDBPyConnection:
    """A connection with a view for each table, `pages` included, that can read the archive and nothing else.

    A table without files is an empty view of the same columns. Files that appear in an empty table later are not seen.
    """
    root = (data / "archive").resolve()
    connection = duckdb.connect(
        config={
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
            "python_enable_replacements": "false",
            "temp_directory": str(data.resolve() / "tmp" / f"sql-{os.getpid()}"),
        }
    )
    try:
        empty = {PAGES_TABLE: empty_relation(PAGES_COLUMNS)} | {table.name: over_no_pages(table) for table in tables}
        for name, sql in empty.items():
            connection.execute(f'CREATE VIEW "{name}" AS {_view(root, name, sql)}')
        # Checked against the pattern of a view as well as against the files that it finds.
        connection.execute(f"SET allowed_directories = [{_quoted(root)}, {_quoted(_pattern(root))}]")
        for setting in ("enable_external_access = false", "lock_configuration = true"):
            connection.execute(f"SET {setting}")
    except duckdb.Error as fault:
        connection.close()
        raise ArchiveError(_damaged(data, fault)) from fault
    return connection


def query(connection: duckdb.DuckDBPyConnection, sql: str) -> pa.RecordBatchReader:
    """The rows of one SELECT (or the plan of an EXPLAIN), read as they are asked for.

    Raises QueryError, here or from the reader, in one sentence of DuckDB's own with its line and its candidates.
    """
    try:
        statement = _only_reading(connection, sql)
        reader = _relation(connection, statement).to_arrow_reader(_BATCH_ROWS)
    except duckdb.Error as fault:
        raise QueryError(_shortened(fault)) from fault
    return pa.RecordBatchReader.from_batches(reader.schema, _batches(reader))


def table_facts(data: Path, tables: Sequence[str]) -> tuple[TableFacts, ...]:
    """Rows, files and bytes of tables, from the footers of their files."""
    return tuple(_facts(name, sorted((data / "archive" / name).glob("vendor=*/date=*/*.parquet"))) for name in tables)


def _relation(connection: duckdb.DuckDBPyConnection, statement: str) -> duckdb.DuckDBPyRelation:
    """`sql` streams its rows where `execute` holds them all, but only `execute` says in which line it met a fault."""
    try:
        return connection.sql(statement)
    except duckdb.Error:
        connection.execute(statement)
        raise


def _view(root: Path, name: str, empty: str) -> str:
    path_columns = ", ".join(column.name for column in PATH_COLUMNS)
    if any((root / name).glob("vendor=*/date=*/*.parquet")):
        types = ", ".join(f"'{column.name}': {column.type}" for column in PATH_COLUMNS)
        files = _quoted(f"{_pattern(root / name)}/vendor=*/date=*/*.parquet")
        return (
            f"SELECT {path_columns}, * EXCLUDE ({path_columns}) "  # noqa: S608 - of declared names and a quoted path
            f"FROM read_parquet({files}, hive_partitioning = true, hive_types = {{{types}}})"
        )
    nulls = ", ".join(f"NULL::{column.type} AS {column.name}" for column in PATH_COLUMNS)
    return f"SELECT {nulls}, * FROM ({empty})"  # noqa: S608 - as above


def _pattern(directory: Path) -> str:
    """The directory as a glob pattern: wildcard characters of its own name are text."""
    return re.sub(r"([*?\[])", r"[\1]", str(directory))


def _only_reading(connection: duckdb.DuckDBPyConnection, sql: str) -> str:
    """The statement to run, once it is known that it only reads."""
    if explain := _EXPLAIN.match(bare := bare_sql(sql)):
        return explain.group() + _only_reading(connection, bare[explain.end() :])
    statements = duckdb.extract_statements(sql)
    if len(statements) != 1:
        raise QueryError(f"{_READ_ONLY}, and this text holds {len(statements)} statements.")
    if (kind := _kind(statements[0])) != "SELECT":
        raise QueryError(f"{_READ_ONLY}, and this is {kind}.")
    serialised = connection.execute("SELECT json_serialize_sql(?)", [sql]).fetchall()[0][0]
    tree = json.loads(serialised)
    if tree["error"]:
        raise QueryError(f"{_READ_ONLY}: {tree['error_message']}")
    for met in _refused(tree):
        raise QueryError(f"{_READ_ONLY}, and this one holds {met}.")
    return sql


def _kind(statement: duckdb.Statement) -> str:
    try:
        return statement.type.name
    except ValueError:  # a type that the Python client has no name for, as UPDATE EXTENSIONS
        return "something else"


def _refused(tree: object) -> Iterator[str]:
    """What in a serialised syntax tree does more than read."""
    waiting: list[object] = [tree]
    while waiting:
        match waiting.pop():
            case dict() as node:
                kind, function = node.get("type"), node.get("function_name")
                if isinstance(kind, str) and kind.endswith("_NODE") and kind not in _SELECT_NODES:
                    yield kind.removesuffix("_NODE").removesuffix("_QUERY")
                if isinstance(function, str) and function.lower() in _REFUSED_FUNCTIONS:
                    yield f"{function}()"
                waiting.extend(node.values())
            case list() as nodes:
                waiting.extend(nodes)


def _batches(reader: pa.RecordBatchReader) -> Iterator[pa.RecordBatch]:
    try:
        yield from reader
    except (duckdb.Error, pa.ArrowException, OSError) as fault:
        raise QueryError(_shortened(fault)) from fault


def _facts(name: str, files: Sequence[Path]) -> TableFacts:
    try:
        rows = sum(pq.read_metadata(file).num_rows for file in files)
        return TableFacts(name, rows, len(files), sum(file.stat().st_size for file in files))
    except (OSError, pa.ArrowInvalid) as fault:
        raise ArchiveError(_damaged(files[0].parent, fault)) from fault


def _damaged(place: Path, fault: Exception) -> str:
    advice = "Nothing was changed; restore the file that it names from a backup."
    return f"{place} cannot be read: {_shortened(fault)}. {advice}"


def _shortened(fault: Exception) -> str:
    """DuckDB's message on one line: what is wrong, what it may have meant, the line of the query; no caret."""
    lines = (line.strip() for line in str(fault).splitlines())
    text = " ".join(line for line in lines if line and set(line) != {"^"})
    return text if len(text) <= _MESSAGE_LENGTH else f"{text[:_MESSAGE_LENGTH]}…"


def _quoted(text: Path | str) -> str:
    return "'" + str(text).replace("'", "''") + "'"
