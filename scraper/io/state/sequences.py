"""Numbers of rows that were inserted under numbers of their own: PostgreSQL's counters do not see them."""

from __future__ import annotations

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
