"""Rebuilt parts, one at a time: tasks of the worker pool for a rebuild and a deep check."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from scraper.io.archive.errors import explained
from scraper.io.archive.tree import Staged
from scraper.ports import ReadAgain

_SAFE = "No page was touched, and every part is whole."


@dataclass(frozen=True, slots=True)
class StagedPart:
    """A part that was rebuilt from one of pages, beside the archive."""

    table: str
    source: str
    """The part of pages, without its table."""
    staged: Sequence[Staged]
    """Its file; empty where the pages give no rows."""
    unreadable: Sequence[str]
    """The reason for each page that no SELECT could read."""
    without_key: int
    """Records that lack a key column."""
    read_again: Sequence[ReadAgain]

    @property
    def path(self) -> str:
        """The part's name, as in `Part.path`."""
        return f"{self.table}/{self.source}"


@dataclass(frozen=True, slots=True)
class StagePart:
    """Rebuilds the part of a table."""

    table: str
    source: str

    def perform(self, archive: Any) -> StagedPart:  # noqa: ANN401 - a ParquetArchive, which imports this module
        with explained(f"{self.table} cannot be rebuilt", safe=_SAFE):
            return archive.staged(self.table, self.source)  # type: ignore[no-any-return]


@dataclass(frozen=True, slots=True)
class ComparePart:
    """Compares the part of a table with its SELECT's present result."""

    table: str
    source: str

    def perform(self, archive: Any) -> bool:  # noqa: ANN401 - as above
        with explained(f"{self.table} cannot be compared", safe=_SAFE):
            return archive.differs(self.table, self.source)  # type: ignore[no-any-return]
