"""Credit-aware batch scraper and archive."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import os

    import duckdb

__version__ = "0.1.0"
__all__ = ["__version__", "connect"]


def connect(
    path: str | os.PathLike[str] | None = None, configs: str | os.PathLike[str] | None = None
) -> duckdb.DuckDBPyConnection:
    """Return a DuckDB connection with every table and view of an archive, for a notebook.

    ::

        import scraper

        connection = scraper.connect()
        connection.sql("SELECT * FROM hashtags_latest ORDER BY rank").df()  # pandas; .pl() for polars
        connection.sql("FROM spend").to_arrow_table()

    `path` is a data directory, or a copy of its `archive` alone: neither the state database nor the same machine is
    needed. `configs` is the directory of your own tables and views; it need not exist. By default both are those of the
    project that the working directory is in.

    The connection is your own in-memory database, in UTC: create tables in it, join your own files and data frames.
    The archive's tables are views over its files, which no statement over a view can change. Unlike `scraper sql`, the
    connection is not confined to the archive, as it runs only your SQL. Files added later are seen, except in a table
    that had none when the connection was made. Close it like any connection.

    Raises `scraper.core.errors.UsageError` if there is no such directory, `ArchiveError` if a file is damaged.
    """
    from pathlib import Path

    from scraper.wiring.query import connected

    return connected(None if path is None else Path(path), None if configs is None else Path(configs))
