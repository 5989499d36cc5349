"""The database under the state, as tests see it: the only place that knows which kinds there are."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, NullPool, create_engine, inspect

from scraper.io.state import open_stores, state_url
from scraper.ports import Stores


@dataclass(frozen=True, slots=True)
class StateDatabase:
    """A database that the program opens, and that others look into."""

    url: str

    def opened(
        self, now: Callable[[], datetime], kind: str | None = "real", *, threaded: bool = True
    ) -> AbstractContextManager[Stores]:
        """The stores over it, as a process has them."""
        return open_stores(self.url, now, kind=kind, threaded=threaded)

    def rows(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        """Rows as another reader sees them."""
        with _engine(self.url).connect() as connection:
            return [tuple(row) for row in connection.exec_driver_sql(sql, values)]

    def change(self, sql: str, *values: object) -> None:
        """Does to it what the program would not."""
        with _engine(self.url).begin() as connection:
            connection.exec_driver_sql(sql, values)

    def columns(self) -> Mapping[str, set[str]]:
        """Table → its columns."""
        found = inspect(_engine(self.url))
        return {table: {column["name"] for column in found.get_columns(table)} for table in found.get_table_names()}


class SqliteDatabase(StateDatabase):
    def load(self, dump: str) -> None:
        """Fills it from the SQL of another one."""
        connection = _engine(self.url).raw_connection()
        connection.driver_connection.executescript(dump)  # type: ignore[union-attr]
        connection.close()


@lru_cache(maxsize=4)
def _engine(url: str) -> Engine:
    return create_engine(url, poolclass=NullPool)


def database_in(data: Path) -> SqliteDatabase:
    """The database of a data directory that the program has made, or will make."""
    return SqliteDatabase(state_url(data))


DATABASES: Mapping[str, Callable[[Path], StateDatabase]] = {"sqlite": database_in}
"""Kind → how to get a new one that belongs to a directory: the tests of the stores are run with each of them."""
