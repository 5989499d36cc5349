"""The Parquet archive: pages as they came, and the tables that SELECTs make of them.

::

    <data>/archive/<table>/vendor=…/date=YYYY-MM-DD/part-<drain>-<n>.parquet
    …/part-c<compaction>-<n>.parquet    what a compaction has merged
    <data>/tmp/        files not yet whole, outside the tables' tree: a reader's `**` never meets them
    <data>/archive.lock

A table's part bears the name of the pages part that it was made from, so that it can be made anew alone.
"""

from scraper.io.archive.files import Disk
from scraper.io.archive.parquet import ParquetArchive
from scraper.io.archive.partition_filter import partitions_where
from scraper.io.archive.select_check import table_faults

__all__ = ["Disk", "ParquetArchive", "partitions_where", "table_faults"]
