"""Looking at every record of a drain for what its table's SELECT does not read as it came.

Records of one shape (the same keys in the same order, of the same JSON types) are looked at closely once; of all others
of that shape only whole numbers are checked, and numbers that come as text. That keeps a drain as fast as its SELECTs:
`python -m tests.benchmarks.drain`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from scraper.core.bodies import Json
from scraper.core.drift.casts import Verdict, json_type, value_decides, verdict
from scraper.core.drift.expected import Elements, Expected, Fields, Leaf, Structure, expected_of, joined, wanted
from scraper.core.drift.findings import DriftKind, Finding, Found, Looked, Presence
from scraper.core.tables import TableSelect

MOST_FINDINGS: Final = 200
"""Findings of one endpoint in one drain that are told apart; further ones are counted together, as path ``…``."""

MOST_SHAPES: Final = 2_000
"""Shapes of one place that are remembered: where a vendor's keys are ids, every record has a shape of its own."""

DETAIL_LENGTH: Final = 200
OTHERS: Final = "…"

_BIGINT: Final = Leaf("BIGINT")
_LEAST: Final = -(2**63)
_PAST: Final = 2**63
_TEXT: Final = Leaf("VARCHAR")


@dataclass(slots=True)
class _Shape:
    """What objects of the same keys and JSON types have in common."""

    present: tuple[str, ...]
    """Keys that are read, and not null."""
    findings: tuple[Finding, ...]
    objects: tuple[tuple[str, _Place], ...]
    lists: tuple[tuple[str, _Place], ...]
    """With the place of their elements."""
    integers: tuple[tuple[str, _Place], ...]
    """Whole numbers for BIGINT: nearly all values that decide by themselves."""
    values: tuple[tuple[str, _Place], ...]
    """Others whose value decides."""
    numbers_as_text: bool
    """Numbers with a fraction, or of more than 64 bits, that a column takes for text."""
    odd: bool = field(init=False)
    """There may be something to note besides whole numbers that are too large."""
    count: int = 0

    def __post_init__(self) -> None:
        self.odd = bool(self.findings or self.values or self.numbers_as_text)


