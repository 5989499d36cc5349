"""Coverage and ledger of runs as files of the archive, one for each table and vendor.

A compaction gathers the files of a day in one. A run that changes afterwards is rewritten inside that file, which is
replaced atomically like any other: no reader sees the run twice, or not at all.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC
from itertools import groupby, islice
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from scraper.core.coverage import RENAMED_COLUMNS, RUN_TABLE_HASHES, RUN_TABLES
from scraper.core.part_names import is_of_runs, run_name
from scraper.io.archive.files import HASH_KEY, ROW_GROUP_ROWS, Disk, checksum, make_directories, open_part, read_columns
from scraper.io.archive.tree import Staged, Tree
from scraper.ports import Part, RunRow, RunRows, RunVersion

_TYPES: Final[Mapping[str, pa.DataType]] = {
    "VARCHAR": pa.string(),
    "BIGINT": pa.int64(),
    "DOUBLE": pa.float64(),
    "DATE": pa.date32(),
    "TIMESTAMP": pa.timestamp("us"),
}


RUN_SCHEMAS: Final[Mapping[str, pa.Schema]] = {
    table: pa.schema(
        [(column.name, _TYPES[column.type]) for column in columns],
        metadata={HASH_KEY: RUN_TABLE_HASHES[table].encode()},
    )
    for table, columns in RUN_TABLES.items()
}
"""Run table → schema of its files."""


@dataclass(frozen=True, slots=True)
class _OfRun:
    """A run's rows of one table and vendor, in a durable file beside the archive."""

    run_id: str
    directory: str
    """Where they belong, relative to the archive: ``coverage/vendor=crawlora/date=2026-11-21``."""
    file: Path


def write_run_tables(
    disk: Disk, tree: Tree, beside: Path, runs: Sequence[RunVersion], rows_of: Callable[[str], RunRows]
) -> tuple[Part, ...]:
    """Write each file durably beside the archive, then publish it; a crash leaves a file that is swept later."""
    make_directories(disk, beside)
    written = [each for run in runs for each in _written(disk, beside, run, rows_of(run.run_id))]
    with tree.together():
        return _published(disk, tree, beside, written)


def _published(disk: Disk, tree: Tree, beside: Path, written: Sequence[_OfRun]) -> tuple[Part, ...]:
    parts = list[Part]()
    for directory, some in groupby(sorted(written, key=_directory), key=_directory):
        gathered = _gathered(tree, directory)
        own, inside = list[_OfRun](), dict[str, list[_OfRun]]()
        for each in some:
            at = gathered.get(each.run_id)
            (own if at is None else inside.setdefault(at, [])).append(each)
        for each in own:
            parts += tree.publish([_staged(f"{directory}/{run_name(each.run_id)}", each.file)])
        for at, changed in inside.items():
            parts += tree.publish([_staged(at, _replaced(disk, beside, tree.local(at), changed))])
            for each in changed:
                disk.remove(each.file)
    return tuple(parts)


def _directory(of_run: _OfRun) -> str:
    return of_run.directory


def _written(disk: Disk, beside: Path, run: RunVersion, rows: RunRows) -> Iterator[_OfRun]:
    day = run.started_at.astimezone(UTC).date().isoformat()
    for table in RUN_TABLES:
        for vendor, some in groupby(rows[table], key=lambda row: str(row["endpoint"]).partition(".")[0]):
            file = beside / f".part-{run.run_id}.{vendor}.{table}"
            _write(disk, file, table, _tables(table, some))
            yield _OfRun(run.run_id, f"{table}/vendor={vendor}/date={day}", file)


def _tables(table: str, rows: Iterator[RunRow]) -> Iterator[pa.Table]:
    schema = RUN_SCHEMAS[table]
    while some := list(islice(rows, ROW_GROUP_ROWS)):
        yield pa.table([[row[name] for row in some] for name in schema.names], schema=schema)


def _write(disk: Disk, path: Path, table: str, rows: Iterator[pa.Table]) -> None:
    with disk.create(path) as file, pq.ParquetWriter(file, RUN_SCHEMAS[table], compression="zstd") as parquet:
        for some in rows:
            parquet.write_table(some)
    disk.sync(path)


def _staged(path: str, beside: Path) -> Staged:
    """Return a file as the staged part of that path."""
    table = path.partition("/")[0]
    rows, size_bytes, written = pq.read_metadata(beside).num_rows, beside.stat().st_size, checksum(beside)
    return Staged(beside, Part(table, path, rows, size_bytes, RUN_TABLE_HASHES[table], written))


# --- runs that a compaction has gathered ------------------------------------------------------------------------------


def _gathered(tree: Tree, directory: str) -> dict[str, str]:
    """Return run → the part of a directory in which a compaction has gathered it."""
    found = {}
    for path in (f"{directory}/{name}" for name in tree.names(directory) if is_of_runs(name)):
        found.update(dict.fromkeys(read_columns(tree.local(path), ["run_id"])["run_id"].unique().to_pylist(), path))
    return found


def _replaced(disk: Disk, beside: Path, gathered: Path, changed: Sequence[_OfRun]) -> Path:
    """Write a file of gathered runs with these runs as they are now; return it, durable and beside the archive."""
    table = changed[0].directory.partition("/")[0]
    file = beside / f".part-{changed[0].run_id}.gathered.{table}"
    _write(disk, file, table, _rows_now(table, gathered, changed))
    return file


def _rows_now(table: str, gathered: Path, changed: Sequence[_OfRun]) -> Iterator[pa.Table]:
    yield from _rows_of_others(table, gathered, {each.run_id for each in changed})
    for each in changed:
        yield from _rows_of_others(table, each.file, ())


def _rows_of_others(table: str, path: Path, runs: Collection[str]) -> Iterator[pa.Table]:
    """Yield the rows of all runs but these, with today's columns: the file may be of an older version."""
    schema, renamed = RUN_SCHEMAS[table], RENAMED_COLUMNS.get(table, {})
    with open_part(path) as part:
        for batch in part.iter_batches(batch_size=ROW_GROUP_ROWS, use_threads=False):
            rows = pa.Table.from_batches([batch])
            rows = rows.rename_columns([renamed.get(name, name) for name in rows.schema.names])
            if runs:
                rows = rows.filter(pc.invert(pc.is_in(rows["run_id"], pa.array(sorted(runs)))))
            columns = [
                rows[field.name].cast(field.type)
                if field.name in rows.schema.names
                else pa.nulls(rows.num_rows, field.type)
                for field in schema
            ]
            yield pa.table(columns, schema=schema)
