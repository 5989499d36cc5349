"""Statements of one transaction that are sent to a PostgreSQL server together.

A round trip costs more than most statements, and an account stays locked meanwhile. Here a statement whose result
nobody needs (execution option `queued`) is sent with the next one whose result is read, or with the commit, which then
raises its failure.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any, TypeAlias

from psycopg import Connection, Cursor, Error, Pipeline
from psycopg.rows import RowFactory, TupleRow
from psycopg.sql import Literal
from psycopg.types.string import StrDumperUnknown
from sqlalchemy import Connection as SqlConnection
from sqlalchemy import Engine, event
from sqlalchemy.exc import DBAPIError

from scraper.io.state.schema import NUL, REPLACEMENT

_Opened: TypeAlias = "Connection[Any]"
_KEPT = "pipeline"


def _settle_numpy() -> None:
    """Let psycopg look for numpy now: it does so once, and fails on the ``None`` that `cli.main` puts in its place."""
    if sys.modules.get("numpy", ...) is None:
        del sys.modules["numpy"]
        try:
            Literal(0).as_string()
        finally:
            sys.modules["numpy"] = None  # type: ignore[assignment]


_settle_numpy()


class QueueingCursor(Cursor[Any]):
    """A cursor of a connection that is always in pipeline mode."""

    def __init__(self, pipeline: Pipeline, connection: _Opened, *, row_factory: RowFactory[Any] | None = None) -> None:
        super().__init__(connection, **({} if row_factory is None else {"row_factory": row_factory}))
        self._together = pipeline
        self.queued = False

    def execute(self, query: Any, params: Any = None, **options: Any) -> QueueingCursor:  # noqa: ANN401 - psycopg's own
        super().execute(query, params, **options)
        if not self.queued:
            self._together.sync()
        return self


class _TextDumper(StrDumperUnknown):
    """Dumps text without NUL, which PostgreSQL refuses and a vendor's answer may contain."""

    def dump(self, obj: str) -> Any:  # noqa: ANN401 - as psycopg has it
        return super().dump(obj.replace(NUL, REPLACEMENT) if NUL in obj else obj)


def take_any_text(connection: _Opened) -> None:
    """Accept text that PostgreSQL would refuse: a vendor's wording must not keep its answer from being stored."""
    connection.adapters.register_dumper(str, _TextDumper)


def use_pipelines(engine: Engine) -> None:
    """Let each connection of an engine queue statements, if the driver supports it."""
    if Pipeline.is_supported():
        event.listen(engine, "connect", _enter)
        event.listen(engine, "close", _leave)
        event.listen(engine, "before_cursor_execute", _note_queued)


def _enter(connection: _Opened, record: Any) -> None:  # noqa: ANN401 - the pool's record
    opened = connection.pipeline()
    pipeline = opened.__enter__()
    record.info[_KEPT] = opened

    def cursor(connection: _Opened, row_factory: RowFactory[TupleRow] | None = None) -> QueueingCursor:
        return QueueingCursor(pipeline, connection, row_factory=row_factory)

    connection.cursor_factory = cursor  # type: ignore[assignment]  # called like a class


def _leave(_connection: _Opened, record: Any) -> None:  # noqa: ANN401
    with suppress(Error):  # the connection is gone
        record.info.pop(_KEPT).__exit__(None, None, None)


def ahead(connection: SqlConnection, statement: str, parameters: Sequence[Any]) -> Iterator[tuple[Any, ...]]:
    """Queue a SELECT; return its rows, which are available once another statement has been answered."""
    cursor: Any = connection.connection.cursor()
    if isinstance(cursor, QueueingCursor):
        cursor.queued = True
    try:
        cursor.execute(statement, parameters)
    except Error as failure:
        raise DBAPIError.instance(statement, (), failure, Error, connection_invalidated=True) from failure
    return _rows_of(cursor)


def _rows_of(cursor: Any) -> Iterator[tuple[Any, ...]]:  # noqa: ANN401 - of psycopg
    """Yield rows lazily: calling this does not fetch any."""
    yield from cursor


def _note_queued(
    _connection: object,
    cursor: QueueingCursor,
    _statement: str,
    _parameters: object,
    context: Any,  # noqa: ANN401 - SQLAlchemy's own
    _many: bool,
) -> None:
    cursor.queued = bool(context.execution_options.get("queued"))
