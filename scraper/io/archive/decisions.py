"""Stored answers as today's vendor files read them.

An answer that was booked as malformed may turn out to be readable. Where its request was repeated in the same run, one
answer alone feeds the tables: the one that was booked as a page, else the last that is readable.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import count
from typing import Final, TypeAlias

import pyarrow as pa

from scraper.core.bodies import Decoded, Undecodable, decode
from scraper.core.catalogue import Catalogue, OutcomeKind
from scraper.core.decisions import Decision, decide
from scraper.core.part_names import ENDING
from scraper.core.tables import PAGES_TABLE
from scraper.io.archive.files import read_columns
from scraper.io.archive.survey import stored_pages
from scraper.io.archive.tree import Tree
from scraper.ports import SpooledPage

RequestId: TypeAlias = tuple[str, str]
"""(run_id, request_key)."""
_LANDED: Final = frozenset({OutcomeKind.OK, OutcomeKind.EMPTY})


@dataclass(slots=True)
class StoredAnswers:
    """The successful (2xx) answers of an archive, each with today's decision."""

    tree: Tree
    catalogue: Catalogue
    _partition: str | None = None
    _repeated: dict[RequestId, datetime | None] = field(default_factory=dict)

    def of(
        self, source: str, endpoints: Container[str], page_ids: Iterator[int]
    ) -> Iterator[tuple[SpooledPage, Decision, Decoded | Undecodable]]:
        """Yield the answers of a part of the raw table that these endpoints gave, without superseded ones."""
        self._turn_to(source.rpartition("/")[0])
        for page in stored_pages(self.tree.local(f"{PAGES_TABLE}/{source}"), endpoints, page_ids):
            request = (page.run_id, page.request_key)
            if page.outcome in _LANDED or self._repeated.get(request, page.observed_at) == page.observed_at:
                decoded = decode(page.body)
                yield page, self._decide(page, decoded), decoded

    def _decide(self, page: SpooledPage, decoded: Decoded | Undecodable | None = None) -> Decision:
        endpoint = self.catalogue.endpoint(page.endpoint)
        if endpoint is None:
            raise AssertionError(f"{page.endpoint} is in no vendor file, so its answers are left alone")
        vendor = self.catalogue.vendors[endpoint.vendor]
        return decide(vendor, endpoint, page.http_status, page.body, page.observed_at, decoded)

    def _turn_to(self, partition: str) -> None:
        """Find the repeated requests of a partition, and of each the answer that may feed the tables.

        All answers of a walk in one run are in one partition. ``None``: none of those booked as failures.
        """
        if partition == self._partition:
            return
        directory = f"{PAGES_TABLE}/{partition}"
        parts = [f"{directory}/{name}" for name in self.tree.names(directory) if name.endswith(ENDING)]
        times = Counter[RequestId]()
        for part in parts:
            times.update(_requests(self.tree, part))
        self._partition = partition
        self._repeated = {request: None for request, answers in times.items() if answers > 1}
        if not self._repeated:
            return
        last: dict[RequestId, SpooledPage] = {}
        for part in parts:
            for page in _answers(self.tree, part, self._repeated, self.catalogue):
                request = (page.run_id, page.request_key)
                known = last.get(request)
                if self._decide(page).outcome in _LANDED and (known is None or _rank(page) > _rank(known)):
                    last[request] = replace(page, body=b"")
        self._repeated |= {
            request: None if page.outcome in _LANDED else page.observed_at for request, page in last.items()
        }


def _rank(page: SpooledPage) -> tuple[bool, datetime]:
    return page.outcome in _LANDED, page.observed_at


def _requests(tree: Tree, part: str) -> Iterator[RequestId]:
    """Yield the request of each answer. A damaged part is reported elsewhere, and ignored here."""
    try:
        columns = read_columns(tree.local(part), ["run_id", "request_key"])
    except (OSError, pa.ArrowException):
        return
    yield from zip(columns["run_id"].to_pylist(), columns["request_key"].to_pylist(), strict=True)


def _answers(tree: Tree, part: str, requests: Container[RequestId], catalogue: Catalogue) -> Iterator[SpooledPage]:
    described = {endpoint.full_name for endpoint in catalogue.endpoints}
    try:
        for page in stored_pages(tree.local(part), described, count()):
            if (page.run_id, page.request_key) in requests:
                yield page
    except (OSError, pa.ArrowException):
        return
