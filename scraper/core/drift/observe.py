"""The drift watch: compares every record of a drain with what its table's SELECT reads.

Pages whose records are all ordinary are counted by `ordinary`, a column at a time. On other pages
the first record of a shape (the same keys in the same order, of the same JSON types) is inspected; of all others only
the values that may not fit are collected. DuckDB casts those in one statement, and `settle` counts the differences.

Why in Python, where DuckDB parses the same records: its `json_structure`, counted by record as findings and presence
are, took 0.46 s of CPU for 2,000 boards (40,000 records), where the ordinary way takes a tenth of that.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import orjson

from scraper.core.bodies import Json
from scraper.core.drift.casts import Typed, Verdict, json_type, verdict, verdict_of_type
from scraper.core.drift.expected import Elements, Expected, Fields, Leaf, Structure, expected_of, joined, wanted
from scraper.core.drift.findings import DriftKind, Finding, Found, Looked, Presence
from scraper.core.drift.ordinary import OrdinaryRecords
from scraper.core.tables import TableSelect

MOST_FINDINGS: Final = 200
"""The most findings of one endpoint in one drain; further ones are counted together, as path ``…``."""

MOST_SHAPES: Final = 2_000
"""The most shapes remembered at one place: if a vendor's keys are ids, every record has its own shape."""

DETAIL_LENGTH: Final = 200
OTHERS: Final = "…"

_BIGINT: Final = Leaf("BIGINT")
_LEAST: Final = -(2**63)
_PAST: Final = 2**63
_TEXT: Final = Leaf("VARCHAR")


@dataclass(slots=True)
class _Shape:
    """The findings and places that objects of the same keys and JSON types share."""

    present: tuple[str, ...]
    """Keys that are read, and not null."""
    findings: tuple[Finding, ...]
    objects: tuple[tuple[str, _Place], ...]
    lists: tuple[tuple[str, _Place], ...]
    """Keys of lists, each with the place of its elements."""
    integers: tuple[tuple[str, _Place], ...]
    """Whole numbers for BIGINT, which fit unless they are too large."""
    values: tuple[tuple[str, _Place], ...]
    """Other values, which DuckDB has to cast."""
    numbers_as_text: bool
    """True if a column keeps numbers with a fraction, or of more than 64 bits, as text."""
    count: int = 0


class _Place:
    """A node of the structure, with the shapes of the objects found there."""

    def __init__(self, path: str, parent: str, structure: Structure, expected: Expected) -> None:
        self.path = path
        self.structure = structure
        self.wanted = wanted(structure)
        self.shapes: dict[tuple[object, ...], _Shape] = {}
        self.fields: dict[str, _Place] = {}
        self.element: _Place | None = None
        self._parent = parent
        self._expected = expected
        self._findings: dict[tuple[str, Verdict], Finding | None] = {}
        self._parents = 0
        self._present: Counter[str] = Counter()
        match structure:
            case Fields(of):
                self.fields = {key: _Place(joined(path, key), path, each, expected) for key, each in of.items()}
            case Elements(of):
                self.element = _Place(f"{path}[]", path, of, expected)

    def shape(self, signature: tuple[object, ...], value: Mapping[str, Json]) -> _Shape:
        """Inspect the first object of a shape."""
        if len(self.shapes) >= MOST_SHAPES:
            self._count_shapes()
        there = [
            (key, self.fields[key], each) for key, each in value.items() if key in self.fields and each is not None
        ]
        asked = [(key, place, each) for key, place, each in there if place.judge(each) is None]
        whole = [(key, place) for key, place, each in asked if type(each) is int and place.structure == _BIGINT]
        judged = [place.finding(each, met) for _, place, each in there if (met := place.judge(each)) is not None]
        shape = self.shapes[signature] = _Shape(
            present=tuple(key for key, _, _ in there),
            findings=(*self._new(value), *filter(None, judged)),
            objects=tuple((key, place) for key, place, each in there if place.fields and isinstance(each, dict)),
            lists=tuple((key, place.element) for key, place, each in there if place.element and isinstance(each, list)),
            integers=tuple(whole),
            values=tuple((key, place) for key, place, _ in asked if (key, place) not in whole),
            numbers_as_text=any(type(each) is float and place.structure == _TEXT for _, place, each in there),
        )
        return shape

    def _new(self, value: Mapping[str, Json]) -> Iterator[Finding]:
        told = 0
        for key, each in value.items():
            if key in self.fields or self._expected.is_not_kept(path := joined(self.path, key), self.path):
                continue
            told += 1
            if told > MOST_FINDINGS:
                yield _others(DriftKind.NEW)
                return
            yield Finding(DriftKind.NEW, path, json_type(each))

    def judge(self, value: Json) -> Verdict | None:
        """Return the verdict on every non-null value of this JSON type; ``None``: DuckDB has to cast each."""
        match self.structure:
            case Fields():
                return Verdict.FITS if isinstance(value, dict) else Verdict.UNFIT
            case Elements():
                return Verdict.FITS if isinstance(value, list) else Verdict.UNFIT
            case Leaf(type_name):
                return verdict_of_type(type(value), type_name)

    def finding(self, value: Json, met: Verdict) -> Finding | None:
        """Return the finding for a verdict, if any: another JSON type may be known here."""
        if met is Verdict.FITS:
            return None
        key = (json_type(value), met)
        if key not in self._findings:
            self._findings[key] = self._finding(*key)
        return self._findings[key]

    def _finding(self, came_as: str, met: Verdict) -> Finding | None:
        of_type = met is Verdict.TYPE or not isinstance(self.structure, Leaf)
        if of_type and self._expected.comes_as(self.path, self._parent, came_as):
            return None
        return Finding(DriftKind(met.value), self.path, f"{came_as} for {self.wanted}")

    def presence(self) -> Iterator[tuple[str, Presence]]:
        """Yield every path below that is read, and how often it was present."""
        self._count_shapes()
        for key, place in self.fields.items():
            yield place.path, Presence(self._parents, self._present[key])
            yield from place.presence()
        if self.element is not None:
            yield from self.element.presence()

    def _count_shapes(self) -> None:
        for shape in self.shapes.values():
            self._parents += shape.count
            for key in shape.present:
                self._present[key] += shape.count
        self.shapes.clear()


