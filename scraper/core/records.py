"""Reading the records of an answer for pagination and child walks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import compress, repeat

from scraper.core.bodies import Json, at, integer_of, text_of, understood
from scraper.core.catalogue import Endpoint, Records
from scraper.core.pagination import PageFacts, Record


def records_in(endpoint: Endpoint, document: Json) -> list[Json] | None:
    """Return the records of a body: none if nothing is at their path, ``None`` if it is of another type."""
    found = endpoint.pagination.elements(at(document, endpoint.records.path))
    wrapped = endpoint.records.nested_in
    if found is None or wrapped is None:
        return found
    return [record[wrapped] if isinstance(record, dict) and wrapped in record else record for record in found]


def read_page(endpoint: Endpoint, document: Json) -> PageFacts | None:
    """Return the facts of a page; ``None`` if the value at the path of its records is of another type."""
    found = records_in(endpoint, document)
    if found is None:
        return None
    ids = tuple(_identified(endpoint.records, [element for element in found if isinstance(element, dict)]))
    told = endpoint.pagination.read(document)
    nothing_there = not found and at(document, endpoint.records.path) is None
    promised = (told.get("total") or 0) > 0 or told.get("has_more") is True
    countries = _countries(endpoint.records, found)
    return PageFacts(len(found), ids, **told, list_missing=nothing_there and promised, countries=countries)


_SAME_COUNTRY = {"UK": "GB"}
"""Code → the vendors' code of the same country."""


def _countries(records: Records, elements: Iterable[Json]) -> Mapping[str, int]:
    """Count the countries that records name; what is no code of two letters names none."""
    if records.country is None:
        return {}
    counts: Counter[str] = Counter()
    named = [value for value in _column(elements, records.country) if isinstance(value, str)]
    for value, count in Counter(named).items():
        code = value.strip().upper()
        if len(code) == 2 and code.isalpha():
            counts[_SAME_COUNTRY.get(code, code)] += count
    return counts


def _identified(records: Records, elements: Sequence[Json]) -> Iterable[Record]:
    """Return the records that have an id, from values that are read a column at a time."""
    ids = _texts(_column(elements, records.id))
    ranks = _integers(_column(elements, records.rank))
    views = _integers(_column(elements, records.views))
    made = map(Record, ids, ranks, views, _fields(records.fields, elements))  # type: ignore[arg-type]
    return compress(made, ids)  # an id is never an empty text


def _fields(paths: Sequence[str], elements: Sequence[Json]) -> Iterable[Mapping[str, str | None]]:
    columns = [_texts(_column(elements, path)) for path in paths]
    match paths:
        case []:
            return repeat({}, len(elements))
        case [path]:
            return [{path: value} for value in columns[0]]
        case _:
            return [dict(zip(paths, values, strict=True)) for values in zip(*columns, strict=True)]


def _column(elements: Iterable[Json], path: str | None) -> Sequence[Json]:
    """Return the value of each element at a path, ``None`` where there is none."""
    found = list(elements)
    if path is None:
        return [None] * len(found)
    for key in path.split(".") if path else ():
        found = [element.get(key) if type(element) is dict else None for element in found]
    return found


def _texts(values: Sequence[Json]) -> Sequence[str | None]:
    """Return each value as `text_of` understands it."""
    if set(map(type, values)) == {str} and all(values):
        return values  # type: ignore[return-value]
    return [understood(text_of(value)) for value in values]


def _integers(values: Sequence[Json]) -> Sequence[int | None]:
    """Return each value as `integer_of` understands it."""
    types = set(map(type, values))
    if types == {type(None)}:
        return values  # type: ignore[return-value]
    if types == {int} and min(values) > -(2**63) and max(values) < 2**63:  # type: ignore[type-var, operator]
        return values  # type: ignore[return-value]
    return [understood(integer_of(value)) for value in values]
