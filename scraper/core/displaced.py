"""Search of a body for records that are not at the vendor file's path."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Final

from scraper.core.bodies import Decoded, Json, at, decode, text_of
from scraper.core.catalogue import Endpoint

MOST_VALUES: Final = 10_000
"""Most values that are inspected: an answer has some dozens outside of its records."""
DEEPEST: Final = 12


@dataclass(frozen=True, slots=True)
class Displaced:
    """Records at another path than the vendor file's."""

    path: str
    records: int
    with_id: int
    """Records that carry the id field of the vendor file."""


def displaced_records(endpoint: Endpoint, document: Json) -> Displaced | None:
    """Return the likeliest records of a body, best by their ids, then by their number; ``None`` if there are none.

    Looks at objects inside objects only, as a path in a vendor file does.
    """
    found: list[Displaced] = []
    waiting: deque[tuple[str, Json, int]] = deque([("", document, 0)])
    for _ in range(MOST_VALUES):
        if not waiting:
            break
        path, value, depth = waiting.popleft()
        if (candidate := _candidate(endpoint, path, value)) is not None:
            found.append(candidate)
        if isinstance(value, dict) and depth < DEEPEST:
            inside = ((key, each) for key, each in value.items() if key and "." not in key)
            waiting += ((f"{path}.{key}" if path else key, each, depth + 1) for key, each in inside)
    return max(found, key=lambda each: (each.with_id, each.records), default=None)


def _candidate(endpoint: Endpoint, path: str, value: Json) -> Displaced | None:
    elements = endpoint.pagination.elements(value) if value is not None else None
    if path == endpoint.records.path or not elements or not all(isinstance(each, dict) for each in elements):
        return None
    wrapped = endpoint.records.nested_in
    records = [each.get(wrapped, each) if wrapped and isinstance(each, dict) else each for each in elements]
    with_id = sum(text_of(at(each, endpoint.records.id)) is not None for each in records)
    if not isinstance(value, list) and not with_id:  # any object might be the one record
        return None
    return Displaced(path, len(records), with_id)


def advice(endpoint: Endpoint, body: bytes, *, by_id: bool) -> str | None:
    """Return the path at which the records of an answer are instead of their own, in words; ``None`` if nothing
    suggests one.

    `by_id`: only where some carry the id field, as an answer with an empty board may contain a list of something else.
    """
    decoded, records, shape = decode(body), endpoint.records, endpoint.pagination.shape
    if not isinstance(decoded, Decoded):
        return None
    stands = at(decoded.value, records.path)
    if stands is not None and endpoint.pagination.elements(stands) is not None:
        return None
    found = displaced_records(endpoint, decoded.value)
    if found is None or (by_id and not found.with_id):
        return None
    there = "an object" if shape == "object" else f"a list of {found.records} object{'s' if found.records != 1 else ''}"
    ids, keys = (f"with {records.id}", "records.path")
    if not found.with_id:
        ids, keys = f"without {records.id}", "records.path and records.id"
    return (
        f"no {shape} at {records.path or 'the root'}; {there} {ids} is at {found.path or 'the root'}: "
        f"correct {keys} in configs/vendors/{endpoint.vendor}.toml"
    )
