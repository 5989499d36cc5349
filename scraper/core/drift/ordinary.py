"""Ordinary records, without any drift: recognised a column at a time.

A page's records nearly always have the keys and types that the SELECT reads or knows. That is tested for all values at
one place together, by the interpreter's own loops: some 50 ns a value, where the inspection of each object took 3 µs.
Any other page is left to the watch, which inspects each of its records; nothing of it is counted here.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from enum import Enum
from itertools import chain
from operator import itemgetter
from typing import Any, Final, TypeAlias

from scraper.core.bodies import Json
from scraper.core.drift.casts import Verdict, json_type, verdict_of_type
from scraper.core.drift.expected import Elements, Expected, Fields, Leaf, Structure, joined
from scraper.core.drift.findings import Presence

MOST_KEY_SETS: Final = 1_000
"""The most sets of keys remembered at one place."""


class _Takes(Enum):
    """The values of one JSON type that a place takes without a finding."""

    ALL = "all"
    NONE = "none"
    BIGINT = "whole numbers that fit a BIGINT"
    EXACT = "whole numbers that fit a DOUBLE"
    SOUND = "whole numbers of 64 bits, signed or not"
    DIGITS = "text as a BIGINT is written"


_RANGES: Final[Mapping[_Takes, tuple[int, int]]] = {
    _Takes.BIGINT: (-(2**63), 2**63 - 1),
    _Takes.EXACT: (-(2**53), 2**53),
    _Takes.SOUND: (-(2**63), 2**64 - 1),
}
_DIGITS: Final = re.compile(r"0|-?[1-9][0-9]{0,17}")

_Seen: TypeAlias = list[tuple["_Node", int, dict[str, int]]]
"""Place, objects at it, key → the number of those that have it."""


class _Node:
    """A place of the structure."""

    def __init__(self, path: str, parent: str, structure: Structure, expected: Expected) -> None:
        self.path = path
        self.fields: dict[str, _Node] = {}
        self.element: _Node | None = None
        self.parents = 0
        self.present: defaultdict[str, int] = defaultdict(int)
        self._parent = parent
        self._structure = structure
        self._expected = expected
        self._takes: dict[type, _Takes] = {}
        self._keys: dict[tuple[str, ...], tuple[str, ...] | None] = {}
        match structure:
            case Fields(of):
                self.fields = {key: _Node(joined(path, key), path, each, expected) for key, each in of.items()}
            case Elements(of):
                self.element = _Node(f"{path}[]", path, of, expected)

    def admits_objects(self, objects: Sequence[Mapping[str, Json]], seen: _Seen) -> bool:
        """Return whether objects at this place are ordinary, and all below them."""
        columns = self._alike(objects)
        if columns is None:
            columns = {}
            for keys, some in _by_keys(objects).items():
                if (read := self._read(keys)) is None:
                    return False
                for key in read:
                    columns.setdefault(key, []).extend(map(itemgetter(key), some))
        present = dict[str, int]()
        seen.append((self, len(objects), present))
        for key, values in columns.items():
            types = set(map(type, values))
            if type(None) in types:
                types.discard(type(None))
                values = [value for value in values if value is not None]  # noqa: PLW2901
            present[key] = len(values)
            if not self.fields[key]._admits(values, types, seen):
                return False
        return True

    def _alike(self, objects: Sequence[Mapping[str, Json]]) -> dict[str, list[Json]] | None:
        """Return the columns of objects that all have the first one's keys, and no other; ``None`` if they have not.

        An object with as many keys as the first one, and all of the first one's among them, has the same keys.
        """
        keys = tuple(objects[0]) if objects else ()
        if (read := self._read(keys)) is None or set(map(len, objects)) != {len(keys)}:
            return None
        try:
            columns = {key: list(map(itemgetter(key), objects)) for key in keys}
        except KeyError:
            return None
        return columns if len(read) == len(keys) else {key: columns[key] for key in read}

    def _admits(self, values: list[Any], types: set[type], seen: _Seen) -> bool:
        inside: type | None = dict if self.fields else list if self.element is not None else None
        for each in types - {inside}:
            alike = values if len(types) == 1 else [value for value in values if type(value) is each]
            if not self._admits_scalars(each, alike):
                return False
        if inside not in types:
            return True
        some: list[Any] = values if len(types) == 1 else [value for value in values if type(value) is inside]
        if self.element is None:
            return self.admits_objects(some, seen)
        return self.element._admits_elements(list(chain.from_iterable(some)), seen)

    def _admits_elements(self, values: list[Any], seen: _Seen) -> bool:
        types = set(map(type, values))
        if type(None) in types:
            types.discard(type(None))
            values = [value for value in values if value is not None]
        return float not in types and self._admits(values, types, seen)

    def _admits_scalars(self, met: type, values: list[Any]) -> bool:
        takes = self._takes.get(met)
        if takes is None:
            takes = self._takes[met] = self._taken(met, values[0])
        match takes:
            case _Takes.ALL | _Takes.NONE:
                return takes is _Takes.ALL
            case _Takes.DIGITS:
                return all(map(_DIGITS.fullmatch, values))
            case _:
                least, most = _RANGES[takes]
                return bool(least <= min(values) and max(values) <= most)

    def _taken(self, met: type, value: Json) -> _Takes:
        """Return the values of a JSON type that have no finding here, as `observe` and `casts` decide for each."""
        judged: Verdict | None = Verdict.UNFIT
        if isinstance(self._structure, Leaf):
            judged = verdict_of_type(met, self._structure.type)
        known = self._expected.comes_as(self.path, self._parent, json_type(0 if met is int else value))
        match self._structure:
            case Leaf("BIGINT") if met is int:
                return _Takes.BIGINT
            case Leaf("DOUBLE") if met is int:
                return _Takes.EXACT
            case Leaf("BIGINT") if met is str and known:
                return _Takes.DIGITS
            case Leaf("VARCHAR") if met is float:
                return _Takes.NONE  # it is read exactly
        if judged is Verdict.FITS:
            return _Takes.ALL
        of_type = judged is Verdict.TYPE or not isinstance(self._structure, Leaf)
        if judged is None or not (known and of_type):
            return _Takes.NONE
        return _Takes.SOUND if met is int else _Takes.ALL

    def _read(self, keys: tuple[str, ...]) -> tuple[str, ...] | None:
        """Return those of an object's keys that are read; ``None`` if another one is not known."""
        if keys not in self._keys:
            if len(self._keys) >= MOST_KEY_SETS:
                self._keys.clear()
            others = [key for key in keys if key not in self.fields]
            known = all(self._expected.is_not_kept(joined(self.path, key), self.path) for key in others)
            self._keys[keys] = tuple(key for key in keys if key in self.fields) if known else None
        return self._keys[keys]

    def presence(self) -> Iterator[tuple[str, Presence]]:
        for key, node in self.fields.items():
            yield node.path, Presence(self.parents, self.present[key])
            yield from node.presence()
        if self.element is not None:
            yield from self.element.presence()


def _by_keys(objects: Sequence[Mapping[str, Json]]) -> dict[tuple[str, ...], Sequence[Mapping[str, Json]]]:
    if len(alike := set(map(tuple, objects))) <= 1:
        return dict.fromkeys(alike, objects)
    found: dict[tuple[str, ...], list[Mapping[str, Json]]] = {}
    for value in objects:
        found.setdefault(tuple(value), []).append(value)
    return {**found}


class OrdinaryRecords:
    """The ordinary records of one endpoint in one drain, counted."""

    def __init__(self, expected: Expected) -> None:
        self._root = _Node("", "", expected.record, expected)

    def admit(self, records: Sequence[Json]) -> bool:
        """Count the presence in a page's records if all of them are ordinary; else count nothing, return False."""
        seen: _Seen = []
        if not self._root.fields or set(map(type, records)) != {dict}:
            return False
        if not self._root.admits_objects(records, seen):  # type: ignore[arg-type]
            return False
        for node, objects, present in seen:
            node.parents += objects
            for key, count in present.items():
                node.present[key] += count
        return True

    def presence(self) -> dict[str, Presence]:
        return dict(self._root.presence())
