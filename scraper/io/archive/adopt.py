"""The archive as a ledger: run tables and pages, identity and run marks, read to restore a lost state."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime
from typing import Any, Final

import orjson
import pyarrow.parquet as pq

from scraper.core.bodies import Undecodable, decode
from scraper.core.catalogue import Catalogue, Charge, Endpoint, OutcomeKind
from scraper.core.coverage import RENAMED_COLUMNS, RUN_TABLES
from scraper.core.outcomes import Answer, classify
from scraper.core.tables import PAGES_TABLE
from scraper.core.units import Credits
from scraper.io.archive.errors import explained
from scraper.io.archive.files import HASH_KEY, checksum
from scraper.io.archive.identity import UNREAD, LedgerFiles
from scraper.io.archive.tree import Tree
from scraper.ports import ArchivedAnswer, Part, RunRow

_ROWS_AT_ONCE: Final = 1_000
_ANSWERS_AT_ONCE: Final = 64
"""Answers of up to 700 KB each."""


class ParquetLedger(LedgerFiles):
    """The `ArchiveLedger` port over an archive's parts."""

    def __init__(self, tree: Tree, catalogue: Catalogue) -> None:
        super().__init__(tree)
        self._catalogue = catalogue
        self._endpoints = {endpoint.full_name: endpoint for endpoint in catalogue.endpoints}

    def part(self, path: str) -> Part:
        with explained(f"{path} cannot be read", safe=UNREAD):
            file = self._tree.local(path)
            metadata = pq.read_metadata(file)
            select_hash = (metadata.metadata or {}).get(HASH_KEY, b"").decode()
            table = path.partition("/")[0]
            return Part(table, path, metadata.num_rows, file.stat().st_size, select_hash, checksum(file))

    def size_bytes(self, path: str) -> int:
        with explained(f"{path} cannot be read", safe=UNREAD):
            return self._tree.size_bytes(path)

    def rows(self, path: str) -> Iterator[RunRow]:
        table = path.partition("/")[0]
        renamed = RENAMED_COLUMNS.get(table, {})
        names = [column.name for column in RUN_TABLES[table]]
        with explained(f"{path} cannot be read", safe=UNREAD), pq.ParquetFile(self._tree.local(path)) as part:
            for batch in part.iter_batches(_ROWS_AT_ONCE, use_threads=False):
                for row in batch.to_pylist():
                    now = {renamed.get(name, name): _aware(value) for name, value in row.items()}
                    yield {name: now.get(name) for name in names}

    def rows_by_run(self, path: str) -> Mapping[str, int]:
        with explained(f"{path} cannot be read", safe=UNREAD), pq.ParquetFile(self._tree.local(path)) as part:
            if "run_id" not in part.schema_arrow.names:
                return {}
            found = Counter[str]()
            for batch in part.iter_batches(_ROWS_AT_ONCE, columns=["run_id"], use_threads=False):
                found.update(batch.column("run_id").to_pylist())
            return found

    def answers(self, path: str) -> Iterator[ArchivedAnswer]:
        table, vendor = path.partition("/")[0], path.split("/")[1].removeprefix("vendor=")
        assert table == PAGES_TABLE, path  # noqa: S101 - the caller's choice
        with explained(f"{path} cannot be read", safe=UNREAD), pq.ParquetFile(self._tree.local(path)) as part:
            for batch in part.iter_batches(_ANSWERS_AT_ONCE, use_threads=False):
                for row in batch.to_pylist():
                    yield self._answer(vendor, row)

    def _answer(self, vendor: str, row: Mapping[str, Any]) -> ArchivedAnswer:
        endpoint, observed_at = self._endpoints.get(row["endpoint"]), _aware(row["observed_at"])
        facts, charge, credits = None, Charge.PRESUMED, self._highest_price(vendor)
        if endpoint is not None:
            answer = Answer(row["http_status"], {}, row["body"])
            outcome = classify(self._catalogue.vendors[endpoint.vendor], endpoint, answer, observed_at)
            facts, credits = outcome.facts if outcome.landed else None, endpoint.cost
            # A free answer is not kept: whatever the vendor file says now, this one may have cost.
            charge = Charge.PRESUMED if outcome.charge is Charge.FREE else outcome.charge
        return ArchivedAnswer(
            run_id=row["run_id"],
            walk_id=row["walk_id"],
            request_key=row["request_key"],
            endpoint=row["endpoint"],
            country=row["country"],
            period_days=row["period_days"],
            page=row["page"],
            parameters=row["parameters"],
            walk_parameters=row["parameters"] if endpoint is None else _of_walk(endpoint, row["parameters"]),
            snapshot_at=_aware(row["snapshot_at"]),
            observed_at=observed_at,
            http_status=row["http_status"],
            outcome=OutcomeKind(row["outcome"]),
            facts=facts,
            size_bytes=len(row["body"]),
            table=endpoint.table if endpoint is not None and facts is not None and facts.ids else None,
            charge=charge,
            credits=credits,
        )

    def _highest_price(self, vendor: str) -> Credits:
        """Return an assumed price for an endpoint that no vendor file describes any longer."""
        of_vendor = [endpoint.cost for endpoint in self._catalogue.endpoints if endpoint.vendor == vendor]
        return max(of_vendor, default=1)


def _of_walk(endpoint: Endpoint, parameters: str) -> str:
    """Return a walk's own parameters: those of one of its requests without those of pagination."""
    found = decode(parameters.encode())
    if isinstance(found, Undecodable) or not isinstance(found.value, dict):
        return parameters
    of_pages = endpoint.pagination.params(1, None).keys() | endpoint.pagination.params(2, "-").keys()
    return orjson.dumps({name: value for name, value in found.value.items() if name not in of_pages}).decode()


def _aware(value: Any) -> Any:  # noqa: ANN401 - any value of a row
    if isinstance(value, datetime):
        return value.replace(tzinfo=UTC)
    return value.isoformat() if isinstance(value, date) else value
