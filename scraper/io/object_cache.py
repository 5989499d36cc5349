"""A local cache of an archive's objects, for everything that reads their bytes: queries, exports, compactions.

An object never changes, so neither does its file, and each is fetched once; writers leave their uploads here. A file
appears whole and verified, even if several processes fetch it at once. The directory may be deleted at any time; above
`MOST_BYTES` the least recently used files are removed.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import threading
from collections.abc import Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from scraper.core.part_names import ENDING
from scraper.io.manifest import ManifestPart
from scraper.io.objects import ObjectMissingError, Objects

OBJECTS: Final = "cache/objects"
"""Directory of the cache in the data directory, with the objects' own paths."""

MOST_BYTES: Final = 8 * 2**30
"""Years of tables, and some months of pages."""

FETCHES: Final = 8
"""Objects fetched in parallel: a night is a dozen small ones, dominated by latency."""

_IN_USE_S: Final = 900
"""A file used within this time of the last use stays: a query may be about to open it."""

_FETCHED: Final = ".fetched-"
_LEFT_OVER_S: Final = 86_400


class ObjectCache:
    """The local files of one archive's objects."""

    def __init__(self, objects: Objects, data: Path, most_bytes: int = MOST_BYTES) -> None:
        self._objects = objects
        self.directory = data / OBJECTS
        self._most_bytes = most_bytes

    def path(self, part: ManifestPart) -> Path:
        """Return the path of a part's file, which need not exist."""
        return self.directory / part.path

    def missing(self, parts: Sequence[ManifestPart]) -> Sequence[ManifestPart]:
        """Return the parts that are not cached; mark the others as used."""
        return [part for part in parts if not self._is_there(part)]

    def fetch_all(self, parts: Sequence[ManifestPart]) -> None:
        """Fetch parts, several at once. See `local`."""
        if parts:
            with ThreadPoolExecutor(min(len(parts), FETCHES), "fetch") as threads:
                for fetching in [threads.submit(self.fetch, part) for part in parts]:
                    fetching.result()
            self.trim()

    def local(self, part: ManifestPart) -> Path:
        """Return the file of a part, fetched and verified if it is not cached.

        OSError: the object is missing, or its checksum differs; ObjectStoreError: the store fails.
        """
        return self.path(part) if self._is_there(part) else self.fetch(part)

    def verified(self, part: ManifestPart) -> Path:
        """Like `local`, but compare a cached file with its checksum: for callers that write what they read.

        Bytes that the disk has changed would otherwise be merged, and listed in place of sound ones.
        """
        return file if self._is_there(part) and _digest(file := self.path(part)) == part.checksum else self.fetch(part)

    def _is_there(self, part: ManifestPart) -> bool:
        """Return whether a part's file is there and whole; mark it as used."""
        file = self.path(part)
        try:
            whole = file.stat().st_size == part.size_bytes
            with contextlib.suppress(PermissionError):  # of another user, who lets us read
                os.utime(file)
        except FileNotFoundError:
            return False
        return whole

    def fetch(self, part: ManifestPart) -> Path:
        """Fetch a part even if it is cached; return its file. Raises the errors of `local`."""
        file = self.path(part)
        fetched = self.directory / f"{_FETCHED}{os.getpid()}-{threading.get_ident()}"
        try:
            self._objects.fetch(part.path, fetched)
            if _digest(fetched) != part.checksum:
                raise OSError(errno.EIO, "its object is damaged: the checksum differs", self._named(part))
            file.parent.mkdir(parents=True, exist_ok=True)
            fetched.replace(file)
        except ObjectMissingError:
            raise FileNotFoundError(errno.ENOENT, "its object is missing", self._named(part)) from None
        finally:
            fetched.unlink(missing_ok=True)
        return file

    def keep(self, part: ManifestPart, file: Path) -> None:
        """Move a file that was just uploaded into the cache. If the disk refuses, a later reader fetches it."""
        target = self.path(part)
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            file.replace(target)
        except OSError:
            file.unlink(missing_ok=True)

    def prune(self, known: Collection[str]) -> None:
        """Remove the files of all objects except `known`, as other machines have replaced them; then trim."""
        there = (file.relative_to(self.directory).as_posix() for file in self.directory.rglob(f"*{ENDING}"))
        self.forget([path for path in there if path not in known])
        self.trim()

    def forget(self, paths: Collection[str]) -> None:
        """Remove the files of deleted objects."""
        for path in paths:
            with contextlib.suppress(OSError):
                (self.directory / path).unlink(missing_ok=True)

    def trim(self) -> None:
        """Remove the least recently used files until the rest fits into the limit."""
        files = sorted(self._files(self.directory), key=lambda each: each[0])
        size_bytes, last = sum(each[1] for each in files), max((each[0] for each in files), default=0.0)
        for used_at, file_bytes, path in files:
            left_over = os.path.basename(path).startswith(_FETCHED) and last - used_at > _LEFT_OVER_S  # noqa: PTH119
            if left_over or (size_bytes > self._most_bytes and last - used_at > _IN_USE_S):
                with contextlib.suppress(OSError):
                    os.unlink(path)  # noqa: PTH108 - no Path is made of thousands of entries
                    size_bytes -= file_bytes

    def _files(self, directory: Path | str) -> Iterator[tuple[float, int, str]]:
        """Yield each file's last use, size and path."""
        with contextlib.suppress(FileNotFoundError), os.scandir(directory) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    yield from self._files(entry.path)
                else:
                    with contextlib.suppress(FileNotFoundError):
                        yield entry.stat().st_mtime, entry.stat().st_size, entry.path

    def _named(self, part: ManifestPart) -> str:
        return f"{self._objects.place}/{part.path}"


def _digest(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()
