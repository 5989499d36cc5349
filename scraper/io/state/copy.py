"""Copies a whole state into an empty database, of either kind, and verifies it there before the commit."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    MetaData,
    Table,
    delete,
    func,
    insert,
    inspect,
    literal,
    not_,
    select,
    tuple_,
)
from sqlalchemy.exc import SQLAlchemyError

from scraper.core.errors import StateError, UsageError
from scraper.core.events import RunStatus
from scraper.io.state.database import Backend, Database
from scraper.io.state.schema import COMMITS, NUL, REPLACEMENT, Instant, meta, metadata, runs
from scraper.io.state.sequences import count_on

ROWS_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class TableSummary:
    """The contents of a table, independent of the order of its rows."""

    table: str
    rows: int
    sum: int
    """The sum of all integers."""
    digest: str
    """A checksum of all values."""


def copy(source: Backend, target: Backend, now: datetime) -> list[TableSummary]:
    """Copy a whole state; return a summary of each table.

    Raises UsageError, with nothing changed, if the source does not exist or has a run under way, or if the target is
    not empty; StateError if the copy differs from the source.
    """
    if not source.exists():
        raise UsageError(f"there is no state in {source.name}. Nothing was changed.")
    with closing(Database(source, lambda: now, kind=None, threaded=False)) as opened, opened.writes() as reading:
        source.lock_all(reading)
        _refuse_under_way(reading, source)
        with _begun(target) as writing:
            _empty(writing, target)
            return [_copied(reading, writing, table, target) for table in metadata.sorted_tables]


@contextmanager
def _begun(target: Backend) -> Iterator[Connection]:
    """Yield a transaction on a database that may have no schema yet."""
    engine, unused = target.engines()
    try:
        with engine.begin() as connection:
            yield connection
    except SQLAlchemyError as failure:
        raise target.explained(failure) from failure
    finally:
        engine.dispose()
        unused.dispose()


def _refuse_under_way(connection: Connection, source: Backend) -> None:
    opened = select(runs.c.job).where(runs.c.status == RunStatus.OPEN.value).distinct()
    under_way = sorted(job for job in connection.execute(opened).scalars() if source.is_held(job))
    if under_way:
        raise UsageError(
            f"job {under_way[0]} is running on {source.name}. Nothing was changed; wait for its end, or stop it."
        )


def _empty(connection: Connection, target: Backend) -> None:
    """Create the tables of a target that has none, or whose tables are empty; else UsageError."""
    target.lock_schema(connection)
    there = set(inspect(connection).get_table_names())
    for table in metadata.sorted_tables:
        if table is meta or table.name not in there:
            continue
        if connection.execute(select(func.count()).select_from(table)).scalar_one():
            raise UsageError(
                f"{target.name} is not empty: its table {table.name} has rows. Nothing was changed; name an empty "
                "database."
            )
    metadata.create_all(connection)
    connection.execute(delete(meta))


def _copied(reading: Connection, writing: Connection, table: Table, target: Backend) -> TableSummary:
    plain = _plain(table)
    for some in _chunks(reading, plain):
        writing.execute(insert(plain), some)
    for column in table.primary_key:
        if column.autoincrement is True:
            count_on(writing, column)
    sent, arrived = _summary(reading, plain), _summary(writing, plain)
    if sent != arrived:
        raise StateError(
            f"the copy of table {table.name} in {target.name} differs: {sent.rows} rows with checksum "
            f"{sent.digest[:12]} became {arrived.rows} with {arrived.digest[:12]}. Nothing was changed."
        )
    return sent


def _plain(table: Table) -> Table:
    """Return the table with stored values: instants as integers."""
    columns = (
        Column(each.name, BigInteger() if isinstance(each.type, Instant) else each.type, primary_key=each.primary_key)
        for each in table.columns
    )
    return Table(table.name, MetaData(), *columns)


def _chunks(connection: Connection, table: Table) -> Iterator[Sequence[dict[str, Any]]]:
    """Yield all rows in chunks: bodies may not fit into memory."""
    key = list(table.primary_key)
    query = select(table).order_by(*key).limit(ROWS_AT_ONCE)
    if table.name == meta.name:
        query = query.where(not_(table.c.key.startswith(COMMITS, autoescape=True)))
    some = connection.execute(query).mappings().all()
    while some:
        yield [dict(row) for row in some]
        last = tuple_(*(literal(some[-1][each.name], each.type) for each in key))
        some = connection.execute(query.where(tuple_(*key) > last)).mappings().all()


def _summary(connection: Connection, table: Table) -> TableSummary:
    """Summarise a table. The order of rows does not matter: databases sort text differently."""
    rows = whole = digest = 0
    for some in _chunks(connection, table):
        for row in some:
            values = tuple(_same(value) for value in row.values())
            rows += 1
            whole += sum(value for value in values if isinstance(value, int))
            digest += int.from_bytes(hashlib.sha256(repr(values).encode()).digest())
    return TableSummary(table.name, rows, whole, f"{digest % 2**256:064x}")


def _same(value: object) -> object:
    """Return a value as both kinds of database return it."""
    if isinstance(value, str):
        return value.replace(NUL, REPLACEMENT)
    return bytes(value) if isinstance(value, (memoryview, bytearray)) else value
