"""Checks of the tables' SELECTs over an empty input, before anything is paid for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import duckdb

from scraper.core.errors import Fault
from scraper.core.tables import PAGES_TABLE, PATH_COLUMNS, TableSelect, over_no_pages


def table_faults(tables: Sequence[TableSelect]) -> Iterator[Fault]:
    """Yield every fault that keeps a table from being written: refused SQL, a reserved table or column name."""
    with duckdb.connect(config={"python_enable_replacements": "false"}) as connection:
        connection.execute("SET enable_external_access = false")
        for table in tables:
            where = f"tables/{table.name}.sql"
            if table.name == PAGES_TABLE:
                yield Fault(where, f"{PAGES_TABLE} is the raw table that all others are made from: take another name")
                continue
            try:
                columns = connection.sql(over_no_pages(table)).columns
            except duckdb.Error as fault:
                yield Fault(where, " ".join(str(fault).split("\n\nLINE")[0].split()))
                continue
            for taken in [column.name for column in PATH_COLUMNS if column.name in columns]:
                yield Fault(where, f"{taken} stands in the path: leave the column out")