@dataclass(frozen=True, slots=True)
class PageMark:
    """The reference by which a page is found again."""

    endpoint: str
    request_key: str
    at: datetime
    """Time at which the answer was received."""


@dataclass(slots=True)
class _Count:
    count: int
    page: PageMark
    first_at: datetime
    last_at: datetime
    record: int | None
    """The last record that it was counted for."""


class _Watched:
    """One endpoint in one drain."""

    def __init__(self, expected: Expected | None, page: PageMark) -> None:
        self.root = None if expected is None else _Place("", "", expected.record, expected)
        self.ordinary = None if expected is None else OrdinaryRecords(expected)
        self.page = page
        self.pages = 0
        self.records = 0
        self.numbers_as_text = False
        self._first, self._first_at, self._last_at = page, page.at, page.at
        self._found: dict[Finding, _Count] = {}
        self._asked: list[tuple[_Place, Json, PageMark, int]] = []

    def turn_to(self, page: PageMark) -> None:
        """Attribute later findings to this page."""
        self.pages += 1
        self.page = page
        self.numbers_as_text = False
        self._first_at, self._last_at = min(self._first_at, page.at), max(self._last_at, page.at)

    def look_at_all(self, records: Sequence[Json]) -> None:
        """Note the differences in a page's records, one by one unless all of them are ordinary."""
        if self.root is None or self.ordinary is None or self.ordinary.admit(records):
            self.records += len(records)
            return
        for record in records:
            self.records += 1
            self.look(self.root, record)

    def look(self, place: _Place, value: Json) -> None:
        """Note the differences in a value and below it."""
        if place.fields and type(value) is dict:
            self._look_into(place, value)
        elif place.element is not None and type(value) is list:
            self._look_into_all(place.element, value)
        elif value is not None:
            self.numbers_as_text |= type(value) is float
            met = place.judge(value)
            if met is None:
                self._ask(place, value)
            elif finding := place.finding(value, met):
                self.note(finding, self.page, self.records)

    def _look_into_all(self, place: _Place, values: list[Any]) -> None:
        for value in values:
            if place.fields and type(value) is dict:
                self._look_into(place, value)
            else:
                self.look(place, value)

    def _look_into(self, place: _Place, value: dict[str, Any]) -> None:
        signature = (*value, *map(type, value.values()))
        shape = place.shapes.get(signature) or place.shape(signature, value)
        shape.count += 1
        for key, of_key in shape.integers:
            if not _LEAST <= value[key] < _PAST:
                self._ask(of_key, value[key])
        if shape.numbers_as_text:
            self.numbers_as_text = True
        for finding in shape.findings:
            self.note(finding, self.page, self.records)
        for key, of_key in shape.values:
            self._ask(of_key, value[key])
        for key, of_key in shape.objects:
            self._look_into(of_key, value[key])
        for key, of_key in shape.lists:
            self._look_into_all(of_key, value[key])

    def _ask(self, place: _Place, value: Json) -> None:
        self._asked.append((place, value, self.page, self.records))

    def settle(self, typed: Typed) -> None:
        """Have DuckDB cast the deferred values, and note the differences."""
        texts = [as_json(value) for _, value, _, _ in self._asked]
        by_type: dict[str, dict[bytes, Json]] = {}
        for (place, value, _, _), text in zip(self._asked, texts, strict=True):
            by_type.setdefault(place.wanted, {})[text] = value
        verdicts = {
            type_name: dict(zip(values, map(verdict, values.values(), typed(type_name, tuple(values))), strict=True))
            for type_name, values in by_type.items()
        }
        for (place, value, page, record), text in zip(self._asked, texts, strict=True):
            if finding := place.finding(value, verdicts[place.wanted][text]):
                self.note(finding, page, record)
        self._asked.clear()

    def note(self, finding: Finding, page: PageMark, record: int | None = None, count: int = 1) -> None:
        """Count a finding: so many of a page, or once for a record."""
        if finding not in self._found and len(self._found) >= MOST_FINDINGS:
            finding = _others(finding.kind)
        known = self._found.get(finding)
        if known is None:
            self._found[finding] = _Count(count, page, page.at, page.at, record)
            return
        if record is None or known.record != record:
            known.count += count
            known.record = record
        known.first_at, known.last_at = min(known.first_at, page.at), max(known.last_at, page.at)

    def looked(self) -> Looked:
        found = [
            Found(finding, known.count, known.page.request_key, known.first_at, known.last_at)
            for finding, known in self._found.items()
        ]
        return Looked(
            endpoint=self._first.endpoint,
            pages=self.pages,
            records=self.records,
            request_key=self._first.request_key,
            first_at=self._first_at,
            last_at=self._last_at,
            found=tuple(found),
            presence=self._presence(),
        )

    def _presence(self) -> dict[str, Presence]:
        if self.root is None or self.ordinary is None:
            return {}
        counted = self.ordinary.presence()
        return {path: now + counted[path] for path, now in self.root.presence()}


