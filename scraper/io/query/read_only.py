"""Read-only SQL over the archive.

Read-only has to hold against the query's own text. Tried on DuckDB 2.0: `COPY` inside a `WITH` counts as a
SELECT and writes wherever reading is allowed; `query('…')` runs SQL from a string; `EXPLAIN ANALYZE` runs what
it explains. So a query passes three gates: one statement of type SELECT, a syntax tree of nothing but SELECTs and
without the functions that run text or change settings, and a connection that is locked down to the archive's directory.

A compaction exchanges a partition's directory in one step. A query that had listed the old files may then meet one that
is gone. It is repeated, from opening the archive on, as long as none of its rows has been handed out.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from itertools import chain
from typing import Final, TypeVar

import duckdb
import pyarrow as pa

from scraper.core.errors import ArchiveError, QueryError
from scraper.core.tables import bare_sql
from scraper.io.query.files import quoted, shortened
from scraper.io.query.parameters import EXPLAIN
from scraper.io.query.syntax_tree import nodes_of, syntax_tree

T = TypeVar("T")

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
"""Functions that run SQL from a string or change something, though they are allowed in a SELECT."""

_READ_ONLY: Final = "only one SELECT is allowed: the archive is read-only here"
_BATCH_ROWS: Final = 10_000
_ATTEMPTS: Final = 5

HELD_BYTES: Final = 32 * 2**20
"""Bytes of rows that are buffered before the first is handed out: until then a query can be restarted."""


@contextmanager
def answered(
    opened: Callable[[], duckdb.DuckDBPyConnection], sql: str, held_bytes: int = HELD_BYTES
) -> Iterator[pa.RecordBatchReader]:
    """Yield the rows of a query; it is repeated where a compaction has removed a file meanwhile.

    A result of more than `held_bytes` is handed out while it is read. An error from there on cannot be repeated away:
    the reader raises QueryError.
    """
    connection, reader, held = asked_again(lambda: _begun(opened(), sql, held_bytes))
    with closing(connection):
        yield pa.RecordBatchReader.from_batches(reader.schema, chain(held, reader))


def asked_again(ask: Callable[[], T]) -> T:
    """Return what `ask` returns, calling it again where a file of the archive disappeared meanwhile."""
    for _ in range(1, _ATTEMPTS):
        try:
            return ask()
        except (ArchiveError, QueryError) as fault:
            if not _is_gone(fault.__cause__):
                raise
    return ask()


def _begun(
    connection: duckdb.DuckDBPyConnection, sql: str, held_bytes: int
) -> tuple[duckdb.DuckDBPyConnection, pa.RecordBatchReader, list[pa.RecordBatch]]:
    with ExitStack() as stack:
        stack.enter_context(closing(connection))
        reader = query(connection, sql)
        held = _held(reader, held_bytes)
        stack.pop_all()
    return connection, reader, held


def _held(reader: pa.RecordBatchReader, most_bytes: int) -> list[pa.RecordBatch]:
    held: list[pa.RecordBatch] = []
    size_bytes = 0
    for batch in reader:
        held.append(batch)
        size_bytes += batch.nbytes
        if size_bytes >= most_bytes:
            break
    return held


def _is_gone(fault: BaseException | None) -> bool:
    """Return whether a listed file was missing; through Arrow, DuckDB's error is one of Arrow's."""
    return "No such file" in str(fault) or _NO_FILE.search(str(fault)) is not None


def query(connection: duckdb.DuckDBPyConnection, sql: str) -> pa.RecordBatchReader:
    """Return the rows of one SELECT (or the plan of an EXPLAIN), read as they are requested.

    Raises QueryError, here or from the reader, with DuckDB's message, its line and its candidates in one sentence.
    """
    try:
        statement = only_reading(connection, sql)
        with _interruptible(connection) as run:
            reader = run(lambda: _relation(connection, statement).to_arrow_reader(_BATCH_ROWS))
    except duckdb.Error as fault:
        raise QueryError(f"{refusal(fault)}{_macro_named(connection, str(fault))}") from fault
    return pa.RecordBatchReader.from_batches(reader.schema, _batches(connection, reader))


def _relation(connection: duckdb.DuckDBPyConnection, statement: str) -> duckdb.DuckDBPyRelation:
    """Return a relation: `sql` streams rows where `execute` buffers all, but only `execute` reports an error's line."""
    try:
        return connection.sql(statement)
    except duckdb.Error:
        connection.execute(statement)
        raise


