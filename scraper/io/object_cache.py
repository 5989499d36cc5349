"""Objects of an archive as local files, for all who read its bytes: queries, exports, compactions.

An object never changes, so neither does a file here, and each is fetched once: writers leave here what they have
uploaded. The directory may be deleted at any time.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
from collections.abc import Collection
from pathlib import Path
from typing import Final

from scraper.io.manifest import ManifestPart
from scraper.io.objects import ObjectMissingError, Objects

OBJECTS: Final = "cache/objects"
"""Directory of the cache in the data directory, with the objects' own paths."""


class ObjectCache:
    """The local files of one archive's objects."""

    def __init__(self, objects: Objects, data: Path) -> None:
        self._objects = objects
        self._directory = data / OBJECTS

    def path(self, part: ManifestPart) -> Path:
        """Return the file of a part, there or not."""
        return self._directory / part.path

    def local(self, part: ManifestPart) -> Path:
        """Return the file of a part, fetched and verified if it is not there.

        OSError: the object is missing, or its bytes are not those that were written; ObjectStoreError: it fails.
        """
        file = self.path(part)
        if not file.exists():
            self.fetch(part)
        return file

    def fetch(self, part: ManifestPart) -> Path:
        """Return the file of a part, fetched anew. See `local`."""
        file = self.path(part)
        try:
            self._objects.fetch(part.path, file)
        except ObjectMissingError:
            raise FileNotFoundError(errno.ENOENT, "its object is missing", self._named(part)) from None
        with file.open("rb") as content:
            sound = hashlib.file_digest(content, "sha256").hexdigest() == part.checksum
        if not sound:
            file.unlink()
            raise OSError(errno.EIO, "its object has other bytes than were written", self._named(part))
        return file

    def keep(self, part: ManifestPart, file: Path) -> None:
        """Take a local file over that has just been uploaded. A disk that refuses costs a later reader one request."""
        target = self.path(part)
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            file.replace(target)
        except OSError:
            file.unlink(missing_ok=True)

    def forget(self, paths: Collection[str]) -> None:
        """Remove the files of objects that are deleted."""
        for path in paths:
            with contextlib.suppress(OSError):
                (self._directory / path).unlink(missing_ok=True)

    def _named(self, part: ManifestPart) -> str:
        return f"{self._objects.place}/{part.path}"