class Watch:
    """The drift of one drain, by endpoint."""

    watches = True
    """False: records pass unseen."""

    def __init__(self, tables: Iterable[TableSelect]) -> None:
        self._expected = {table.name: expected_of(table.sql) for table in tables}
        self._endpoints: dict[str, _Watched] = {}

    def turn_to(self, page: PageMark, table: str | None) -> None:
        """Turn to a page that should feed this table."""
        if page.endpoint not in self._endpoints:
            self._endpoints[page.endpoint] = _Watched(self._expected.get(table or ""), page)
        self._endpoints[page.endpoint].turn_to(page)

    def look(self, endpoint: str, records: Sequence[Json]) -> bool:
        """Inspect the current page's records; return whether a number among them is kept as text."""
        watched = self._endpoints[endpoint]
        watched.look_at_all(records)
        return watched.numbers_as_text

    def settle(self, typed: Typed) -> None:
        """Have DuckDB cast the values deferred since the last call, and count the differences."""
        for watched in self._endpoints.values():
            watched.settle(typed)

    def note(self, page: PageMark, kind: DriftKind, detail: str = "", count: int = 1, path: str = "") -> None:
        """Count a finding in so many records of a page, or in the page as a whole."""
        self._endpoints[page.endpoint].note(Finding(kind, path, detail[:DETAIL_LENGTH]), page, count=count)

    def looked(self) -> tuple[Looked, ...]:
        return tuple(watched.looked() for watched in self._endpoints.values())


def as_json(value: Json) -> bytes:
    """Return a value as JSON text; orjson writes no integer of more than 64 bits."""
    try:
        return orjson.dumps(value)
    except orjson.JSONEncodeError:
        return json.dumps(value).encode()


def _others(kind: DriftKind) -> Finding:
    return Finding(kind, OTHERS, f"more than {MOST_FINDINGS}: not listed separately")
