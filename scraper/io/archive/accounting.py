"""Coverage and ledger of a run as files of the archive, one a table and vendor, written whole."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC
from hashlib import sha256
from itertools import groupby
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq

from scraper.core.accounting import ACCOUNT_COLUMNS
from scraper.core.tables import Column, empty_relation
from scraper.io.archive.files import HASH_KEY, Disk, make_directories
from scraper.ports import AccountRow, Part, RunAccount

_TYPES: Final[Mapping[str, pa.DataType]] = {
    "VARCHAR": pa.string(),
    "BIGINT": pa.int64(),
    "DATE": pa.date32(),
    "TIMESTAMP": pa.timestamp("us"),
}


def write_account(disk: Disk, data: Path, account: RunAccount) -> tuple[Part, ...]:
    """Each file is whole and durable beside the archive before it takes its place; a crash leaves it to be swept."""
    parts = []
    day = account.started_at.astimezone(UTC).date().isoformat()
    make_directories(disk, data / "tmp")
    for table, columns in ACCOUNT_COLUMNS.items():
        for vendor, rows in _by_vendor(account.rows[table]):
            path = f"{table}/vendor={vendor}/date={day}/part-{account.run_id}.parquet"
            beside, target = data / "tmp" / f".part-{account.run_id}.{vendor}.{table}", data / "archive" / path
            digest = sha256(empty_relation(columns).encode()).hexdigest()[:16]
            _write(disk, beside, rows, columns, digest)
            size_bytes = beside.stat().st_size
            make_directories(disk, target.parent)
            disk.replace(beside, target)
            disk.sync(target.parent)
            parts.append(Part(table, path, len(rows), size_bytes, digest))
    return tuple(parts)


def _by_vendor(rows: Sequence[AccountRow]) -> Iterator[tuple[str, list[AccountRow]]]:
    def vendor(row: AccountRow) -> str:
        return str(row["endpoint"]).partition(".")[0]

    for name, some in groupby(sorted(rows, key=vendor), key=vendor):
        yield name, list(some)


def _write(disk: Disk, path: Path, rows: Sequence[AccountRow], columns: Sequence[Column], digest: str) -> None:
    schema = pa.schema([(column.name, _TYPES[column.type]) for column in columns])
    table = pa.table([[row[column.name] for row in rows] for column in columns], schema=schema)
    with disk.create(path) as file:
        pq.write_table(table.replace_schema_metadata({HASH_KEY: digest.encode()}), file, compression="zstd")
    disk.sync(path)
