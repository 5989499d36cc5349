"""An archive with a history: walks of several nights, with what the ledger tells of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

import orjson

from scraper.core.coverage import COVERAGE_COLUMNS, COVERAGE_TABLE, REQUESTS_COLUMNS, REQUESTS_TABLE
from scraper.core.tables import TableSelect
from scraper.io.archive import ParquetArchive
from scraper.io.archive.tree import Tree
from scraper.ports import RunRow, RunVersion, SpooledPage, drain_order
from tests.core.builders import catalogue_of
from tests.io.archive_fixtures import ENDPOINTS, TABLES, page

LISTS = {
    "crawlora.hashtags": ("data", "data", "list"),
    "crawlora.creators": ("data", "data", "creators"),
    "crawlora.hashtag_posts": ("data", "itemList"),
    "keyapi.videos": ("data", "videos"),
}


def night(day: int, hour: int = 2) -> datetime:
    """An instant of November 2026."""
    return datetime(2026, 11, day, hour, tzinfo=UTC)


@dataclass(slots=True)
class History:
    """What is to be written."""

    pages: list[SpooledPage] = field(default_factory=list)
    coverage: dict[str, list[RunRow]] = field(default_factory=lambda: defaultdict(list))
    requests: dict[str, list[RunRow]] = field(default_factory=lambda: defaultdict(list))
    began: dict[str, datetime] = field(default_factory=dict)
    _numbers: Any = field(default_factory=lambda: count(1))

    def walk(
        self,
        run_id: str,
        at: datetime,
        pages: Sequence[Sequence[object]],
        *,
        walk_id: str = "us",
        endpoint: str = "crawlora.hashtags",
        parameters: str = "{}",
        state: str = "complete",
        why: str = "end",
        **coverage: object,
    ) -> None:
        """A walk that a run bought: its pages, each a list of records, and how far it came."""
        for number, records in enumerate(pages, start=1):
            body: object = list(records)
            for key in reversed(LISTS[endpoint]):
                body = {key: body}
            bought = page(endpoint, orjson.dumps(body), page_id=next(self._numbers), number=number, snapshot_at=at)
            self.pages.append(replace(bought, run_id=run_id, walk_id=walk_id, parameters=parameters))
        known = {"pages": len(pages), "rows": sum(map(len, pages)), **coverage}
        self.cover(run_id, at, walk_id=walk_id, endpoint=endpoint, state=state, why=why, snapshot_at=at, **known)

    def cover(self, run_id: str, began: datetime, **values: object) -> None:
        """A walk of a run without pages of its own."""
        self.began.setdefault(run_id, began)
        row = dict.fromkeys(column.name for column in COVERAGE_COLUMNS)
        self.coverage[run_id].append({**row, "endpoint": "crawlora.hashtags", "run_id": run_id, **values})

    def attempt(self, run_id: str, began: datetime, **values: object) -> None:
        """A settled attempt of a run."""
        self.began.setdefault(run_id, began)
        row = dict.fromkeys(column.name for column in REQUESTS_COLUMNS)
        self.requests[run_id].append({**row, "endpoint": "crawlora.hashtags", "run_id": run_id, **values})

    def write(self, data: Path, tree: Tree | None = None, tables: Sequence[TableSelect] = TABLES) -> None:
        """Into an archive; `tree`: its parts, if they are not in the data directory."""
        archive = ParquetArchive(data, tables, catalogue_of(ENDPOINTS), tree=tree)
        archive.write(1, sorted(self.pages, key=drain_order))
        for run_id, began in self.began.items():
            rows = {COVERAGE_TABLE: self.coverage[run_id], REQUESTS_TABLE: self.requests[run_id]}
            for each in rows.values():
                each.sort(key=lambda row: str(row["endpoint"]))
            archive.write_run_tables([RunVersion(run_id, began, "1")], {run_id: rows}.__getitem__)
