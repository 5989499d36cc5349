"""Credit-aware batch scraper and archive.

From Python: `load` a job to plan and run it, `connect` to the archive it fills. Errors are `ScraperError`s. Everything
public is in `__all__`; what is not may change with any version.
"""

from __future__ import annotations

import os
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import duckdb

    from scraper.api import JobRun, LoadedJob
    from scraper.core.errors import (
        ArchiveError,
        ConfigurationError,
        Fault,
        QueryError,
        ScraperError,
        StateError,
        StorageError,
        UsageError,
    )
    from scraper.core.events import (
        Drained,
        Event,
        LedgerSettled,
        Noted,
        ProjectInUse,
        RequestSettled,
        RunEnded,
        RunResult,
        RunStarted,
        RunStatus,
        Stopped,
        Waiting,
    )
    from scraper.core.planning import CrawlPlan, Day, Plan, Range

__version__ = "0.1.0"

_PLACES: Final = {
    "scraper.api": ("JobRun", "LoadedJob"),
    "scraper.core.errors": (
        "ArchiveError",
        "ConfigurationError",
        "Fault",
        "QueryError",
        "ScraperError",
        "StateError",
        "StorageError",
        "UsageError",
    ),
    "scraper.core.events": (
        "Drained",
        "Event",
        "LedgerSettled",
        "Noted",
        "ProjectInUse",
        "RequestSettled",
        "RunEnded",
        "RunResult",
        "RunStarted",
        "RunStatus",
        "Stopped",
        "Waiting",
    ),
    "scraper.core.planning": ("CrawlPlan", "Day", "Plan", "Range"),
}
"""Module → its public names; imported when they are used, so that `import scraper` stays instant."""

__all__ = [  # noqa: RUF022 - literal for type checkers; by what they are
    "__version__",
    # jobs
    "load",
    "LoadedJob",
    "JobRun",
    "Plan",
    "CrawlPlan",
    "Day",
    "Range",
    "RunResult",
    "RunStatus",
    # events of a run
    "Event",
    "ProjectInUse",
    "LedgerSettled",
    "RunStarted",
    "Noted",
    "RequestSettled",
    "Waiting",
    "Stopped",
    "Drained",
    "RunEnded",
    # the archive
    "connect",
    # errors
    "ScraperError",
    "ConfigurationError",
    "Fault",
    "UsageError",
    "QueryError",
    "StorageError",
    "StateError",
    "ArchiveError",
]


if not TYPE_CHECKING:  # else a type checker would let every name pass

    def __getattr__(name: str) -> Any:  # noqa: ANN401 - a class of ours
        place = next((module for module, names in _PLACES.items() if name in names), None)
        if place is None:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(import_module(place), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def load(
    job: str | os.PathLike[str],
    *,
    vendor_urls: Mapping[str, str] | None = None,
    allow_hosts: Sequence[str] = (),
) -> LoadedJob:
    """Read a job, to plan and to run it.

    ::

        import scraper

        job = scraper.load("quickstart")
        print(job.plan(sandbox=True).credits)
        result = await job.run(sandbox=True, progress=True)  # in a notebook; in a script: job.run_sync(…)
        print(result.status, result.rows)

    `job` is the path of a job file, or a name: of a job of the project that the working directory is in, or
    ``quickstart``. The project of the job file decides where its data, accounts and keys are.

    `vendor_urls` is vendor → another base URL for it, `allow_hosts` are hosts that files of the project may send a key
    to: ``--vendor-url`` and ``--allow-host`` of `scraper run`.

    Raises ConfigurationError with every fault of the files, UsageError if there is no such job.
    """
    from scraper.api import load as loaded

    return loaded(job, vendor_urls=vendor_urls, allow_hosts=allow_hosts)


def connect(
    path: str | os.PathLike[str] | None = None, configs: str | os.PathLike[str] | None = None
) -> duckdb.DuckDBPyConnection:
    """Return a DuckDB connection with every table and view of an archive, for a notebook.

    ::

        import scraper

        connection = scraper.connect()
        connection.sql("SELECT * FROM hashtags_latest ORDER BY rank").df()  # pandas; .pl() for polars
        connection.sql("FROM spend").to_arrow_table()

    `path` is a data directory, a copy of its `archive` alone, or ``s3://bucket/prefix``: neither the state database nor
    the same machine is needed. Of an archive on S3 all tables but `pages` are fetched into a cache, as its list has
    them when the connection is made. `configs` is the directory of your own tables and views; it need not exist. By
    default both are those of the project that the working directory is in.

    The connection is your own in-memory database, in UTC: create tables in it, join your own files and data frames.
    The archive's tables are views over its files, which no statement over a view can change. Unlike `scraper sql`, the
    connection is not confined to the archive, as it runs only your SQL. Files added later are seen, except in a table
    that had none when the connection was made. Close it like any connection.

    Raises UsageError if there is no such directory, ArchiveError if a file is damaged.
    """
    from pathlib import Path

    from scraper.wiring.query import connected

    return connected(None if path is None else os.fspath(path), None if configs is None else Path(configs))
