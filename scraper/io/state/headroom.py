"""Space kept back while a run is under way: on a disk that fills, what is paid for and in flight can still be written.

A file of zeros that is given up when the database first meets a full disk. From then on nothing new is reserved.
"""

from __future__ import annotations

from pathlib import Path

from scraper.core.errors import StateError
from scraper.io.posix import allocate

SIZE_BYTES = 32 * 2**20
"""Twice over (log and database) room for some hundred of the largest pages seen, compressed."""


class Headroom:
    """The file, claimed before a run's first reservation and freed at its end."""

    def __init__(self, path: Path, size_bytes: int = SIZE_BYTES) -> None:
        self._path = path
        self._size_bytes = size_bytes

    def claim(self) -> None:
        """Takes the space; StateError where it is not there."""
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
        """Gives the space back; False where there was none to give."""
        try:
            self._path.unlink()
        except OSError:
            return False
        return True
