"""Reading the records of an answer for pagination and child walks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import repeat

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
    """Count the countries that records name; a value that is not a code of two letters names none."""
    if records.country is None:
        return {}
    named = (at(element, records.country) for element in elements)
    codes = (value.strip().upper() for value in named if isinstance(value, str))
    return Counter(_SAME_COUNTRY.get(code, code) for code in codes if len(code) == 2 and code.isalpha())


def _identified(records: Records, elements: Sequence[Json]) -> Iterator[Record]:
    """Yield the records that have an id, from values that are read a column at a time."""
    ids = list(map(_text, _column(elements, records.id)))
    ranks = map(_integer, _column(elements, records.rank))
    views = map(_integer, _column(elements, records.views))
    texts = [map(_text, _column(elements, path)) for path in records.fields]
    for identity, rank, viewed, *fields in zip(ids, ranks, views, *texts, strict=True):
        if identity is not None:
            yield Record(identity, rank=rank, views=viewed, fields=dict(zip(records.fields, fields, strict=True)))


def _column(elements: Sequence[Json], path: str | None) -> Iterable[Json]:
    if path is None:
        return repeat(None, len(elements))
    if not path or "." in path:
        return [at(element, path) for element in elements]
    return [element.get(path) for element in elements if isinstance(element, dict)]


def _text(value: Json) -> str | None:
    return value if type(value) is str and value else understood(text_of(value))


def _integer(value: Json) -> int | None:
    return value if type(value) is int and -(2**63) < value < 2**63 else understood(integer_of(value))
