"""The columns of SELECTs, which DuckDB finds once for each text of a SELECT.

A run needs them before it buys, and so do its drains, rebuilds and checks; they depend only on the text of the SELECT
and on the libraries. Finding them takes a database, and a statement that is planned and run for each table: a sixth of
a second. So they are cached in the process, and beside the data.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final, TypeAlias

import duckdb
import pyarrow as pa

from scraper.io.archive import cache

Refusals: TypeAlias = Mapping[str, duckdb.Error]


class KnownSchemas:
    """The schemas that a process knows."""

    def __init__(self, ask: Callable[[Sequence[str], dict[str, pa.Schema]], Refusals]) -> None:
        """`ask` adds the schemas of SELECTs to those that are known, and returns the refusals."""
        self._ask = ask
        self._known: dict[str, pa.Schema] = {}
        self._turn = threading.Lock()

    def of(self, selects: Iterable[str], directory: Path | None = None) -> Mapping[str, pa.Schema | duckdb.Error]:
        """Return SELECT → the schema of its rows, or DuckDB's refusal, which is not cached.

        `directory`: that of the cache, if there is one.
        """
        wanted = dict.fromkeys(selects)
        with self._turn:
            places = {} if directory is None else {sql: _place(directory, sql) for sql in wanted}
            kept = _kept({sql: path for sql, path in places.items() if sql not in self._known})
            there = {sql for sql, path in places.items() if sql in kept or (sql in self._known and path.exists())}
            self._known.update(kept)
            refused = self._ask([sql for sql in wanted if sql not in self._known], self._known)
            for sql in places.keys() - there:
                if sql not in refused and _lasts(self._known[sql]):
                    cache.keep(places[sql], self._known[sql].serialize().to_pybytes())
            return {sql: refused.get(sql) or self._known[sql] for sql in wanted}


def _place(directory: Path, sql: str) -> Path:
    return cache.place(directory, "schema", duckdb.__version__, pa.__version__, sql)


def _lasts(schema: pa.Schema) -> bool:
    """Return whether another process gets the same: a time with a zone has the zone of the machine."""
    return "tz=" not in str(schema)


def _kept(places: Mapping[str, Path]) -> dict[str, pa.Schema]:
    found = {}
    for sql, path in places.items():
        if (stored := cache.content(path)) is not None:
            found[sql] = pa.ipc.read_schema(pa.py_buffer(stored))
    return found


def ask(selects: Sequence[str], known: dict[str, pa.Schema]) -> Refusals:
    """Ask DuckDB; see `KnownSchemas`."""
    refused = dict[str, duckdb.Error]()
    if not selects:
        return refused
    options = ("autoinstall_known_extensions", "autoload_known_extensions", "python_enable_replacements")
    with duckdb.connect(config=dict.fromkeys(options, "false")) as connection:
        connection.execute("SET enable_external_access = false")
        for number, sql in enumerate(selects):
            try:  # prepared: a relation would be planned once to be made, and again to be read
                connection.execute(f"PREPARE asked_{number} AS {sql}")
                known[sql] = connection.sql(f"EXECUTE asked_{number}").to_arrow_table().schema
            except duckdb.Error as refusal:
                refused[sql] = refusal
    return refused


schemas_of: Final = KnownSchemas(ask).of
"""The schemas that this process knows."""
