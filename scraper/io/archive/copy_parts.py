"""Copies a whole archive: from a directory into a bucket, back, or between two of a kind.

Parts are copied first, then the notes, the archive's identity last: an interrupted copy has none, and the same command
resumes it. A part that is there already with the same checksum is not copied again.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Final

from scraper.core.catalogue import Catalogue
from scraper.core.errors import ArchiveError, UsageError
from scraper.io.archive.adopt import ParquetLedger
from scraper.io.archive.disk import Disk, checksum, make_directories
from scraper.io.archive.errors import explained
from scraper.io.archive.identity import IDENTITY, read_identity
from scraper.io.archive.lock import locked
from scraper.io.archive.tree import Places, Staged, Tree, refuse_unless_writable, sweep_staged

AT_A_TIME: Final = 64
"""Parts published in one step; that many copies lie beside the archive at a time."""


@dataclass(frozen=True, slots=True)
class CopiedArchive:
    """The verified contents of a copy."""

    parts: int
    copied: int
    """Parts that were not there yet."""
    rows: int
    size_bytes: int


def copy_archive(source: Tree, target: Tree, places: Places, into: Places) -> CopiedArchive:
    """Copy a whole archive, under its lock; `places` are those of the source, `into` those of the target.

    UsageError if the target has another archive, or parts that this one lacks; ArchiveError if a part or a disk fails:
    parts copied until then stay, and the source is unchanged.
    """
    disk, safe = Disk(), "The archive that is copied is unchanged."
    refuse_unless_writable(target)
    with locked(disk, places), explained("the archive cannot be copied", safe=safe):
        source.refresh()
        target.refresh()
        paths = source.paths()
        _refuse_others(source, target, set(paths))
        sweep_staged(disk, into)
        ledger, copied = ParquetLedger(source, Catalogue()), 0
        todo = (path for path in paths if not (target.exists(path) and target.checksum(path) == source.checksum(path)))
        for some in _batches(todo):
            target.publish([_staged(source, ledger, path, number, into.staging) for number, path in enumerate(some)])
            copied += len(some)
        for name in sorted(source.notes(), key=lambda name: name == IDENTITY):
            if (content := source.note(name)) is not None:
                target.write_note(name, content)
        return _verified(source, target, ledger, paths, copied)


def _refuse_others(source: Tree, target: Tree, ours: set[str]) -> None:
    ours_is, theirs_is = read_identity(source), read_identity(target)
    strange = set(target.paths()) - ours
    other = theirs_is is not None and (ours_is is None or theirs_is[0].archive_id != ours_is[0].archive_id)
    if other or strange:
        has = "another archive" if other else f"parts that this archive lacks, such as {min(strange)}"
        raise UsageError(
            f"{target.place} has {has}. Nothing was changed; name an empty place, or one with an interrupted copy of "
            "this archive."
        )


def _batches(paths: Iterator[str]) -> Iterator[Sequence[str]]:
    while some := list(islice(paths, AT_A_TIME)):
        yield some


def _staged(source: Tree, ledger: ParquetLedger, path: str, number: int, directory: Path) -> Staged:
    """Return a copy of a part's file, ready to be published."""
    disk, file = Disk(), directory / f".part-copy.{number}"
    make_directories(disk, directory)
    shutil.copyfile(source.local(path), file)
    disk.sync(file)
    part = ledger.part(path)
    if checksum(file) != part.checksum:
        raise ArchiveError(f"{path} changed while it was being copied. Run the same command again.")
    return Staged(file, part)


def _verified(source: Tree, target: Tree, ledger: ParquetLedger, paths: Sequence[str], copied: int) -> CopiedArchive:
    """Compare the copy with its source, part by part."""
    if there := sorted(set(target.paths()) ^ set(paths)):
        raise ArchiveError(f"the copy is incomplete: {there[0]} is on one side only. Run the same command again.")
    for path in paths:
        if target.checksum(path) != source.checksum(path):
            raise ArchiveError(f"{target.place}/{path} is not what was copied. Run the same command again.")
    rows = sum(ledger.part(path).rows for path in paths)
    return CopiedArchive(len(paths), copied, rows, sum(source.size_bytes(path) for path in paths))
