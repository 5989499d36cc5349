"""Staged parts: beside the archive until all of them are whole and durable, then published."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Self

import pyarrow as pa

from scraper.core.part_names import ENDING
from scraper.io.archive.files import Disk, PartWriter, checksum, remove_files
from scraper.io.archive.tree import Places, Staged, make_staging_directory, sweep_staged
from scraper.ports import Part


class Staging:
    """The parts of one drain or of one rebuilt file, a partition at a time.

    Their names carry a dot and no ``.parquet``; what a crash leaves behind is swept by the next one, under the
    archive's lock.
    """

    def __init__(
        self,
        disk: Disk,
        places: Places,
        schemas: Mapping[str, pa.Schema],
        hashes: Mapping[str, str],
        *,
        sweeps: bool = True,
    ) -> None:
        """`sweeps`: remove the remains of a crash; False if the same operation has done so."""
        self.partitions: list[str] = []
        self._disk = disk
        self._directory = places.staging
        self._schemas = schemas
        self._hashes = hashes
        self._name = ""
        self._thread = ThreadPoolExecutor(1, "parquet")
        self._writers: dict[str, PartWriter] = {}
        self._staged: list[Staged] = []
        make_staging_directory(disk, self._directory)
        if sweeps:
            sweep_staged(disk, places)

    def turn_to(self, partition: str, name: str) -> None:
        """Finish the current parts and start parts of this name in another partition."""
        self._end_parts()
        self.partitions.append(partition)
        self._name = name

    def add(self, table: str, rows: pa.Table) -> None:
        """Add rows of one table; a table without rows gets no part."""
        if rows.num_rows:
            self._writer(table).add(rows)

    @property
    def partition(self) -> str | None:
        """The current partition."""
        return self.partitions[-1] if self.partitions else None

    @property
    def tables(self) -> Sequence[str]:
        """The tables that a part may belong to."""
        return tuple(self._hashes)

    def has(self, table: str) -> bool:
        """Return whether a part of the table has been begun or finished."""
        return table in self._writers or any(each.part.table == table for each in self._staged)

    def add_empty(self, table: str) -> None:
        """Begin a part of the table, which has no rows unless some are added."""
        self._writer(table)

    def staged(self) -> tuple[Staged, ...]:
        """Finish the current parts; return the files, which no reader sees yet."""
        self._end_parts()
        return tuple(self._staged)

    def discard(self) -> None:
        """Remove the staged files."""
        staged, self._staged = self._staged, []
        remove_files(self._disk, [each.file for each in staged])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, fault: type[BaseException] | None, *_: object) -> None:
        """End the thread; after an error, free the space of unfinished parts."""
        try:
            if fault is not None:
                with contextlib.suppress(OSError):
                    self._abandon()
        finally:
            self._thread.shutdown()

    def _writer(self, table: str) -> PartWriter:
        if table not in self._writers:
            stem = self._name.removesuffix(ENDING).removeprefix("part-")
            file = self._directory / f".part-{stem}.{os.getpid()}.{table}"
            self._writers[table] = PartWriter(self._disk, file, self._schemas[table], self._hashes[table], self._thread)
        return self._writers[table]

    def _abandon(self) -> None:
        for writer in self._writers.values():
            writer.abandon()
        remove_files(self._disk, [writer.path for writer in self._writers.values()])
        self.discard()

    def _end_parts(self) -> None:
        for table, writer in self._writers.items():
            size_bytes = writer.close()
            path = f"{table}/{self.partition}/{self._name}"
            part = Part(table, path, writer.rows, size_bytes, self._hashes[table], checksum(writer.path))
            self._staged.append(Staged(writer.path, part))
        self._writers = {}
