"""Credit-aware batch scraper and archive."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import os

    import duckdb

__version__ = "0.1.0"
__all__ = ["__version__", "connect"]


def connect(
    path: str | os.PathLike[str] = "data", configs: str | os.PathLike[str] = "configs"
) -> duckdb.DuckDBPyConnection:
    """A DuckDB connection with every table and view of an archive, for a notebook.

    ::

        import scraper

        connection = scraper.connect("data")
        connection.sql("SELECT * FROM hashtags_latest ORDER BY rank").df()  # pandas; .pl() for polars
        connection.sql("FROM spend").to_arrow_table()

    `path` is a data directory, or a copy of its `archive` alone: nothing else is needed, neither the state database nor
    the same machine. `configs` is where tables and views of your own are, if you have any; it need not exist.

    The connection is an in-memory database of yours, in UTC: make tables in it, join files and data frames of your own.
    The archive's tables are views over its files, and no statement over a view changes a file; unlike `scraper sql`, it
    is not shut in with the archive, as it runs no text but yours. Files that come later are seen, except in a table
    that had none when the connection was made. Close it as any connection.

    Raises `scraper.core.errors.UsageError` where there is no such directory, `ArchiveError` where a file is damaged.
    """
    from pathlib import Path

    from scraper.wiring.query import connected

    return connected(Path(path), Path(configs))
