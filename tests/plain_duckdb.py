"""Files as they are read with nothing but DuckDB: one database of the process, since opening one costs 20 ms."""

from __future__ import annotations

import atexit
from functools import cache

import duckdb


def plain_duckdb() -> duckdb.DuckDBPyConnection:
    """A connection with nothing of ours in it, that remembers nothing of the files it has read."""
    return _database().cursor()


@cache
def _database() -> duckdb.DuckDBPyConnection:
    return duckdb.connect(config={"threads": 1, "enable_external_file_cache": "false"})


atexit.register(_database.cache_clear)
