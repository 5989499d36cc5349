"""Exports as one file: a table, a view or a macro by DuckDB's COPY, a query's rows as Parquet.

CSV is safe to open in a spreadsheet.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Final

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from scraper.core.errors import OutputError, QueryError, UsageError
from scraper.core.nearest import nearest
from scraper.io.query.files import quoted, shortened
from scraper.io.query.read_only import asked_again, only_reading, refusal
from scraper.io.query.relations import identifier
from scraper.io.query.syntax_tree import syntax_tree

OPTIONS: Final[Mapping[str, str]] = {
    "csv": "FORMAT csv, HEADER true",
    "json": "FORMAT json, ARRAY true",
    "ndjson": "FORMAT json",
    "parquet": "FORMAT parquet, COMPRESSION zstd",
}
"""Format → options of COPY."""

_FORMULA: Final = r"^[=+\-@\t\r\n]"
"""The first characters that Excel, LibreOffice and Google Sheets take for a formula."""


_MACRO: Final = re.compile(r"\s*(\w+)\s*\((.*)\)\s*", re.DOTALL)
"""A macro with its arguments: ``hashtags_as_of('2026-11-21')``."""


def export(
    opened: Callable[[], duckdb.DuckDBPyConnection], relation: str, format: str, path: Path, where: str | None = None
) -> int:
    """Write the rows of a table, a view or a macro to `path`, replacing it; return their number.

    After an error the file is incomplete. `where` is a condition on its columns, which passes the same gates as any
    query here (`read_only`). CSV has nested values as JSON text, and a ' before text that a spreadsheet would take for
    a formula. Raises UsageError where there is no such relation, QueryError where DuckDB cannot read or write.
    """
    return asked_again(lambda: _copied(opened(), relation, format, path, where))


def _copied(connection: duckdb.DuckDBPyConnection, relation: str, format: str, path: Path, where: str | None) -> int:
    with closing(connection):
        source = relation_source(connection, relation)
        try:
            columns = "*" if format != "csv" else _for_csv(connection, source)
            condition = "" if where is None else f" WHERE (\n{where}\n)"
            rows = only_reading(connection, f"SELECT {columns} FROM {source}{condition}")  # noqa: S608 - see only_reading
            copied = f"COPY ({rows}) TO {quoted(path.absolute())} ({OPTIONS[format]}, USE_TMP_FILE false)"
            return int(connection.execute(copied).fetchall()[0][0])
        except duckdb.Error as fault:
            if str(path.absolute()) in str(fault):  # of the file that is written, not of one that is read
                raise OutputError(str(path), shortened(fault), "Nothing was changed.") from fault
            raise refusal(fault) from fault


def relation_source(connection: duckdb.DuckDBPyConnection, relation: str) -> str:
    """Return the relation as SQL names it; UsageError unless the archive has it."""
    views = connection.execute("SELECT view_name FROM duckdb_views() WHERE NOT internal ORDER BY ALL").fetchall()
    macros = dict(connection.execute(_MACROS).fetchall())
    known = [name for (name,) in views]
    if relation in known:
        return identifier(relation)
    if (call := _MACRO.fullmatch(relation)) and call[1] in macros:
        tree = syntax_tree(connection, f"SELECT * FROM {relation}")  # noqa: S608 - parsed, not run
        if tree["error"]:
            raise QueryError(f"{relation} cannot be read: {tree['error_message']}")
        if tree["statements"][0]["node"]["from_table"]["type"] == "TABLE_FUNCTION":
            return relation
    takes = ", ".join(f"{name}({', '.join(parameters)})" for name, parameters in macros.items())
    if relation in macros:
        raise UsageError(f"{relation} is a macro: write its arguments too, as {takes}")
    word = call[1] if call else relation
    raise UsageError(f"no table {word}{nearest(word, [*known, *macros])}; there are {', '.join(known)}, {takes}")


_MACROS: Final = (
    "SELECT function_name, parameters FROM duckdb_functions() "
    "WHERE function_type = 'table_macro' AND NOT internal ORDER BY ALL"
)
"""Name → parameters of every macro of the archive."""


def write_parquet(reader: pa.RecordBatchReader, path: Path) -> None:
    """Write a query's rows, batch by batch; QueryError for a type that Parquet lacks. OSError passes through."""
    try:
        with pq.ParquetWriter(path, reader.schema, compression="zstd") as writer:
            for batch in reader:
                writer.write_batch(batch)
    except (pa.ArrowNotImplementedError, pa.ArrowInvalid) as fault:
        raise QueryError(f"Parquet cannot hold this: {fault}. Cast the column to VARCHAR, or write NDJSON.") from fault


def _for_csv(connection: duckdb.DuckDBPyConnection, source: str) -> str:
    described = connection.execute(f"DESCRIBE FROM {source}").fetchall()
    return ", ".join(f"{_csv_value(identifier(name), type_)} AS {identifier(name)}" for name, type_, *_ in described)


def _csv_value(column: str, type_: str) -> str:
    if type_.endswith("]") or type_.startswith(("STRUCT(", "MAP(", "UNION(")):
        return f"to_json({column})::VARCHAR"
    if type_ in {"VARCHAR", "BLOB"}:
        text = f"{column}::VARCHAR"
        return f"CASE WHEN regexp_matches({text}, {quoted(_FORMULA)}) THEN '''' || {text} ELSE {text} END"
    return column
