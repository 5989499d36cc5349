"""Findings of drift: counted differences between a vendor's records and what a table's SELECT reads.

`core.drift.expected` has the fields that are read, `core.drift.observe` finds the differences.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final

NEARLY_ALL: Final = 0.95
"""The least share of earlier records that a path must have been in to be reported missing."""
LEAST_BEFORE: Final = 20
"""The least number of earlier records before an absence is significant."""
CHANCE: Final = 0.001
"""The highest probability of an absence by chance at which it is reported."""


class DriftKind(StrEnum):
    """Kinds of difference between records, or whole pages, and what is read of them."""

    NEW = "new"
    """A path that no column reads."""
    MISSING = "missing"
    """A path of nearly all earlier records, and of none of this drain's."""
    TYPE = "type"
    """Another JSON type, but the same value in the column."""
    COERCED = "coerced"
    """The column contains another value: 5.7 became 6, true became 1."""
    UNFIT = "unfit"
    """The column contains null: the value did not fit."""
    WITHOUT_KEY = "without_key"
    """Records without a key column, which give no rows."""
    REPAIRED = "repaired"
    """Pages of invalid JSON that could be read after repair."""
    UNREADABLE = "unreadable"
    """Pages that no SELECT could read."""

    @property
    def of_pages(self) -> bool:
        """Counted in pages; every other kind in records."""
        return self in {DriftKind.REPAIRED, DriftKind.UNREADABLE}


@dataclass(frozen=True, slots=True)
class Finding:
    """A difference, identified within its endpoint by kind and path."""

    kind: DriftKind
    path: str
    detail: str = ""
    """In words: ``string for BIGINT``."""


@dataclass(frozen=True, slots=True)
class Found:
    """A finding in one drain."""

    finding: Finding
    count: int
    """Records with this finding, each once; or pages, if the kind is about pages."""
    request_key: str
    """Key of the first page with it."""
    first_at: datetime
    last_at: datetime
    """Times at which the first and the last such answer were received."""


@dataclass(frozen=True, slots=True)
class Presence:
    """The number of times that a path was present and not null."""

    parents: int
    """Objects that might have had it."""
    present: int

    def __add__(self, other: Presence) -> Presence:
        return Presence(self.parents + other.parents, self.present + other.present)


@dataclass(frozen=True, slots=True)
class Looked:
    """The drift of one endpoint in one drain."""

    endpoint: str
    pages: int
    records: int
    request_key: str
    """Key of one of its pages."""
    first_at: datetime
    last_at: datetime
    found: tuple[Found, ...] = ()
    presence: Mapping[str, Presence] = field(default_factory=dict)
    """Path → its presence, for all paths that the structure reads."""

    def missing(self, before: Mapping[str, Presence]) -> Iterator[Found]:
        """Yield the paths that are in no record of this drain and were in nearly all `before`.

        That is in `NEARLY_ALL` of them, and in so many that its absence here would be chance in less than `CHANCE` of
        such drains (by Laplace's rule of succession). Paths inside a missing one are not reported.
        """
        for path, now in self.presence.items():
            earlier = before.get(path, Presence(0, 0))
            if now.present or not now.parents:
                continue
            if earlier.parents < LEAST_BEFORE or earlier.present < NEARLY_ALL * earlier.parents:
                continue
            absent = 1 - (earlier.present + 1) / (earlier.parents + 2)
            if absent**now.parents < CHANCE:
                detail = f"was in {earlier.present} of {earlier.parents}"
                finding = Finding(DriftKind.MISSING, path, detail)
                yield Found(finding, now.parents, self.request_key, self.first_at, self.last_at)