class _Place:
    """Where values stand: a node of the structure, with the shapes that were met there."""

    def __init__(self, path: str, parent: str, structure: Structure, expected: Expected) -> None:
        self.path = path
        self.structure = structure
        self.shapes: dict[tuple[object, ...], _Shape] = {}
        self.fields: dict[str, _Place] = {}
        self.element: _Place | None = None
        self._parent = parent
        self._expected = expected
        self._parents = 0
        self._present: Counter[str] = Counter()
        match structure:
            case Fields(of):
                self.fields = {key: _Place(joined(path, key), path, each, expected) for key, each in of.items()}
            case Elements(of):
                self.element = _Place(f"{path}[]", path, of, expected)

    def shape(self, signature: tuple[object, ...], value: Mapping[str, Json]) -> _Shape:
        """Looks closely at the first object of its shape."""
        if len(self.shapes) >= MOST_SHAPES:
            self._count_shapes()
        there = [
            (key, self.fields[key], each) for key, each in value.items() if key in self.fields and each is not None
        ]
        sound = [(key, place, each) for key, place, each in there if place.of_type(each) is None]
        deciding = [(key, place, each) for key, place, each in sound if place.value_decides(each)]
        whole = [(key, place) for key, place, each in deciding if type(each) is int and place.structure == _BIGINT]
        shape = self.shapes[signature] = _Shape(
            present=tuple(key for key, _, _ in there),
            findings=(*self._new(value), *filter(None, (place.of_type(each) for _, place, each in there))),
            objects=tuple((key, place) for key, place, each in sound if place.fields and isinstance(each, dict)),
            lists=tuple((key, place.element) for key, place, each in sound if place.element and isinstance(each, list)),
            integers=tuple(whole),
            values=tuple((key, place) for key, place, _ in deciding if (key, place) not in whole),
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

    def of_type(self, value: Json) -> Finding | None:
        """What differs in every value of this JSON type, that is not null."""
        match self.structure:
            case Fields():
                return None if isinstance(value, dict) else self._for_another(value)
            case Elements():
                return None if isinstance(value, list) else self._for_another(value)
            case Leaf():
                return None if self.value_decides(value) else self.of_value(value)

    def value_decides(self, value: Json) -> bool:
        return isinstance(self.structure, Leaf) and value_decides(type(value), self.structure.type)

    def of_value(self, value: Json) -> Finding | None:
        """What differs in this value of a leaf, that is not null."""
        if not isinstance(self.structure, Leaf):
            return None
        met = verdict(value, self.structure.type)
        if met is Verdict.FITS or (met is Verdict.TYPE and self._is_known_as(json_type(value))):
            return None
        return Finding(DriftKind(met.value), self.path, f"{json_type(value)} for {wanted(self.structure)}")

    def presence(self) -> Iterator[tuple[str, Presence]]:
        """Every path below that is read, and how often it was there."""
        self._count_shapes()
        for key, place in self.fields.items():
            yield place.path, Presence(self._parents, self._present[key])
            yield from place.presence()
        if self.element is not None:
            yield from self.element.presence()

    def _count_shapes(self) -> None:
        """Forgets the shapes, once what they held is counted."""
        for shape in self.shapes.values():
            self._parents += shape.count
            for key in shape.present:
                self._present[key] += shape.count
        self.shapes.clear()

    def _for_another(self, value: Json) -> Finding | None:
        met = json_type(value)
        known = self._is_known_as(met)
        return None if known else Finding(DriftKind.UNFIT, self.path, f"{met} for {wanted(self.structure)}")

    def _is_known_as(self, met: str) -> bool:
        return self._expected.comes_as(self.path, self._parent, met)


@dataclass(frozen=True, slots=True)
class PageMark:
    """What a page is found by again."""

    endpoint: str
    request_key: str
    at: datetime
    """When the answer had been received."""


@dataclass(slots=True)
class _Count:
    count: int
    page: PageMark
    first_at: datetime
    last_at: datetime
    record: int
    """The last record that it was counted for."""


class _Watched:
    """One endpoint in one drain."""

    def __init__(self, expected: Expected | None, page: PageMark) -> None:
        self.root = None if expected is None else _Place("", "", expected.record, expected)
        self.page = page
        self.pages = 0
        self.records = 0
        self.numbers_as_text = False
        self._first, self._first_at, self._last_at = page, page.at, page.at
        self._found: dict[Finding, _Count] = {}

    def turn_to(self, page: PageMark) -> None:
        """What is noted from now on is of this page."""
        self.pages += 1
        self.page = page
        self.numbers_as_text = False
        self._first_at, self._last_at = min(self._first_at, page.at), max(self._last_at, page.at)

    def look(self, place: _Place, value: Json) -> None:
        """Notes what differs in a value and below it."""
        if place.fields and type(value) is dict:
            self._look_into(place, value)
        elif place.element is not None and type(value) is list:
            self._look_into_all(place.element, value)
        elif value is not None:
            self.numbers_as_text |= type(value) is float
            self._note_any(place.of_type(value) or place.of_value(value))

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
                self._note_any(of_key.of_value(value[key]))
        if shape.odd:
            self._look_closer(shape, value)
        for key, of_key in shape.objects:
            self._look_into(of_key, value[key])
        for key, of_key in shape.lists:
            self._look_into_all(of_key, value[key])

    def _look_closer(self, shape: _Shape, value: dict[str, Any]) -> None:
        if shape.numbers_as_text:
            self.numbers_as_text = True
        for finding in shape.findings:
            self.note(finding)
        for key, of_key in shape.values:
            self._note_any(of_key.of_value(value[key]))

    def _note_any(self, finding: Finding | None) -> None:
        if finding is not None:
            self.note(finding)

    def note(self, finding: Finding, count: int | None = None, page: PageMark | None = None) -> None:
        """Counts a finding: so many of a page, or once for the record that is looked at."""
        page = page or self.page
        if finding not in self._found and len(self._found) >= MOST_FINDINGS:
            finding = _others(finding.kind)
        known = self._found.get(finding)
        if known is None:
            self._found[finding] = _Count(count or 1, page, page.at, page.at, self.records)
            return
        if count is not None or known.record != self.records:
            known.count += count or 1
            known.record = self.records
        known.first_at, known.last_at = min(known.first_at, page.at), max(known.last_at, page.at)

    def looked(self) -> Looked:
        """All of it."""
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
            presence={} if self.root is None else dict(self.root.presence()),
        )


class Watch:
    """What one drain meets, by endpoint."""

    def __init__(self, tables: Iterable[TableSelect]) -> None:
        self._expected = {table.name: expected_of(table) for table in tables}
        self._endpoints: dict[str, _Watched] = {}

    def turn_to(self, page: PageMark, table: str | None) -> None:
        """A page that should feed this table."""
        if page.endpoint not in self._endpoints:
            self._endpoints[page.endpoint] = _Watched(self._expected.get(table or ""), page)
        self._endpoints[page.endpoint].turn_to(page)

    def look(self, endpoint: str, records: Sequence[Json]) -> bool:
        """Looks at the records of the page that was turned to; whether a number among them is kept as text."""
        watched = self._endpoints[endpoint]
        for record in records:
            watched.records += 1
            if watched.root is not None:
                watched.look(watched.root, record)
        return watched.numbers_as_text

    def note(self, page: PageMark, kind: DriftKind, detail: str = "", count: int = 1) -> None:
        """Counts what a page as a whole has met; it was turned to before."""
        self._endpoints[page.endpoint].note(Finding(kind, "", detail[:DETAIL_LENGTH]), count, page)

    def looked(self) -> tuple[Looked, ...]:
        """What was seen."""
        return tuple(watched.looked() for watched in self._endpoints.values())


def _others(kind: DriftKind) -> Finding:
    return Finding(kind, OTHERS, f"more than {MOST_FINDINGS}: not told apart")
