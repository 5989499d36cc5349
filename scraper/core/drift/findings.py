"""Drift: where a vendor's records differ from what a table's SELECT reads of them, as counted values.

`core.drift.expected` says what is read, `core.drift.observe` looks.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final

NEARLY_ALL: Final = 0.95
"""A path that was in a smaller share of the records before is optional, and never missing."""
LEAST_BEFORE: Final = 20
"""Records of which something has to have been seen before its absence says anything."""
CHANCE: Final = 0.001
"""How likely an absence may be by chance, at most, to be told."""


class DriftKind(StrEnum):
    """How records, or whole pages, differ from what is read of them."""

    NEW = "new"
    """A path that no column reads."""
    MISSING = "missing"
    """A path that nearly all earlier records had, and none of this drain's."""
    TYPE = "type"
    """Another JSON type, and yet the same value in the column."""
    COERCED = "coerced"
    """The column holds another value: 5.7 became 6, true became 1."""
    UNFIT = "unfit"
    """The column holds null: the value did not fit."""
    WITHOUT_KEY = "without_key"
    """Records that lack a key column, and so are no rows."""
    REPAIRED = "repaired"
    """Pages that were no sound JSON and could be read after repair."""
    UNREADABLE = "unreadable"
    """Pages that no SELECT could read."""

    @property
    def of_pages(self) -> bool:
        """Counted in pages; every other kind in records."""
        return self in {DriftKind.REPAIRED, DriftKind.UNREADABLE}


@dataclass(frozen=True, slots=True)
class Finding:
    """What was met. Of one endpoint, kind and path are what it is known by."""

    kind: DriftKind
    path: str
    detail: str = ""
    """In words: ``string for BIGINT``."""


@dataclass(frozen=True, slots=True)
class Found:
    """A finding in one drain."""

    finding: Finding
    count: int
    """Records that it was met in, each once; pages, where the kind is of pages."""
    request_key: str
    """Of the first page that it was met in."""
    first_at: datetime
    last_at: datetime
    """When the first and the last such answer had been received."""


@dataclass(frozen=True, slots=True)
class Presence:
    """How often a path that is read was there, and not null."""

    parents: int
    """Objects that it might have stood in."""
    present: int

    def __add__(self, other: Presence) -> Presence:
        return Presence(self.parents + other.parents, self.present + other.present)


@dataclass(frozen=True, slots=True)
class Looked:
    """What one drain saw of one endpoint."""

    endpoint: str
    pages: int
    records: int
    request_key: str
    """Of one of its pages."""
    first_at: datetime
    last_at: datetime
    found: tuple[Found, ...] = ()
    presence: Mapping[str, Presence] = field(default_factory=dict)
    """By path, of all that the structure reads."""

    def missing(self, before: Mapping[str, Presence]) -> Iterator[Found]:
        """What is in no record of this drain, and was in nearly all `before`.

        That is in `NEARLY_ALL` of them, and in so many that its absence here would be chance in less than `CHANCE` of
        such drains (by Laplace's rule of succession). Inside what is missing as a whole, nothing is missing.
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
