"""Checks of the tables' SELECTs over an empty input, before anything is paid for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import duckdb
import pyarrow as pa

from scraper.core.errors import Fault
from scraper.core.tables import (
    COMMON_COLUMNS,
    PAGES_COLUMNS,
    PAGES_TABLE,
    PATH_COLUMNS,
    SELECT_INPUT,
    TableSelect,
    empty_relation,
    over_no_pages,
)
from scraper.io.archive.schemas import schemas_of

_COMMON = empty_relation(COMMON_COLUMNS)
_OF_DRAINS = (empty_relation(SELECT_INPUT), empty_relation(PAGES_COLUMNS))
"""What each drain asks for: here it takes no database of its own."""


def table_faults(tables: Sequence[TableSelect], cache: Path | None = None) -> Iterator[Fault]:
    """Yield every fault that keeps a table from being written: refused SQL, a reserved name, a wrong type.

    `cache`: the directory where sound SELECTs are remembered.
    """
    asked = [over_no_pages(table) for table in tables if table.name != PAGES_TABLE]
    schemas = schemas_of([_COMMON, *_OF_DRAINS, *asked], cache)
    for table in tables:
        where = f"tables/{table.name}.sql"
        if table.name == PAGES_TABLE:
            yield Fault(where, f"{PAGES_TABLE} is the raw table that all others are made from: take another name")
            continue
        schema = schemas[over_no_pages(table)]
        if isinstance(schema, duckdb.Error):
            yield Fault(where, " ".join(str(schema).split("\n\nLINE")[0].split()))
            continue
        for taken in [column.name for column in PATH_COLUMNS if column.name in schema.names]:
            yield Fault(where, f"{taken} is in the path: leave the column out")
        yield from _type_faults(where, schema, schemas[_COMMON])


def _type_faults(where: str, schema: pa.Schema, common: pa.Schema | duckdb.Error) -> Iterator[Fault]:
    if isinstance(common, duckdb.Error):
        raise common
    for column in COMMON_COLUMNS:
        if column.name in schema.names and (met := schema.field(column.name).type) != common.field(column.name).type:
            yield Fault(where, f"{column.name} is {column.type} in every table, not {met}: write …::{column.type}")
