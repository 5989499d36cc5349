"""Files of the archive: written durably beside it, then renamed in atomically."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from concurrent.futures import Executor, Future
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq

from scraper.io.archive.disk import Disk, checksum, make_directories, remove_files

__all__ = [
    "HASH_KEY",
    "ROW_GROUP_ROWS",
    "Disk",
    "PartWriter",
    "checksum",
    "make_directories",
    "open_part",
    "read_columns",
    "remove_files",
    "stored_hash",
]

HASH_KEY: Final = b"scraper.select_hash"
"""Key of each part's Parquet metadata that has `Part.select_hash`."""

ROW_GROUP_ROWS: Final = 5_000
"""Groups of 100 rows cost 57 % more bytes (measured)."""

ZSTD_LEVEL: Final = 1
"""Level 3 takes twice the time, and gave 4 to 9 % larger files of answers full of signed URLs (measured)."""

ROW_GROUP_BYTES: Final = 8 * 2**20
"""A group is closed at this size whatever its rows, so that pages of 700 KB do not accumulate in memory: merging took
50 MB less than with groups of 32 MiB, and no more time (measured)."""

READ_BYTES: Final = 1 << 16
"""Bytes of a column that are read at a time."""


class PartWriter:
    """A writer of one Parquet file that regroups tables of any size into row groups of a useful size.

    A group is compressed in the given thread while the next one is gathered: a third of a drain's time (measured).
    """

    def __init__(self, disk: Disk, path: Path, schema: pa.Schema, select_hash: str, thread: Executor) -> None:
        self.path = path
        self.select_hash = select_hash
        self.rows = 0
        self._disk = disk
        self._thread = thread
        self._waiting: list[pa.Table] = []
        self._waiting_rows = 0
        self._waiting_bytes = 0
        self._group: Future[None] | None = None
        self._file = disk.create(path)
        self._parquet = pq.ParquetWriter(
            self._file,
            schema.with_metadata({HASH_KEY: select_hash.encode()}),
            compression="zstd",
            compression_level=ZSTD_LEVEL,
            use_dictionary=[name for name in schema.names if name != "body"],
        )

    def add(self, rows: pa.Table) -> None:
        self.rows += rows.num_rows
        self._waiting.append(rows)
        self._waiting_rows += rows.num_rows
        self._waiting_bytes += rows.nbytes
        if self._waiting_rows >= ROW_GROUP_ROWS or self._waiting_bytes >= ROW_GROUP_BYTES:
            self._write_group()

    def close(self) -> int:
        """Write the remaining rows, flush the file to the disk and return its size in bytes."""
        self._write_group()
        self._settle_group()
        self._parquet.close()
        self._file.close()
        self._disk.sync(self.path)
        return self.path.stat().st_size

    def abandon(self) -> None:
        """Close the unfinished file."""
        for let_go in (self._settle_group, self._parquet.close, self._file.close):
            with contextlib.suppress(OSError, ValueError):
                let_go()

    def _write_group(self) -> None:
        self._settle_group()
        if self._waiting:
            group = pa.concat_tables(self._waiting)
            self._waiting, self._waiting_rows, self._waiting_bytes = [], 0, 0
            self._group = self._thread.submit(self._parquet.write_table, group, row_group_size=group.num_rows)

    def _settle_group(self) -> None:
        """Wait for the group that is being written, and raise its error: at most one is held in memory."""
        group, self._group = self._group, None
        if group is not None:
            group.result()


def open_part(path: Path) -> pq.ParquetFile:
    """Open a part for reading in little memory: by default pyarrow loads all row groups ahead."""
    return pq.ParquetFile(path, pre_buffer=False, buffer_size=READ_BYTES)


def read_columns(path: Path, names: Sequence[str]) -> pa.Table:
    """Read some columns of a part; `pyarrow.parquet.read_table` would load pyarrow's data sets, 45 MB of them."""
    with open_part(path) as part:
        return part.read(columns=list(names), use_threads=False)


def stored_hash(path: Path) -> str | None:
    """Return the hash of the SELECT that made a part; ``None`` where it is missing or unreadable."""
    try:
        metadata = pq.read_metadata(path).metadata or {}
    except (OSError, pa.ArrowInvalid):
        return None
    value = metadata.get(HASH_KEY)
    return value.decode() if value is not None else None
