"""Staged parts: beside the archive until all of them are whole and durable, then renamed in."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import pyarrow as pa

from scraper.core.part_names import ENDING
from scraper.io.archive.files import Disk, PartWriter, checksum, make_directories, remove_files
from scraper.io.archive.writable import make_staging_directory
from scraper.ports import Part


@dataclass(frozen=True, slots=True)
class Staged:
    """A finished, durable file that no reader sees yet."""

    file: Path
    part: Part


class Staging:
    """The parts of one drain or of one rebuilt file, a partition at a time.

    Their names carry a dot and no ``.parquet``; what a crash leaves behind is swept by the next one, under the
    archive's lock.
    """

    def __init__(
        self,
        disk: Disk,
        data: Path,
        schemas: Mapping[str, pa.Schema],
        hashes: Mapping[str, str],
        *,
        sweeps: bool = True,
    ) -> None:
        """`sweeps`: remove the remains of a crash; False if the same operation has done so."""
        self.partition: str | None = None
        self._disk = disk
        self._root = data / "archive"
        self._directory = data / "tmp"
        self._schemas = schemas
        self._hashes = hashes
        self._name = ""
        self._thread = ThreadPoolExecutor(1, "parquet")
        self._writers: dict[str, PartWriter] = {}
        self._staged: list[Staged] = []
        make_staging_directory(disk, self._directory)
        if sweeps:
            sweep_staged(disk, data)

    def turn_to(self, partition: str, name: str) -> None:
        """Finish the current parts and start parts of this name in another partition."""
        self._end_parts()
        self.partition, self._name = partition, name

    def add(self, table: str, rows: pa.Table) -> None:
        """Add rows of one table; a table without rows gets no part."""
        if rows.num_rows == 0:
            return
        if table not in self._writers:
            file = self._directory / f".{self._name.removesuffix(ENDING)}.{os.getpid()}.{table}"
            self._writers[table] = PartWriter(self._disk, file, self._schemas[table], self._hashes[table], self._thread)
        self._writers[table].add(rows)

    def publish(self) -> tuple[Part, ...]:
        """Rename every part in, replacing any of its name, and flush the directories to the disk."""
        return publish(self._disk, self._root, self.staged())

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


def publish(disk: Disk, root: Path, staged: Sequence[Staged]) -> tuple[Part, ...]:
    """Rename parts in, replacing any of their names, and flush the directories to the disk."""
    targets = [root / each.part.path for each in staged]
    for each, target in zip(staged, targets, strict=True):
        make_directories(disk, target.parent)
        disk.replace(each.file, target)
    for directory in sorted({target.parent for target in targets}):
        disk.sync(directory)
    return tuple(each.part for each in staged)


def sweep_staged(disk: Disk, data: Path) -> None:
    """Remove the staged files that a crash has left; needs the archive's lock."""
    remove_files(disk, (data / "tmp").glob(".part-*"))
