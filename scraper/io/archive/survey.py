"""Pages decoded: from their bytes to the list of records that a SELECT reads."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC
from itertools import groupby
from pathlib import Path
from typing import Any, Final

import orjson
import pyarrow.compute as pc

from scraper.core.bodies import Decoded, Json, Undecodable, at, decode, decode_exactly
from scraper.core.catalogue import Endpoint, OutcomeKind
from scraper.core.drift.findings import DriftKind
from scraper.core.drift.observe import PageMark, Watch
from scraper.core.records import records_in
from scraper.core.tables import PAGES_TABLE
from scraper.io.archive.files import open_part, read_columns
from scraper.ports import SpooledPage

STATEMENT_BYTES: Final = 3 * 2**20
"""The most JSON that one SQL statement reads, unless one page alone is larger.

With twice as much a run takes 30 MB more at its peak, and no less time, as a statement is planned once (measured).
"""

PAGES_AT_ONCE: Final = 8
"""Stored pages, of up to 700 KB each, that are in memory as Python values at a time."""


@dataclass(frozen=True, slots=True)
class ReadPage:
    """A page and the records of its body."""

    page: SpooledPage
    table: str | None = None
    """The table that its records feed; ``None``: it has none to give."""
    records: bytes = b""
    """JSON list, sound UTF-8."""
    count: int = 0
    """Elements of that list."""
    parent_id: str | None = None
    error: str | None = None
    """Why it cannot be read."""

    @property
    def feeds(self) -> bool:
        """True if its records should feed a table, readable or not."""
        return self.page.outcome is OutcomeKind.OK

    @property
    def partition(self) -> str:
        """Directory inside a table: ``vendor=crawlora/date=2026-11-21``."""
        return f"vendor={self.page.vendor}/date={self.page.snapshot_at.astimezone(UTC).date().isoformat()}"

    @property
    def weight(self) -> int:
        return max(len(self.page.body), len(self.records))


def read(
    page: SpooledPage,
    endpoints: Mapping[str, Endpoint],
    tables: Container[str],
    watch: Watch,
    decoded: Decoded | Undecodable | None = None,
) -> ReadPage:
    """Return a page with its records, or with an error where there is no way to them; no body makes it raise.

    The watch sees every record. `decoded`: the body, if it has been decoded already.
    """
    decoded = decode(page.body) if decoded is None else decoded
    if page.outcome is not OutcomeKind.OK:
        return ReadPage(page, error=_not_json(decoded))
    endpoint = endpoints.get(page.endpoint)
    watch.turn_to(mark(page), None if endpoint is None else endpoint.table)
    result = _with_records(page, endpoint, tables, decoded, watch)
    if result.error is not None:
        watch.note(mark(page), DriftKind.UNREADABLE, result.error)
    return result


def _with_records(
    page: SpooledPage,
    endpoint: Endpoint | None,
    tables: Container[str],
    decoded: Decoded | Undecodable,
    watch: Watch,
) -> ReadPage:
    if isinstance(decoded, Undecodable):
        return ReadPage(page, error=_not_json(decoded))
    if endpoint is None:
        return ReadPage(page, error=f"no vendor file describes {page.endpoint}")
    if endpoint.table not in tables or endpoint.table == PAGES_TABLE:
        return ReadPage(page, error=f"{page.endpoint} feeds a table that is not there: {endpoint.table}")
    if decoded.repaired:
        watch.note(mark(page), DriftKind.REPAIRED)
    found = records_in(endpoint, decoded.value)
    if found is None:
        where, met = endpoint.records.path or "the body", _kind(at(decoded.value, endpoint.records.path))
        return ReadPage(page, error=f"{where} is no {endpoint.pagination.shape} of records but {met}")
    if not found:
        return ReadPage(page)
    exactly = watch.look(page.endpoint, found)
    return ReadPage(page, endpoint.table, _text(found, exactly, page, endpoint), len(found), _parent_id(page, endpoint))


def _not_json(decoded: Decoded | Undecodable) -> str | None:
    return f"not JSON: {decoded.reason}" if isinstance(decoded, Undecodable) else None


def mark(page: SpooledPage) -> PageMark:
    """Return the mark by which drift refers to a page."""
    return PageMark(page.endpoint, page.request_key, page.observed_at)


def _text(records: list[Json], exactly: bool, page: SpooledPage, endpoint: Endpoint) -> bytes:
    """Return the records as JSON; decoded exactly where numbers are kept as text or orjson cannot write them."""
    if not exactly:
        with contextlib.suppress(orjson.JSONEncodeError):
            return orjson.dumps(records)
    exact = decode_exactly(page.body)
    value = records_in(endpoint, exact.value) if isinstance(exact, Decoded) else None
    return json.dumps(value, ensure_ascii=False).encode()


def batches(pages: Iterable[ReadPage]) -> Iterator[list[ReadPage]]:
    """Group pages of one partition that feed one table into batches of at most `STATEMENT_BYTES`, or one page."""
    for _, run in groupby(pages, key=lambda page: (page.partition, page.table)):
        batch: list[ReadPage] = []
        weight = 0
        for page in run:
            if batch and weight + page.weight > STATEMENT_BYTES:
                yield batch
                batch, weight = [], 0
            batch.append(page)
            weight += page.weight
        yield batch


def stored_endpoints(path: Path) -> frozenset[str]:
    """Return the endpoints of the 2xx answers in a part of the raw table."""
    columns = read_columns(path, ["endpoint", "http_status"])
    successful = pc.equal(pc.divide(columns["http_status"], 100), 2)
    return frozenset(columns.filter(successful)["endpoint"].unique().to_pylist())


def stored_pages(path: Path, endpoints: Container[str], page_ids: Iterator[int]) -> Iterator[SpooledPage]:
    """Yield the 2xx answers of these endpoints in a part of the raw table, as they were booked."""
    vendor = path.parent.parent.name.removeprefix("vendor=")
    with open_part(path) as part:
        for rows in part.iter_batches(batch_size=PAGES_AT_ONCE, use_threads=False):
            for row in rows.to_pylist():
                if row["endpoint"] in endpoints and row["http_status"] // 100 == 2:
                    yield _spooled(next(page_ids), vendor, row)


def _spooled(page_id: int, vendor: str, row: Mapping[str, Any]) -> SpooledPage:
    return SpooledPage(
        page_id=page_id,
        vendor=vendor,
        endpoint=row["endpoint"],
        run_id=row["run_id"],
        walk_id=row["walk_id"],
        request_key=row["request_key"],
        snapshot_at=row["snapshot_at"].replace(tzinfo=UTC),
        observed_at=row["observed_at"].replace(tzinfo=UTC),
        country=row["country"],
        period_days=row["period_days"],
        page=row["page"],
        parameters=row["parameters"],
        http_status=row["http_status"],
        outcome=OutcomeKind(row["outcome"]),
        body=row["body"],
    )


def _parent_id(page: SpooledPage, endpoint: Endpoint) -> str | None:
    parent = endpoint.parent_parameter
    if parent is None:
        return None
    decoded = decode(page.parameters.encode())
    value = None if isinstance(decoded, Undecodable) else at(decoded.value, parent.name)
    return str(value) if isinstance(value, str | int) else None


def _kind(value: Json) -> str:
    match value:
        case dict():
            return "an object"
        case str():
            return "text"
        case bool():
            return "true or false"
        case _:
            return "a number"
