"""Statements that SQLAlchemy has compiled serve every state database of a test process.

A process of the program opens one state, a test process hundreds: compiling the same statements for each of them took a
third of the CPU of short runs. SQLAlchemy keeps what it has compiled under the engine's dialect; here those are equal.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Engine
from sqlalchemy.dialects import registry
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.engine.default import DefaultDialect

_COMPILED: dict[Any, Any] = {}


class _One(DefaultDialect):
    """A dialect that is equal to every other of its kind."""

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self)

    def __hash__(self) -> int:
        return hash(type(self))

    @classmethod
    def engine_created(cls, engine: Engine) -> None:
        """SQLAlchemy's hook for dialects: see `Dialect.engine_created`."""
        engine.update_execution_options(compiled_cache=_COMPILED)


class OneSqlite(_One, SQLiteDialect_pysqlite):
    """SQLite as SQLAlchemy speaks it."""

    supports_statement_cache = True


class OnePostgres(_One, PGDialect_psycopg):
    """PostgreSQL as SQLAlchemy speaks it with psycopg; the tests have servers of one version."""

    supports_statement_cache = True


def share() -> None:
    """From now on, in this process."""
    registry.register("sqlite", __name__, OneSqlite.__name__)
    registry.register("postgresql.psycopg", __name__, OnePostgres.__name__)
