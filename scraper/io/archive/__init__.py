"""The Parquet archive: pages, verbatim, and the tables that SELECTs make of them.

::

    <data>/archive/<table>/vendor=…/date=YYYY-MM-DD/part-<drain>-<n>-<token>.parquet
    …/part-c<compaction>-<n>-<token>.parquet    what a compaction has merged: `core.part_names`
    <data>/tmp/        unfinished files, outside the tables' tree, so that a reader's `**` never matches them
    <data>/archive.lock

A part of a table has the name of the pages part that it was made from, so that it can be rebuilt alone.

The archive may be in a bucket instead: `tree` is the interface, `bucket` its implementation on S3.

Its parts are imported when they are used: a run whose archive is written by a worker loads neither DuckDB nor pyarrow.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from scraper.io.archive.disk import Disk
    from scraper.io.archive.parquet import ParquetArchive
    from scraper.io.archive.partition_filter import partitions_where
    from scraper.io.archive.select_check import table_faults

__all__ = ["Disk", "ParquetArchive", "partitions_where", "table_faults"]

_MODULES = {
    "Disk": "disk",
    "ParquetArchive": "parquet",
    "partitions_where": "partition_filter",
    "table_faults": "select_check",
}


def __getattr__(name: str) -> Any:  # noqa: ANN401 - any of the names above
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
