"""The archive's files as the state knows them, and the journals of what is done to them, on one connection."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import Connection, Row, delete, insert, select, update

from scraper.core.compaction import Merge, merges
from scraper.io.state.schema import compactions, parts
from scraper.ports import Compaction, Part


def noted(connection: Connection, partition: str | None = None) -> list[Part]:
    """Every file of the archive, or of one partition of all tables."""
    query = select(parts).order_by(parts.c.path)
    if partition is not None:
        query = query.where(parts.c.path.contains(f"/{partition}/", autoescape=True))
    return [
        Part(row.table_name, row.path, row.rows, row.size_bytes, row.select_hash) for row in connection.execute(query)
    ]


def note(connection: Connection, found: Sequence[Part]) -> None:
    """Files that are in the archive now; a file made anew replaces its note."""
    forget(connection, [part.path for part in found])
    for part in found:
        connection.execute(
            insert(parts).values(
                path=part.path,
                table_name=part.table,
                rows=part.rows,
                size_bytes=part.size_bytes,
                select_hash=part.select_hash,
            )
        )


def forget(connection: Connection, paths: Sequence[str]) -> None:
    """Files that are in the archive no more."""
    for start in range(0, len(paths), 500):  # SQLite binds at most 32,766 values in a statement
        connection.execute(delete(parts).where(parts.c.path.in_(paths[start : start + 500])))


# --- compactions ------------------------------------------------------------------------------------------------------


def open_compaction(connection: Connection) -> Compaction | None:
    """The one that was neither finished nor undone."""
    row = connection.execute(select(compactions).where(compactions.c.finished_at.is_(None))).one_or_none()
    return None if row is None else _compaction(row)


def begin_compaction(
    connection: Connection, partition: str, groups: Sequence[Sequence[str]], offline: bool, opened_at: datetime
) -> Compaction:
    """Writes down what will be merged, under an id that no other compaction ever had."""
    new = insert(compactions).values(partition=partition, merges="", offline=offline, opened_at=opened_at)
    compaction_id = connection.execute(new.returning(compactions.c.compaction_id)).scalar_one()
    tables: dict[str, list[str]] = {}
    for part in noted(connection, partition):
        tables.setdefault(part.table, []).append(part.name)
    planned = merges(compaction_id, groups, tables)
    text = orjson.dumps({table: [asdict(merge) for merge in each] for table, each in planned.items()}).decode()
    connection.execute(_of(compaction_id).values(merges=text))
    return Compaction(compaction_id, partition, planned, offline)


def note_built(connection: Connection, compaction: Compaction, built: Sequence[Part]) -> Compaction:
    """From now on it is finished, not undone."""
    text = orjson.dumps([asdict(part) for part in built]).decode()
    connection.execute(_of(compaction.compaction_id).values(built=text))
    return replace(compaction, built=tuple(built))


def finish_compaction(connection: Connection, compaction: Compaction, finished_at: datetime) -> None:
    """The new parts stand in the place of the old ones."""
    for table, each in compaction.merges.items():
        gone = [f"{table}/{compaction.partition}/{source}" for merge in each for source in merge.sources]
        forget(connection, gone)
    note(connection, compaction.built or ())
    connection.execute(_of(compaction.compaction_id).values(finished_at=finished_at))


def undo_compaction(connection: Connection, compaction: Compaction, finished_at: datetime) -> None:
    """Its row stays, so that its id is not given again."""
    connection.execute(_of(compaction.compaction_id).values(finished_at=finished_at, built=None))


def _of(compaction_id: int) -> Any:  # noqa: ANN401 - SQLAlchemy's Update has no name of its own to rely on
    return update(compactions).where(compactions.c.compaction_id == compaction_id)


def _compaction(row: Row[Any]) -> Compaction:
    planned = orjson.loads(row.merges)
    return Compaction(
        compaction_id=row.compaction_id,
        partition=row.partition,
        merges={
            table: tuple(Merge(merge["target"], tuple(merge["sources"])) for merge in each)
            for table, each in planned.items()
        },
        offline=row.offline,
        built=None if row.built is None else tuple(Part(**part) for part in orjson.loads(row.built)),
    )
