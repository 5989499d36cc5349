"""DuckDB connections in which the tables' SELECTs are planned, kept by a process from one drain to the next.

Opening a database takes 15 ms, and planning the SELECT of a wide table takes longer than carrying it out for a batch.
"""

from __future__ import annotations

import atexit
import contextlib
from typing import Final

import duckdb
import pyarrow as pa

_SETTINGS: Final[dict[str, str | bool | int | float | list[str]]] = {
    "threads": 1,
    "memory_limit": "1GB",
    "temp_directory": "",  # nothing of a 2 MiB statement needs to spill
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "python_enable_replacements": "false",
}

_MOST_PREPARED: Final = 50
"""Prepared statements of a kept connection, at most; a process sees few versions of its tables' SELECTs."""

_MOST_KEPT: Final = 2
"""Connections that a process keeps for its next drain."""


def connect() -> duckdb.DuckDBPyConnection:
    """Open a database that reads and writes nothing outside."""
    connection = duckdb.connect(config=_SETTINGS)
    connection.execute("SET enable_external_access = false")
    return connection


class PagesInput:
    """The relation ``pages``, whose rows may be replaced between two statements without planning them again."""

    def __init__(self, schema: pa.Schema) -> None:
        self.schema = schema
        self.held = schema.empty_table()

    def __arrow_c_schema__(self) -> object:
        return self.schema.__arrow_c_schema__()

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        return self.held.__arrow_c_stream__(requested_schema)


class SelectSession:
    """A connection, and the statements that it has prepared. One drain at a time uses it."""

    def __init__(self, schema: pa.Schema) -> None:
        """`schema`: of the relation ``pages``."""
        self.connection = connect()
        self.pages = PagesInput(schema)
        self.connection.register("pages", self.pages)
        self._prepared: dict[str, str] = {}
        """Text of a SELECT → the statement that runs it over the current rows of `pages`."""

    def select(self, sql: str, pages: pa.Table) -> pa.Table:
        """Return the rows that a SELECT makes of these pages."""
        self.pages.held = pages
        if sql not in self._prepared:
            name = f"select_{len(self._prepared)}"
            self.connection.execute(f"PREPARE {name} AS {sql}")
            self._prepared[sql] = f"EXECUTE {name}"
        return self.connection.sql(self._prepared[sql]).to_arrow_table()

    def close(self) -> None:
        self.connection.close()

    def keep(self) -> None:
        """Keep the connection, without its rows, for the next drain of this process."""
        if len(_kept) >= _MOST_KEPT or len(self._prepared) > _MOST_PREPARED:
            self.close()
            return
        self.pages.held = self.pages.schema.empty_table()
        for name in ("made", "asked"):
            self.connection.unregister(name)
        _kept.append(self)


_kept: Final[list[SelectSession]] = []


def session(schema: pa.Schema) -> SelectSession:
    """Return a session for this schema that was kept, or a new one, for the caller alone."""
    with contextlib.suppress(IndexError):
        kept = _kept.pop()
        if kept.pages.schema == schema:
            return kept
        kept.close()
    return SelectSession(schema)


@atexit.register
def _close_all() -> None:
    while _kept:
        _kept.pop().close()
