"""Disk space reserved during a run, so that paid answers in flight can still be written to a disk that fills up.

A file of zeros, deleted when the database first meets a full disk; from then on no more credits are reserved.
"""

from __future__ import annotations

from pathlib import Path

from scraper.core.errors import StateError
from scraper.io.posix import allocate

SIZE_BYTES = 32 * 2**20
"""Room for about a hundred of the largest pages seen, compressed, in both the log and the database."""


class Headroom:
    """The file, created before a run's first reservation and deleted at its end."""

    def __init__(self, path: Path, size_bytes: int = SIZE_BYTES) -> None:
        self._path = path
        self._size_bytes = size_bytes

    def claim(self) -> None:
        try:
            with self._path.open("wb") as file:
                allocate(file.fileno(), self._size_bytes)
        except OSError as failure:
            self.release()
            raise StateError(
                f"{self._path.parent} has no {self._size_bytes // 2**20} MiB to spare ({failure.strerror}): a run "
                "keeps so much back for answers in flight. Nothing was spent; free some space."
            ) from failure

    def release(self) -> bool:
        try:
            self._path.unlink()
        except OSError:
            return False
        return True