def only_reading(connection: duckdb.DuckDBPyConnection, sql: str) -> str:
    """Return the statement to run, once it is known to be read-only."""
    try:
        sql.encode()
    except UnicodeEncodeError as fault:
        raise QueryError(f"the query is not UTF-8 text at character {fault.start + 1}: write it again.") from fault
    if explain := EXPLAIN.match(bare := bare_sql(sql)):
        return explain.group() + only_reading(connection, bare[explain.end() :])
    statements = connection.extract_statements(sql)
    if len(statements) != 1:
        raise QueryError(f"{_READ_ONLY}, and this text holds {len(statements)} statements.")
    if (kind := _kind(statements[0])) != "SELECT":
        raise QueryError(f"{_READ_ONLY}, and this is {kind}.")
    tree = syntax_tree(connection, sql)
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
    """Yield the parts of a serialised syntax tree that do more than read."""
    for node in nodes_of(tree):
        kind, function = node.get("type"), node.get("function_name")
        if isinstance(kind, str) and kind.endswith("_NODE") and kind not in _SELECT_NODES:
            yield kind.removesuffix("_NODE").removesuffix("_QUERY")
        if isinstance(function, str) and function.lower() in _REFUSED_FUNCTIONS:
            yield f"{function}()"


@contextmanager
def _interruptible(connection: duckdb.DuckDBPyConnection) -> Iterator[Callable[[Callable[[], T]], T]]:
    """Call work in a thread, since DuckDB handles no signals while it is busy: Ctrl-C interrupts the query."""

    def run(work: Callable[[], T]) -> T:
        working = thread.submit(work)
        try:
            return working.result()
        except KeyboardInterrupt:
            connection.interrupt()
            raise

    with ThreadPoolExecutor(1) as thread:
        yield run


def _batches(connection: duckdb.DuckDBPyConnection, reader: pa.RecordBatchReader) -> Iterator[pa.RecordBatch]:
    batches = iter(reader)
    try:
        with _interruptible(connection) as run:
            while (batch := run(lambda: next(batches, None))) is not None:
                yield batch
    except (duckdb.Error, pa.ArrowException, OSError) as fault:
        raise refusal(fault) from fault


def _macro_named(connection: duckdb.DuckDBPyConnection, message: str) -> str:
    """Return the end of the sentence where a macro was named without its arguments."""
    if (table := _NO_TABLE.search(message)) is None:
        return ""
    found = "SELECT parameters FROM duckdb_functions() WHERE function_type = 'table_macro' AND function_name = ?"
    takes = [", ".join(parameters) for (parameters,) in connection.execute(found, [table[1]]).fetchall()]
    return f"; {table[1]} is a macro: write {table[1]}({takes[0]}) with its arguments" if takes else ""


_NO_FILE: Final = re.compile(r'No files found that match the pattern "[^"*?\[]*\.parquet"')
_NO_TABLE: Final = re.compile(r"Table with name (\w+) does not exist")
_NO_COLUMN: Final = re.compile(r'Referenced column "([^"]*)" (?:not found|was not found)')


def refusal(fault: Exception) -> QueryError:
    """Return DuckDB's error in one sentence, with a remedy that it does not name."""
    text = shortened(fault)
    if _is_gone(fault):
        text += "; it was removed while the query ran, as by a compaction: repeat the query."
    elif (column := _NO_COLUMN.search(text)) and column[1] != column[1].lower():
        text += f"; a column is written without quotes, text in single ones: {quoted(column[1])}"
    elif "disabled by configuration" in text:
        text += (
            "; a query reads the archive alone: scraper duckdb, or scraper.connect() in Python, reads other files too"
        )
    return QueryError(text)
