"""The merge of several sorted parts in bounded memory, and the proof that it has the same rows.

The order is the pages' (`ports.drain_order`, boards of one walk by their snapshot): a table's rows follow their pages,
as they do when the part is rebuilt.
"""

from __future__ import annotations

import atexit
import heapq
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any, Final, TypeAlias

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from scraper.io.archive.files import HASH_KEY, Disk, PartWriter, open_part, read_columns

PageOrder: TypeAlias = Mapping[tuple[str, str], int]
"""(run_id, request_key) → place."""

OPEN_AT_ONCE: Final = 32
"""Parts read in parallel, each with a batch and a data page in memory; more are merged in several rounds."""

_BATCH_ROWS: Final = 256
_BATCH_PAGES: Final = 8
"""Answers of up to 700 KB each."""
_PAGE_KEY: Final = ("run_id", "request_key")
_ORDER: Final = ("endpoint", "country", "period_days", "walk_id", "snapshot_at", "page")


def page_order(pages: Sequence[Path]) -> PageOrder:
    """Return the place of every answer among those of these parts of the raw table."""
    found: list[tuple[tuple[Any, ...], tuple[str, str]]] = []
    for path in pages:
        columns = read_columns(path, [*_ORDER, *_PAGE_KEY])
        for row in columns.to_pylist():
            by_walk = (row["endpoint"], row["country"] or "", row["period_days"] or 0, row["walk_id"])
            found.append(((*by_walk, row["snapshot_at"], row["page"]), (row["run_id"], row["request_key"])))
    found.sort()
    order: dict[tuple[str, str], int] = {}
    for _, key in found:
        order.setdefault(key, len(order))
    return order


def merge(disk: Disk, sources: Sequence[Path], target: Path, order: PageOrder | None) -> None:
    """Write the rows of all sources, which must have one schema and one hash, into one file, flushed to the disk.

    Without an order they come one source after the other.
    """
    beside = target.with_name(f".{target.name}")
    turn, waiting = 0, list(sources)
    with ThreadPoolExecutor(1, "parquet") as thread:
        while order is not None and len(waiting) > OPEN_AT_ONCE:
            some = beside.with_name(f"{beside.name}-{turn}")
            _write(disk, waiting[:OPEN_AT_ONCE], some, order, thread)
            turn, waiting = turn + 1, [*waiting[OPEN_AT_ONCE:], some]
        _write(disk, waiting, target, order, thread)
    for number in range(turn):
        disk.remove(beside.with_name(f"{beside.name}-{number}"))


def same_rows(parts: Sequence[Path], others: Sequence[Path]) -> bool:
    """Return whether the files of both have the same rows, as often, in any order.

    DuckDB reads what pyarrow wrote, so that no library verifies its own output.
    """
    with _database().cursor() as reader:
        return _fingerprint(reader, parts) == _fingerprint(reader, others)


@cache
def _database() -> duckdb.DuckDBPyConnection:
    """Open the database of this process for fingerprints: opening one takes longer than reading a small part.

    It remembers nothing of the files that it has read. A second thread is no faster here, and takes 30 MB (measured).
    """
    return duckdb.connect(
        config={"threads": 1, "memory_limit": "1GB", "temp_directory": "", "enable_external_file_cache": "false"}
    )


atexit.register(_database.cache_clear)


def _fingerprint(reader: duckdb.DuckDBPyConnection, parts: Sequence[Path]) -> tuple[int, int]:
    """Return the rows and the sum of their hashes over all columns."""
    if not parts:
        return 0, 0
    sums = "SELECT count(*), sum(hash(part)::HUGEINT) FROM read_parquet(?, hive_partitioning = false) AS part"
    [(rows, hashes)] = reader.execute(sums, [[str(path) for path in parts]]).fetchall()
    return rows, int(hashes or 0)


def _write(
    disk: Disk, sources: Sequence[Path], target: Path, order: PageOrder | None, thread: ThreadPoolExecutor
) -> None:
    schema = pq.read_schema(sources[0])
    writer = PartWriter(disk, target, schema.remove_metadata(), schema.metadata[HASH_KEY].decode(), thread)
    try:
        for rows in _one_by_one(sources) if order is None else _merged(sources, order):
            writer.add(rows)
    except BaseException:
        writer.abandon()
        raise
    writer.close()


def _one_by_one(sources: Sequence[Path]) -> Iterator[pa.Table]:
    for path in sources:
        with open_part(path) as part:
            for batch in part.iter_batches(use_threads=False):
                yield pa.Table.from_batches([batch])


def _merged(sources: Sequence[Path], order: PageOrder) -> Iterator[pa.Table]:
    runs = (_runs(path, order) for path in sources)
    for _, rows in heapq.merge(*runs, key=itemgetter(0)):
        yield rows


def _runs(path: Path, order: PageOrder) -> Iterator[tuple[int, pa.Table]]:
    """Yield a part's rows, those of one answer together, with the answer's place."""
    with open_part(path) as part:
        batch_rows = _BATCH_PAGES if "body" in part.schema_arrow.names else _BATCH_ROWS
        for batch in part.iter_batches(batch_size=batch_rows, use_threads=False):
            rows = pa.Table.from_batches([batch])
            start = 0
            for place, same in groupby(_places(rows, order)):
                length = sum(1 for _ in same)
                yield place, rows.slice(start, length)
                start += length


def _places(rows: pa.Table, order: PageOrder) -> Iterable[int]:
    """Return the place of each row; rows that name no answer, as in a user's own table, come last."""
    if not set(_PAGE_KEY) <= set(rows.schema.names):
        return [len(order)] * rows.num_rows
    keys = zip(*(rows[name].to_pylist() for name in _PAGE_KEY), strict=True)
    return [order.get(key, len(order)) for key in keys]
