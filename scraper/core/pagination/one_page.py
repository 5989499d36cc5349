"""Endpoints that return their whole list, or the part that they serve, in one answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from scraper.core.pagination.facts import PageFacts
from scraper.core.pagination.kind import Pagination
from scraper.core.pagination.states import Guard, WalkState, Why
from scraper.core.pagination.walk import R, W, WalkProgress


@dataclass(frozen=True, slots=True)
class OnePagePagination(Pagination):
    """One answer contains the list; there is no page, offset or cursor for more. Field paths are dotted."""

    kind = "one_page"
    limit_words = "one request returns all rows"
    max_page = 1

    rows_per_page: int
    """The most rows that the vendor serves."""
    total_field: str | None = None
    """The length of the whole list, of which `rows_per_page` are served; ``None``: no answer states it."""

    @property
    def fields(self) -> Mapping[str, str | None]:
        return {"total": self.total_field}

    @property
    def words(self) -> str:
        return f"one request, at most {self.rows_per_page} rows; there are no further pages"

    def params(self, page: int, cursor: str | None) -> Mapping[str, str]:  # noqa: ARG002
        return {}

    def limit_fault(self, pages: int, endpoint: str, cost: int) -> str | None:  # noqa: ARG002
        return None if pages <= 1 else f"{endpoint} returns at most {self.rows_per_page} rows, in one request"

    def walk(self, walk: W, ask: Callable[[W, int, str | None], R]) -> WalkProgress[W, R]:
        return OnePageWalk(walk, ask, pagination=self, tells_end=self.tells_end)


@dataclass(slots=True)
class OnePageWalk(WalkProgress[W, R]):
    """A walk of one request."""

    pagination: Pagination = field(kw_only=True)

    def learn(self, request: R, facts: PageFacts) -> Sequence[R]:  # noqa: ARG002
        """Take in the answer. The served list is as long as the vendor documents, whatever the total says."""
        self._count(facts)
        total = facts.total or 0
        served = min(total, max(self.pagination.rows_per_page, self.rows))
        self._compare(served)
        if self.rows and total > served:
            self._noted.add(Guard.PART_SERVED)
        self._end(Why.GUARD if self._guards else Why.END)
        return []

    def outstanding(self) -> Sequence[R]:
        return [self.ask(self.walk, 1, None)] if self.state is WalkState.OPEN else []
