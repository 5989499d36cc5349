"""The export of a table or view as one file, by DuckDB's COPY; CSV is safe to open in a spreadsheet."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Final

import duckdb

from scraper.core.errors import UsageError
from scraper.core.nearest import nearest
from scraper.io.query.read_only import asked_again, refusal
from scraper.io.query.relations import identifier, quoted

OPTIONS: Final[Mapping[str, str]] = {
    "csv": "FORMAT csv, HEADER true",
    "ndjson": "FORMAT json",
    "parquet": "FORMAT parquet, COMPRESSION zstd",
}
"""Format → options of COPY."""

_FORMULA: Final = r"^[=+\-@\t\r\n]"
"""The first characters that Excel, LibreOffice and Google Sheets take for a formula."""


def export(opened: Callable[[], duckdb.DuckDBPyConnection], relation: str, format: str, path: Path) -> int:
    """Write all rows of a table or view to `path`, replacing it; return their number. After an error it is incomplete.

    CSV has nested values as JSON text, and a ' before text that a spreadsheet would take for a formula. Raises
    UsageError where there is no such relation, QueryError where DuckDB cannot read or write.
    """
    return asked_again(lambda: _copied(opened(), relation, format, path))


def _copied(connection: duckdb.DuckDBPyConnection, relation: str, format: str, path: Path) -> int:
    with closing(connection):
        views = connection.execute("SELECT view_name FROM duckdb_views() WHERE NOT internal ORDER BY ALL").fetchall()
        known = [name for (name,) in views]
        if relation not in known:
            raise UsageError(f"no table {relation}{nearest(relation, known)}; there are {', '.join(known)}")
        columns = "*" if format != "csv" else _for_csv(connection, relation)
        rows = f"SELECT {columns} FROM {identifier(relation)}"  # noqa: S608 - of names that the archive has
        try:
            return int(connection.execute(f"COPY ({rows}) TO {quoted(path)} ({OPTIONS[format]})").fetchall()[0][0])
        except duckdb.Error as fault:
            raise refusal(fault) from fault


def _for_csv(connection: duckdb.DuckDBPyConnection, relation: str) -> str:
    described = connection.execute(f"DESCRIBE {identifier(relation)}").fetchall()
    return ", ".join(f"{_csv_value(identifier(name), type_)} AS {identifier(name)}" for name, type_, *_ in described)


def _csv_value(column: str, type_: str) -> str:
    if type_.endswith("]") or type_.startswith(("STRUCT(", "MAP(", "UNION(")):
        return f"to_json({column})::VARCHAR"
    if type_ in {"VARCHAR", "BLOB"}:
        text = f"{column}::VARCHAR"
        return f"CASE WHEN regexp_matches({text}, {quoted(_FORMULA)}) THEN '''' || {text} ELSE {text} END"
    return column
