"""Steps on the archive's files and directories, each durable. Nothing here knows Parquet."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import shutil
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import IO, Final

from scraper.io import posix
from scraper.io.archive.exchange import exchange

_NO_LINKS: Final = frozenset({errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK})


class Disk:
    """Every operation on the archive's files, a method for each step, so that a test can stop after any of them."""

    guard: Callable[[], None] = staticmethod(lambda: None)
    """Called before a file is shown to readers; raises ArchiveLostError if another process may write the archive."""

    def create(self, path: Path) -> IO[bytes]:
        return path.open("wb")

    def sync(self, path: Path) -> None:
        """Flush a file, or a directory's entries, to the disk."""
        descriptor = os.open(path, os.O_RDONLY)
        try:
            posix.sync(descriptor)
        finally:
            os.close(descriptor)

    def lock(self, path: Path) -> int:
        """Wait for the lock of a file, created if missing; return the descriptor whose closing releases it."""
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            posix.lock(descriptor, wait=True)
        except BaseException:
            os.close(descriptor)
            raise
        return descriptor

    def lock_if_free(self, path: Path, patience_s: float) -> int:
        """Lock a file, or go on without the lock after a while: a lease keeps other machines away as well."""
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        ends_s = time.monotonic() + patience_s
        try:
            while not posix.lock(descriptor, wait=False) and time.monotonic() < ends_s:
                time.sleep(0.02)
        except OSError:  # this file system has no locks; none is needed
            pass
        return descriptor

    def make_directory(self, path: Path) -> None:
        path.mkdir(exist_ok=True)

    def replace(self, source: Path, target: Path) -> None:
        """Rename a file, replacing any other, or a directory to an unused name."""
        source.replace(target)

    def try_rename(self, source: Path, target: Path) -> None:
        """Rename an empty directory from one directory into the other, and remove it."""
        tried = [place / f".try-{os.getpid()}" for place in (source, target)]
        tried[0].mkdir(exist_ok=True)
        try:
            tried[0].replace(tried[1])
        finally:
            for directory in tried:
                with contextlib.suppress(FileNotFoundError):
                    directory.rmdir()

    def exchange(self, one: Path, other: Path) -> None:
        """Exchange two directories; CannotExchangeError where that is not supported."""
        exchange(one, other)

    def link(self, source: Path, target: Path) -> None:
        """Hard-link a file, or copy it where the file system has no hard links."""
        try:
            target.hardlink_to(source)
        except OSError as fault:
            if fault.errno not in _NO_LINKS:
                raise
            shutil.copyfile(source, target)

    def remove(self, path: Path) -> None:
        path.unlink(missing_ok=True)

    def remove_tree(self, path: Path) -> None:
        """Remove a directory and its contents, if it exists."""
        with contextlib.suppress(FileNotFoundError):
            shutil.rmtree(path)


def make_directories(disk: Disk, path: Path) -> None:
    """Create a directory and its parents, each flushed to the disk."""
    if path.is_dir():
        return
    make_directories(disk, path.parent)
    disk.make_directory(path)
    disk.sync(path.parent)


def remove_files(disk: Disk, paths: Iterable[Path]) -> None:
    """Remove files, and flush their directories to the disk."""
    gone = sorted(paths)
    for path in gone:
        disk.remove(path)
    for directory in sorted({path.parent for path in gone}):
        disk.sync(directory)


def checksum(path: Path) -> str:
    """Return the SHA-256 of a file, as `Part.checksum` has it."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
