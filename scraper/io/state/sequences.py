"""Numbers of rows, where a database counts them apart from the rows: PostgreSQL does."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy import Column, Connection, text


def count_on(connection: Connection, column: Column[Any]) -> None:
    """Let the next row that gets its number from the database get one above all others. SQLite does so by itself."""
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
    """Return so many numbers for new rows, to be used after the next statement; ``None``: they follow the last row's.

    With numbers of their own, rows can be inserted together and without waiting for an answer. Numbers that are not
    used are lost.
    """
    if connection.dialect.name == "sqlite":
        return None
    from scraper.io.state.pipeline import ahead  # noqa: PLC0415 - needs the driver

    found = ahead(connection, _NUMBERS, (column.table.name, column.name, most))
    return (number for (number,) in found)


_NUMBERS = "SELECT nextval(pg_get_serial_sequence(%s, %s)) FROM generate_series(1, %s)"
