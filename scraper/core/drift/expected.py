"""The fields that a table's SELECT reads, and other fields that are known to come.

The fields are the structure of its ``from_json(records, '…')``. Known differences are comments of the same file, so
that adding one rebuilds no table:

- ``-- known, not kept: a, b.c, d[].e, f.*``: paths that come and that no column reads;
- ``-- known as string: a, b.*`` (integer, number, boolean, object, list): they come as that as well.

A path is dotted, from the record; ``[]`` stands for the elements of a list, a last ``*`` for any key.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final, TypeAlias

from scraper.core.bodies import Json
from scraper.core.drift.findings import DriftKind, Finding
from scraper.core.tables import bare_sql

PATH_LENGTH: Final = 120
"""The most characters of a path that are kept."""


COLUMN: Final = "column "
"""Prefix of a column's name: its cast keeps the value, and the column's own expression does not."""


@dataclass(frozen=True, slots=True)
class Leaf:
    """A value; ``type`` is DuckDB's name."""

    type: str


@dataclass(frozen=True, slots=True)
class Elements:
    """A list."""

    of: Structure


@dataclass(frozen=True, slots=True)
class Fields:
    """An object."""

    of: Mapping[str, Structure]


Structure: TypeAlias = Leaf | Elements | Fields


@dataclass(frozen=True, slots=True)
class Expected:
    """The fields that a table's SELECT reads, and other known fields."""

    record: Structure
    not_kept: frozenset[str] = frozenset()
    known_as: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """Path → JSON types that are known there."""

    def paths(self) -> dict[str, str]:
        """Return every path that is read, with its type: ``BIGINT``, ``an object``, ``a list``."""
        return dict(_paths("", self.record))

    def settles(self, finding: Finding) -> bool:
        """Return whether this SELECT reads or knows what a finding of an earlier one reported."""
        path, parent = finding.path, finding.path.rpartition(".")[0]
        met, _, was_for = finding.detail.partition(" for ")
        read = self.paths()
        match finding.kind:
            case DriftKind.NEW:
                return path in read or self.is_not_kept(path, parent)
            case DriftKind.TYPE | DriftKind.COERCED | DriftKind.UNFIT:
                whole = finding.kind is DriftKind.TYPE or was_for in {"an object", "a list"}
                if was_for.startswith(COLUMN):
                    return path not in read
                return read.get(path) != was_for or (whole and self.comes_as(path, parent, met))
            case DriftKind.MISSING:
                return path not in read
            case DriftKind.WITHOUT_KEY | DriftKind.REPAIRED | DriftKind.UNREADABLE:
                return False

    def is_not_kept(self, path: str, parent: str) -> bool:
        """Return whether the path is known and no column reads it."""
        return path in self.not_kept or joined(parent, "*") in self.not_kept

    def comes_as(self, path: str, parent: str, met: str) -> bool:
        """Return whether this JSON type is known at the path."""
        return any(met in self.known_as.get(named, ()) for named in (path, joined(parent, "*")))


def wanted(structure: Structure) -> str:
    """Return the type of a structure in words: ``BIGINT``, ``an object``, ``a list``."""
    match structure:
        case Leaf(type_name):
            return type_name
        case Elements():
            return "a list"
        case Fields():
            return "an object"


def _paths(path: str, structure: Structure) -> Iterator[tuple[str, str]]:
    yield path, wanted(structure)
    match structure:
        case Elements(of):
            yield from _paths(f"{path}[]", of)
        case Fields(fields):
            for key, each in fields.items():
                yield from _paths(joined(path, key), each)


_STRUCTURE = re.compile(r"\bfrom_json\(\s*records\s*,\s*'((?:[^']|'')*)'", re.IGNORECASE)
_KNOWN = re.compile(r"^[ \t]*--[ \t]*known(?:, (not kept)| as (\w+)):[ \t]*(.*)$", re.MULTILINE)


@lru_cache(maxsize=128)
def expected_of(sql: str) -> Expected | None:
    """Return the structure and the known differences that a table's SQL declares.

    ``None`` if it does not read its records by one ``from_json`` with a list's structure.
    """
    found = _STRUCTURE.search(bare_sql(sql))
    try:
        literal = json.loads(found[1].replace("''", "'")) if found else None
    except ValueError:  # DuckDB reports it
        return None
    if not isinstance(literal, list) or len(literal) != 1:
        return None
    not_kept: set[str] = set()
    known_as: dict[str, set[str]] = {}
    for line in _KNOWN.finditer(sql):
        for path in filter(None, (part.strip() for part in line[3].split(","))):
            if line[1]:
                not_kept.add(path)
            else:
                known_as.setdefault(path, set()).add(line[2])
    types = {path: frozenset(names) for path, names in known_as.items()}
    return Expected(_structure(literal[0]), frozenset(not_kept), types)


def _structure(literal: Json) -> Structure:
    match literal:
        case dict():
            return Fields({key: _structure(value) for key, value in literal.items()})
        case [element]:
            return Elements(_structure(element))
        case _:
            return Leaf(str(literal).upper())


def joined(parent: str, key: str) -> str:
    name = key if _PLAIN.fullmatch(key) else json.dumps(key[:PATH_LENGTH], ensure_ascii=False)
    path = f"{parent}.{name}" if parent else name
    return path if len(path) <= PATH_LENGTH else f"{path[: PATH_LENGTH - 1]}…"


_PLAIN: Final = re.compile(r"[\w*$-]{1,100}")
