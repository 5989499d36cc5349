"""Warnings of a run about drift: new drift, and pages or records without rows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby

from scraper.core.catalogue import Endpoint
from scraper.core.drift.findings import DriftKind
from scraper.ports import DriftRecord

MOST_PATHS = 5
"""Paths named in a warning; `scraper drift` lists all."""

_IN_WORDS = {
    DriftKind.NEW: "no column reads",
    DriftKind.MISSING: "missing:",
    DriftKind.TYPE: "of another type:",
    DriftKind.COERCED: "changed by their column:",
    DriftKind.UNFIT: "did not fit their column:",
}


def drift_warnings(run_id: str, found: Sequence[DriftRecord], endpoints: Iterable[Endpoint]) -> tuple[str, ...]:
    """Return a sentence for each endpoint with new drift, and for pages and records that gave no rows."""
    warnings = []
    fields = {endpoint.full_name: _fields_of(endpoint) for endpoint in endpoints}
    for endpoint, of_endpoint in groupby(found, key=lambda record: record.endpoint):
        records = list(of_endpoint)
        for kind in (DriftKind.UNREADABLE, DriftKind.WITHOUT_KEY):
            warnings += _gave_no_rows(endpoint, kind, [one for one in records if one.finding.kind is kind])
        first = fields.get(endpoint, ())
        new = [one for one in records if one.first_run_id == run_id]
        paths = {kind: _by_weight([one for one in new if one.finding.kind is kind], first) for kind in _IN_WORDS}
        told = [f"{words} {_named(paths[kind])}" for kind, words in _IN_WORDS.items() if paths[kind]]
        if told:
            warnings.append(f"{endpoint} has drifted: {'; '.join(told)}. Every page is kept: scraper drift")
    return tuple(warnings)


def _fields_of(endpoint: Endpoint) -> Sequence[str]:
    """Return the paths of a record's id, rank and parent fields, the id first."""
    records = endpoint.records
    return [path for path in (records.id, records.rank, records.views, *records.fields) if path is not None]


def _by_weight(found: Sequence[DriftRecord], first: Sequence[str]) -> list[str]:
    """Return each path once: those of `first`, then by the share of the records that drift there."""
    shares: dict[str, int] = {}
    for record in found:
        path = record.finding.path or "the record"
        shares[path] = max(record.count, shares.get(path, 0))
    places = {path: place for place, path in enumerate(first)}
    return sorted(shares, key=lambda path: (places.get(path, len(first)), -shares[path], path))


def _named(paths: Sequence[str]) -> str:
    more = f" and {len(paths) - MOST_PATHS} more" if len(paths) > MOST_PATHS else ""
    return ", ".join(paths[:MOST_PATHS]) + more


def _gave_no_rows(endpoint: str, kind: DriftKind, records: Sequence[DriftRecord]) -> list[str]:
    count = sum(record.count for record in records)
    if count == 0:
        return []
    if kind is DriftKind.UNREADABLE:
        what = "page is kept and cannot be read" if count == 1 else "pages are kept and cannot be read"
        return [f"{endpoint}: {count} {what} ({records[0].finding.detail}): scraper drift"]
    what = "record has no key and is not a row" if count == 1 else "records have no key and are not rows"
    return [f"{endpoint}: {count} {what}: scraper drift"]
