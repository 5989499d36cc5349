"""A run's coverage and ledger as files of the archive, one for each table and vendor."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC
from itertools import groupby, islice
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq

from scraper.core.coverage import RUN_TABLE_HASHES, RUN_TABLES
from scraper.core.tables import Column
from scraper.io.archive.files import HASH_KEY, ROW_GROUP_ROWS, Disk, checksum, make_directories
from scraper.ports import Part, RunRow, RunRows, RunVersion

_TYPES: Final[Mapping[str, pa.DataType]] = {
    "VARCHAR": pa.string(),
    "BIGINT": pa.int64(),
    "DOUBLE": pa.float64(),
    "DATE": pa.date32(),
    "TIMESTAMP": pa.timestamp("us"),
}


def write_run_tables(disk: Disk, data: Path, run: RunVersion, rows: RunRows) -> tuple[Part, ...]:
    """Write each file durably beside the archive, then rename it in; a crash leaves a file that is swept later.

    Their names have another prefix than a drain's parts, since a job may be named like a drain's number.
    """
    parts = []
    day = run.started_at.astimezone(UTC).date().isoformat()
    make_directories(disk, data / "tmp")
    for table, columns in RUN_TABLES.items():
        digest = RUN_TABLE_HASHES[table]
        for vendor, some in groupby(rows[table], key=lambda row: str(row["endpoint"]).partition(".")[0]):
            path = f"{table}/vendor={vendor}/date={day}/run-{run.run_id}.parquet"
            beside, target = data / "tmp" / f".part-{run.run_id}.{vendor}.{table}", data / "archive" / path
            count = _write(disk, beside, some, columns, digest)
            size_bytes, written = beside.stat().st_size, checksum(beside)
            make_directories(disk, target.parent)
            disk.replace(beside, target)
            disk.sync(target.parent)
            parts.append(Part(table, path, count, size_bytes, digest, written))
    return tuple(parts)


def _write(disk: Disk, path: Path, rows: Iterator[RunRow], columns: Sequence[Column], digest: str) -> int:
    fields = [(column.name, _TYPES[column.type]) for column in columns]
    schema = pa.schema(fields, metadata={HASH_KEY: digest.encode()})
    count = 0
    with disk.create(path) as file, pq.ParquetWriter(file, schema, compression="zstd") as parquet:
        while some := list(islice(rows, ROW_GROUP_ROWS)):
            parquet.write_table(pa.table([[row[name] for row in some] for name, _ in fields], schema=schema))
            count += len(some)
    disk.sync(path)
    return count
