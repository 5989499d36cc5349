"""The archive's noted parts and the journals of rebuilds and compactions, on one connection."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import Connection, Row, delete, func, insert, select, update

from scraper.core.compact import Merge, merges
from scraper.core.part_names import compacted_by
from scraper.core.tables import PAGES_TABLE
from scraper.io.state.identity import epoch_token
from scraper.io.state.row_locks import lock_the_rest
from scraper.io.state.schema import compactions, parts, rebuilds
from scraper.ports import Compaction, Part, Written


def parts_noted(connection: Connection, partition: str | None = None) -> list[Part]:
    query = select(parts).order_by(parts.c.path)
    if partition is not None:
        query = query.where(parts.c.path.contains(f"/{partition}/", autoescape=True))
    return [
        Part(row.table_name, row.path, row.rows, row.size_bytes, row.select_hash, row.checksum)
        for row in connection.execute(query)
    ]


def note_parts(connection: Connection, found: Sequence[Part]) -> None:
    lock_the_rest(connection)
    forget(connection, [part.path for part in found])
    for part in found:
        connection.execute(
            insert(parts).values(
                path=part.path,
                table_name=part.table,
                rows=part.rows,
                size_bytes=part.size_bytes,
                select_hash=part.select_hash,
                checksum=part.checksum,
            )
        )


def forget(connection: Connection, paths: Sequence[str]) -> None:
    for start in range(0, len(paths), 500):  # SQLite binds at most 32,766 values in a statement
        connection.execute(delete(parts).where(parts.c.path.in_(paths[start : start + 500])))


def select_hashes(connection: Connection) -> Mapping[str, frozenset[str]]:
    found: dict[str, set[str]] = {}
    for table, select_hash in connection.execute(select(parts.c.table_name, parts.c.select_hash).distinct()):
        found.setdefault(table, set()).add(select_hash)
    return {table: frozenset(hashes) for table, hashes in found.items()}


# --- rebuilds ---------------------------------------------------------------------------------------------------------


def begin_rebuild(connection: Connection, sources: Mapping[str, Sequence[str]], opened_at: datetime) -> None:
    lock_the_rest(connection)
    for table, paths in sources.items():
        drop_rebuild(connection, table)
        rows = [{"table_name": table, "source": path, "opened_at": opened_at} for path in paths]
        if rows:
            connection.execute(insert(rebuilds), rows)


def open_rebuild(connection: Connection) -> dict[str, list[str]]:
    left: dict[str, list[str]] = {}
    query = select(rebuilds.c.table_name, rebuilds.c.source).order_by(rebuilds.c.table_name, rebuilds.c.source)
    for table, source in connection.execute(query):
        left.setdefault(table, []).append(source)
    return left


def note_rebuilt(connection: Connection, table: str, sources: Sequence[str], written: Written) -> None:
    forget(connection, written.gone)
    note_parts(connection, written.parts)
    for start in range(0, len(sources), 500):
        some = rebuilds.c.source.in_(sources[start : start + 500])
        connection.execute(delete(rebuilds).where(rebuilds.c.table_name == table, some))


def drop_rebuild(connection: Connection, table: str) -> None:
    connection.execute(delete(rebuilds).where(rebuilds.c.table_name == table))


def note_select(connection: Connection, table: str, select_hash: str) -> None:
    connection.execute(update(parts).where(parts.c.table_name == table).values(select_hash=select_hash))


# --- compactions ------------------------------------------------------------------------------------------------------


def open_compaction(connection: Connection) -> Compaction | None:
    row = connection.execute(select(compactions).where(compactions.c.finished_at.is_(None))).one_or_none()
    return None if row is None else _compaction(row)


def begin_compaction(
    connection: Connection,
    partition: str,
    groups: Sequence[Sequence[str]],
    runs: Mapping[str, Sequence[str]],
    offline: bool,
    opened_at: datetime,
) -> Compaction:
    """Begin a compaction under an id that no compaction ever had, and no part of the partition.

    The counter of a lost or restored state starts over.
    """
    lock_the_rest(connection)
    tables: dict[str, list[str]] = {}
    for part in parts_noted(connection, partition):
        tables.setdefault(part.table, []).append(part.name)
    last = connection.execute(select(func.coalesce(func.max(compactions.c.compaction_id), 0))).scalar_one()
    compaction_id = 1 + max([last, *(compacted_by(name) for names in tables.values() for name in names)])
    connection.execute(
        insert(compactions).values(
            compaction_id=compaction_id, partition=partition, merges="", offline=offline, opened_at=opened_at
        )
    )
    planned = merges(compaction_id, groups, tables, runs, epoch_token(connection))
    text = orjson.dumps({table: [asdict(merge) for merge in each] for table, each in planned.items()}).decode()
    connection.execute(_of(compaction_id).values(merges=text))
    return Compaction(compaction_id, partition, planned, offline)


def note_built(connection: Connection, compaction: Compaction, built: Sequence[Part]) -> Compaction:
    text = orjson.dumps([asdict(part) for part in built]).decode()
    connection.execute(_of(compaction.compaction_id).values(built=text))
    return replace(compaction, built=tuple(built))


def finish_compaction(connection: Connection, compaction: Compaction, finished_at: datetime) -> None:
    for table, each in compaction.merges.items():
        gone = [f"{table}/{compaction.partition}/{source}" for merge in each for source in merge.sources]
        forget(connection, gone)
    note_parts(connection, compaction.built or ())
    for merge in compaction.merges.get(PAGES_TABLE, ()):
        _rename_in_rebuilds(connection, compaction.partition, merge)
    connection.execute(_of(compaction.compaction_id).values(finished_at=finished_at))


def _rename_in_rebuilds(connection: Connection, partition: str, merge: Merge) -> None:
    """Let a rebuild that another job directory left open resume with the merged part."""
    here = rebuilds.c.source.in_([f"{partition}/{source}" for source in merge.sources])
    opened = select(rebuilds.c.table_name, func.min(rebuilds.c.opened_at).label("opened_at")).where(here)
    rows = connection.execute(opened.group_by(rebuilds.c.table_name)).mappings().all()
    connection.execute(delete(rebuilds).where(here))
    for row in rows:
        connection.execute(insert(rebuilds).values(**row, source=f"{partition}/{merge.target}"))


def undo_compaction(connection: Connection, compaction: Compaction, finished_at: datetime) -> None:
    connection.execute(_of(compaction.compaction_id).values(finished_at=finished_at, built=None))


def _of(compaction_id: int) -> Any:  # noqa: ANN401 - SQLAlchemy's Update
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
