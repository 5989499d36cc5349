"""The Parquet archive: pages, verbatim, and the tables that SELECTs make of them.

::

    <data>/archive/<table>/vendor=…/date=YYYY-MM-DD/part-<drain>-<n>-<token>.parquet
    …/part-c<compaction>-<n>-<token>.parquet    what a compaction has merged: `core.part_names`
    <data>/tmp/        unfinished files, outside the tables' tree, so that a reader's `**` never matches them
    <data>/archive.lock

A part of a table has the name of the pages part that it was made from, so that it can be rebuilt alone.
"""

from scraper.io.archive.files import Disk
from scraper.io.archive.parquet import ParquetArchive
from scraper.io.archive.partition_filter import partitions_where
from scraper.io.archive.select_check import table_faults

__all__ = ["Disk", "ParquetArchive", "partitions_where", "table_faults"]
