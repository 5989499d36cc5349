"""Parts without rows, so that every table exists from the first drain on: Spark fails on a path that was never written,
and so do the globs of DuckDB and Polars.

A table without parts gets one when a drain is written; it is noted, compacted and rebuilt like any other. It is in the
drain's first partition, under the name of the pages part; that of a run table is named like a file of gathered runs.
"""

from __future__ import annotations

from contextlib import suppress

import duckdb

from scraper.core.coverage import RUN_TABLES
from scraper.core.part_names import drained_by, drained_name, empty_runs_name
from scraper.io.archive.staged_files import Staging
from scraper.io.archive.table_select import Selects
from scraper.io.archive.tree import Tree


def add_missing_tables(staging: Staging, selects: Selects, tree: Tree, drain_id: int, token: str) -> None:
    """Begin a part without rows for each table that has none, apart from what an earlier try at this drain left."""
    if not staging.partitions:
        return
    of_runs = empty_runs_name(drain_id, token)
    missing = [table for table in staging.tables if not staging.has(table)]
    missing = [table for table in missing if not _is_there(tree, table, drain_id, token, of_runs)]
    selects.look_up(table for table in missing if table not in RUN_TABLES)
    for name, is_of_runs in ((drained_name(drain_id, 0, token), False), (of_runs, True)):
        staging.turn_to(staging.partitions[0], name)
        for table in missing:
            if (table in RUN_TABLES) is is_of_runs:
                with suppress(duckdb.Error):  # in a SELECT that no page of this drain needs: `rebuild` reports it
                    staging.add_empty(table)


def _is_there(tree: Tree, table: str, drain_id: int, token: str, of_runs: str) -> bool:
    return any(name != of_runs and drained_by(name, token) != drain_id for name in tree.each_name(table))
