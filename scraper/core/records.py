"""Reading the records of an answer for pagination and child walks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

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
    ids = tuple(record for element in found if (record := _record(endpoint.records, element)) is not None)
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
    named = (at(element, records.country) for element in elements)
    codes = (value.strip().upper() for value in named if isinstance(value, str))
    return Counter(_SAME_COUNTRY.get(code, code) for code in codes if len(code) == 2 and code.isalpha())


def _record(records: Records, element: Json) -> Record | None:
    identity = understood(text_of(at(element, records.id))) if isinstance(element, dict) else None
    if identity is None:
        return None
    return Record(
        identity,
        rank=understood(integer_of(at(element, records.rank))),
        views=understood(integer_of(at(element, records.views))),
        fields={path: understood(text_of(at(element, path))) for path in records.fields},
    )
