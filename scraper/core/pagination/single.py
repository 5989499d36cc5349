"""Endpoints that return one record for one request."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from scraper.core.bodies import Json
from scraper.core.pagination.kind import Pagination
from scraper.core.pagination.one_page import OnePageWalk
from scraper.core.pagination.walk import R, W, WalkProgress


@dataclass(frozen=True, slots=True)
class SinglePagination(Pagination):
    """One record per answer, as an object; an empty object or null is not a record."""

    kind = "single"
    shape = "object"
    limit_words = "an answer is one record"
    rows_per_page = 1
    max_page = 1
    words = "one record, one request"

    def params(self, page: int, cursor: str | None) -> Mapping[str, str]:  # noqa: ARG002
        return {}

    def elements(self, found: Json) -> list[Json] | None:
        return [] if found is None or found == {} else [found] if isinstance(found, dict) else None

    def limit_fault(self, pages: int, endpoint: str, cost: int) -> str | None:  # noqa: ARG002
        return None if pages <= 1 else f"{endpoint} returns one record per request; leave it out"

    def walk(self, walk: W, ask: Callable[[W, int, str | None], R]) -> WalkProgress[W, R]:
        return OnePageWalk(walk, ask, pagination=self)
