"""The sequences with which PostgreSQL numbers rows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy import Column, Connection, text


def count_on(connection: Connection, column: Column[Any]) -> None:
    """Advance a column's sequence past its highest value, as SQLite does by itself."""
    if connection.dialect.name == "sqlite":
        return
    table = column.table.name
    connection.execute(
        text(
            f"SELECT setval(pg_get_serial_sequence('{table}', '{column.name}'), "  # noqa: S608 - names of the schema
            f"(SELECT coalesce(max({column.name}), 0) + 1 FROM {table}), false)"
        )
    )


def numbers_ahead(connection: Connection, column: Column[Any], most: int) -> Iterator[int] | None:
    """Return `most` numbers for new rows, available after the next statement; ``None``: they follow the last row's.

    Rows whose numbers are known can be inserted together and without waiting for an answer. Unused numbers are lost.
    """
    if connection.dialect.name == "sqlite":
        return None
    from scraper.io.state.pipeline import ahead  # noqa: PLC0415 - needs the driver

    found = ahead(connection, _NUMBERS, (column.table.name, column.name, most))
    return (number for (number,) in found)


_NUMBERS = "SELECT nextval(pg_get_serial_sequence(%s, %s)) FROM generate_series(1, %s)"
