"""The columns that SELECTs give: DuckDB is asked once in a process.

A run asks before it buys, and each of its drains, rebuilds and checks asks again; the answer depends on the text of the
SELECT alone. Asking costs a database, and a statement that is bound and run for each table.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping

import duckdb
import pyarrow as pa

_KNOWN: dict[str, pa.Schema] = {}
_ASKING = threading.Lock()


def schemas_of(selects: Iterable[str]) -> Mapping[str, pa.Schema | duckdb.Error]:
    """SELECT → the schema of its rows, or why DuckDB refuses it. A refusal is asked for again."""
    wanted = dict.fromkeys(selects)
    with _ASKING:
        refused = _ask([sql for sql in wanted if sql not in _KNOWN])
        return {sql: refused.get(sql) or _KNOWN[sql] for sql in wanted}


def _ask(selects: list[str]) -> dict[str, duckdb.Error]:
    """Learns the schemas of these; gives the refusals."""
    refused: dict[str, duckdb.Error] = {}
    if not selects:
        return refused
    options = ("autoinstall_known_extensions", "autoload_known_extensions", "python_enable_replacements")
    with duckdb.connect(config=dict.fromkeys(options, "false")) as connection:
        connection.execute("SET enable_external_access = false")
        for sql in selects:
            try:
                _KNOWN[sql] = connection.sql(sql).to_arrow_table().schema
            except duckdb.Error as refusal:
                refused[sql] = refusal
    return refused
