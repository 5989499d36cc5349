"""The history of each board: one row, into which its reads are folded as they come."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any, TypeVar

from sqlalchemy import Connection, bindparam, func, insert, select, update

from scraper.core.board_history import BoardHistory, BoardRead, history_of
from scraper.io.state.row_locks import lock_the_rest
from scraper.io.state.schema import boards

T = TypeVar("T")

IDS_IN_A_STATEMENT = 500

_MICROSECOND = timedelta(microseconds=1)


def board_histories(connection: Connection, walk_ids: Sequence[str]) -> dict[str, BoardHistory]:
    """Return the history of each of these boards that was ever read."""
    return {
        row.walk_id: _history(row)
        for some in chunks(walk_ids)
        for row in connection.execute(select(boards).where(boards.c.walk_id.in_(some)))
    }


def longest_still(connection: Connection, endpoint: str) -> timedelta:
    """Return the longest standstill of any board of the endpoint that has ended."""
    longest = select(func.max(boards.c.longest_still_us)).where(boards.c.endpoint == endpoint)
    return (connection.execute(longest).scalar_one() or 0) * _MICROSECOND


def note_reads(connection: Connection, reads: Sequence[BoardRead]) -> None:
    """Fold reads into the histories; one that is there already changes nothing."""
    lock_the_rest(connection)
    known = board_histories(connection, [read.walk_id for read in reads])
    new: list[dict[str, Any]] = []
    changed: list[dict[str, Any]] = []
    for read in reads:
        history = known.get(read.walk_id)
        values = {"walk_id": read.walk_id, "endpoint": read.endpoint, **_values(read, history)}
        (new if history is None else changed).append(values)
    if new:
        connection.execute(insert(boards), new)
    if changed:
        renamed = [{**values, "known_id": values.pop("walk_id")} for values in changed]
        connection.execute(update(boards).where(boards.c.walk_id == bindparam("known_id")), renamed)


def _history(row: Any) -> BoardHistory:  # noqa: ANN401 - a row of boards
    return BoardHistory(
        read_at=row.read_at,
        reads=row.reads,
        filled=row.filled,
        usual=tuple(int(rows) for rows in row.usual.split(",") if rows),
        digest=row.digest,
        still_since=row.still_since,
        still_reads=row.still_reads,
        longest_still=row.longest_still_us * _MICROSECOND,
        changes=row.changes,
    )


def _values(read: BoardRead, history: BoardHistory | None) -> dict[str, Any]:
    folded = history_of(read) if history is None else history.after(read)
    return {
        "read_at": folded.read_at,
        "reads": folded.reads,
        "filled": folded.filled,
        "usual": ",".join(map(str, folded.usual)),
        "digest": folded.digest,
        "still_since": folded.still_since,
        "still_reads": folded.still_reads,
        "longest_still_us": folded.longest_still // _MICROSECOND,
        "changes": folded.changes,
    }


def chunks(values: Sequence[T]) -> Iterator[Sequence[T]]:
    """Yield so many at a time as one statement takes."""
    for start in range(0, len(values), IDS_IN_A_STATEMENT):
        yield values[start : start + IDS_IN_A_STATEMENT]
