"""Facts of a page: enough to resume a walk after a crash without reading bodies again."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import orjson


class Record(NamedTuple):
    """The id of a record, its rank as a parent, and the fields that children are made from.

    A tuple: an answer has a hundred of these, and a frozen dataclass takes four times as long to make (measured).
    """

    id: str
    rank: int | None = None
    views: int | None = None
    fields: Mapping[str, str | None] = {}
    """Values of the fields that the vendor file names for children; older state databases have none."""


@dataclass(frozen=True, slots=True)
class PageFacts:
    """The facts of a page that pagination and child walks need."""

    records: int
    """Elements of the list, of any type."""
    ids: tuple[Record, ...] = ()
    reported_page: int | None = None
    size: int | None = None
    total: int | None = None
    has_more: bool | None = None
    cursor: str | None = None
    not_understood: tuple[str, ...] = ()
    """Names of the facts above whose field is present but not understood; they are ``None`` here."""
    list_missing: bool = False
    """True if the path of the records is empty, and a total or has_more promises some."""
    countries: Mapping[str, int] = field(default_factory=dict)
    """Country code, upper case → records that name it, if the vendor file has a path for it."""

    @property
    def digest(self) -> str:
        """Hash of the ids in order, 16 hex digits; empty if there are none."""
        if not self.ids:
            return ""
        return hashlib.blake2b(orjson.dumps([record.id for record in self.ids]), digest_size=8).hexdigest()

    def foreign_to(self, country: str | None) -> int:
        """Return the number of records that name another country than this; ``None``: all countries are requested."""
        return 0 if country is None else sum(count for name, count in self.countries.items() if name != country)

    def to_json(self) -> dict[str, Any]:
        """Return a plain object for the state database."""
        plain = {name: getattr(self, name) for name in self.__slots__}
        return {**plain, "ids": [tuple(record) if record.fields else tuple(record)[:3] for record in self.ids]}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> PageFacts:
        """Read what `to_json` wrote; older state databases lack the last two."""
        ids = tuple(Record(*record) for record in stored["ids"])
        return cls(**{**stored, "ids": ids, "not_understood": tuple(stored.get("not_understood", ()))})
