"""Records without drift counting: those of a rebuild, which were counted when their pages were drained.

One fact about them is still needed: whether a column keeps a number with a fraction, or of more than 64 bits, as
text, so that its page has to be decoded exactly. That looks only at the values that are kept as text.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import lru_cache
from itertools import chain
from typing import Any

from scraper.core.bodies import Json
from scraper.core.drift.casts import Typed
from scraper.core.drift.expected import Elements, Fields, Leaf, Structure, expected_of
from scraper.core.drift.findings import DriftKind
from scraper.core.drift.observe import PageMark, Watch
from scraper.core.tables import TableSelect

_TEXT = Leaf("VARCHAR")


class _TextPlace:
    """A node of the structure, with the places below it where text is kept."""

    def __init__(self, structure: Structure) -> None:
        self.fields: dict[str, _TextPlace] = {}
        self.element: _TextPlace | None = None
        match structure:
            case Fields(of):
                places = {key: _TextPlace(each) for key, each in of.items()}
                self.fields = {key: place for key, place in places.items() if place.keeps_text}
            case Elements(of):
                self.element = _TextPlace(of)
        self._text = structure == _TEXT
        self.keeps_text: bool = self._text or bool(self.fields) or self.element is not None

    def has_real(self, values: Sequence[Any], *, of_list: bool = False) -> bool:
        """Return whether a float is among the values at this place, or below it."""
        types = set(map(type, values))
        if (self._text or of_list) and float in types:
            return True
        if self.fields and dict in types:
            some = values if len(types) == 1 else [value for value in values if type(value) is dict]
            return any(place.has_real([value.get(key) for value in some]) for key, place in self.fields.items())
        if self.element is not None and list in types:
            lists = values if len(types) == 1 else [value for value in values if type(value) is list]
            return self.element.has_real(list(chain.from_iterable(lists)), of_list=True)
        return False


@lru_cache(maxsize=128)
def _texts_of(sql: str) -> _TextPlace | None:
    """Return where a table keeps text, ``None`` if its SQL declares no structure."""
    expected = expected_of(sql)
    return None if expected is None else _TextPlace(expected.record)


class Unwatched(Watch):
    """A watch that ignores drift."""

    watches = False

    def __init__(self, tables: Collection[TableSelect]) -> None:
        super().__init__(tables)
        self._roots = {table.name: _texts_of(table.sql) for table in tables}
        self._root: _TextPlace | None = None

    def turn_to(self, page: PageMark, table: str | None) -> None:  # noqa: ARG002
        self._root = self._roots.get(table or "")

    def look(self, endpoint: str, records: Sequence[Json]) -> bool:  # noqa: ARG002
        return self._root is not None and self._root.has_real(records, of_list=True)

    def settle(self, typed: Typed) -> None:
        pass

    def note(self, page: PageMark, kind: DriftKind, detail: str = "", count: int = 1, path: str = "") -> None:
        pass
