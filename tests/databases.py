"""The database under the state, as tests see it: the only place that knows which kinds there are."""

from __future__ import annotations

import atexit
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, NullPool, create_engine, inspect

from scraper.io.state import open_stores, state_url
from scraper.ports import Stores
from tests.fleet.postgres_server import NOT_THERE, PostgresServerProcess, binaries, postgres_server


@dataclass(frozen=True, slots=True)
class StateDatabase:
    """A database that the program opens, and that others look into."""

    url: str

    def opened(
        self,
        now: Callable[[], datetime],
        kind: str | None = "real",
        *,
        threaded: bool = True,
        say: Callable[[str], object] = lambda _: None,
    ) -> AbstractContextManager[Stores]:
        """The stores over it, as a process has them."""
        return open_stores(self.url, now, kind=kind, threaded=threaded, say=say)

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


class PostgresDatabase(StateDatabase):
    """One of a server's few databases, emptied for whoever comes next."""

    def rows(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        return super().rows(sql.replace("?", "%s"), *values)

    def change(self, sql: str, *values: object) -> None:
        if sql.startswith(("ALTER", "DROP")):
            _SPOILED.add(self.url)
        super().change(sql.replace("?", "%s"), *values)

    def empty(self) -> None:
        """Empties it; what DELETE leaves, a counter, is set back: a test may name its first attempt."""
        with _engine(self.url).begin() as connection:
            tables = connection.exec_driver_sql("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").scalars()
            counters = connection.exec_driver_sql("SELECT sequencename FROM pg_sequences").scalars()
            emptied = [f"DELETE FROM {table}" for table in tables]
            connection.exec_driver_sql(";".join(emptied + [f"ALTER SEQUENCE {each} RESTART" for each in counters]))


DATABASES_AT_ONCE = 6
"""No test has more of them."""
_SPOILED: set[str] = set()
_GIVEN: dict[Path, PostgresDatabase] = {}


@cache
def the_server() -> PostgresServerProcess:
    """The server of this test process: started by the first test that needs it, stopped at the end."""
    if binaries() is None:
        pytest.skip(NOT_THERE)
    opened = ExitStack()
    atexit.register(opened.close)
    return opened.enter_context(postgres_server(durable=False))


def postgres_database(directory: Path) -> PostgresDatabase:
    """An empty database of the server; the same one again for the same directory."""
    if directory in _GIVEN and directory.exists():
        return _GIVEN[directory]
    if len(_GIVEN) < DATABASES_AT_ONCE:
        found = PostgresDatabase(the_server().new_database())
    else:
        found = _GIVEN.pop(next(iter(_GIVEN)))
        if found.url in _SPOILED:
            found = PostgresDatabase(the_server().new_database())
        found.empty()
    _GIVEN[directory] = found
    return found


_ENGINES: dict[str, Engine] = {}
_MOST_ENGINES = 16


def _engine(url: str) -> Engine:
    """A server's connection is kept, as it costs more than what is asked; nothing is prepared: tables may change."""
    if url not in _ENGINES:
        while len(_ENGINES) >= _MOST_ENGINES:
            _ENGINES.pop(next(iter(_ENGINES))).dispose()
        options: dict[str, Any] = {"pool_size": 1, "pool_reset_on_return": None, "isolation_level": "AUTOCOMMIT"}
        options["connect_args"] = {"prepare_threshold": None}
        _ENGINES[url] = create_engine(url, **({"poolclass": NullPool} if url.startswith("sqlite") else options))
    return _ENGINES[url]


@atexit.register
def _close_engines() -> None:
    while _ENGINES:
        _ENGINES.popitem()[1].dispose()


def database_in(data: Path) -> SqliteDatabase:
    """The database of a data directory that the program has made, or will make."""
    return SqliteDatabase(state_url(data))


DATABASES: Mapping[str, Callable[[Path], StateDatabase]] = {"sqlite": database_in, "postgresql": postgres_database}
"""Kind → how to get a new one that belongs to a directory: the tests of the stores are run with each of them."""
