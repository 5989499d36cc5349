"""From a page's bytes to the list of records that a SELECT reads."""

from __future__ import annotations

import json
from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC
from itertools import groupby
from pathlib import Path
from typing import Any, Final

import orjson
import pyarrow.compute as pc
import pyarrow.parquet as pq

from scraper.core.bodies import Json, Undecodable, at, decode
from scraper.core.catalogue import Endpoint, OutcomeKind
from scraper.core.tables import PAGES_TABLE
from scraper.ports import SpooledPage

STATEMENT_BYTES: Final = 2 * 2**20
"""JSON that one SQL statement reads at most, unless one page alone is larger (memory grows with it: measured)."""

PAGES_AT_ONCE: Final = 8
"""Stored pages, of up to 700 KB each, that are held as Python values at a time."""


@dataclass(frozen=True, slots=True)
class ReadPage:
    """A page and what its body gave."""

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
        """A SELECT would read it, if it could be read."""
        return self.page.outcome is OutcomeKind.OK

    @property
    def partition(self) -> str:
        """Directory inside a table: ``vendor=crawlora/date=2026-11-21``."""
        return f"vendor={self.page.vendor}/date={self.page.snapshot_at.astimezone(UTC).date().isoformat()}"

    @property
    def weight(self) -> int:
        return max(len(self.page.body), len(self.records))


def read(page: SpooledPage, endpoints: Mapping[str, Endpoint], tables: Container[str]) -> ReadPage:
    """The page with its records; with an error where there is no way to them. Never raises for what a body holds."""
    decoded = decode(page.body)
    if isinstance(decoded, Undecodable):
        return ReadPage(page, error=f"not JSON: {decoded.reason}")
    if page.outcome is not OutcomeKind.OK:
        return ReadPage(page)
    endpoint = endpoints.get(page.endpoint)
    if endpoint is None:
        return ReadPage(page, error=f"no vendor file describes {page.endpoint}")
    if endpoint.table not in tables or endpoint.table == PAGES_TABLE:
        return ReadPage(page, error=f"{page.endpoint} feeds a table that is not there: {endpoint.table}")
    return _with_records(page, endpoint, decoded.value)


def _with_records(page: SpooledPage, endpoint: Endpoint, value: Json) -> ReadPage:
    path = endpoint.records.path
    found = at(value, path)
    if found is None:
        return ReadPage(page)
    if not isinstance(found, list):
        return ReadPage(page, error=f"{path} is no list of records but {_kind(found)}")
    if endpoint.records.nested_in is not None:
        found = [_unwrapped(record, endpoint.records.nested_in) for record in found]
    try:
        records = _text(found)
    except RecursionError:
        return ReadPage(page, error=f"{path} is nested too deeply")
    return ReadPage(page, endpoint.table, records, len(found), _parent_id(page, endpoint))


def batches(pages: Iterable[ReadPage]) -> Iterator[list[ReadPage]]:
    """Runs of pages of one partition that feed one table, each of at most `STATEMENT_BYTES` or one page."""
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
    """The endpoints whose readable answers lie in a part of the raw table."""
    columns = pq.read_table(path, columns=["endpoint", "outcome"], partitioning=None)
    feeding = columns.filter(pc.equal(columns["outcome"], OutcomeKind.OK.value))
    return frozenset(feeding["endpoint"].unique().to_pylist())


def stored_pages(path: Path, endpoints: Container[str], page_ids: Iterator[int]) -> Iterator[SpooledPage]:
    """The pages of a part of the raw table that these endpoints answered."""
    vendor = path.parent.parent.name.removeprefix("vendor=")
    with pq.ParquetFile(path) as part:
        for rows in part.iter_batches(batch_size=PAGES_AT_ONCE):
            for row in rows.to_pylist():
                if row["endpoint"] in endpoints and row["outcome"] == OutcomeKind.OK.value:
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


def _unwrapped(record: Json, name: str) -> Json:
    if isinstance(record, dict) and name in record:
        return record[name]
    return record


def _text(records: list[Json]) -> bytes:
    try:
        return orjson.dumps(records)
    except orjson.JSONEncodeError:  # orjson reads 1,024 levels and writes 254
        return json.dumps(records, ensure_ascii=False).encode()


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
