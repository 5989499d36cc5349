"""Complete walks as an earlier process of their run left them: their pages are not read again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from scraper.core.pagination.facts import PageFacts
from scraper.core.pagination.states import Guard, WalkState, Why
from scraper.core.pagination.walk import R, W, WalkProgress


class FinishedWalk(NamedTuple):
    """A complete walk as the state keeps it; a tuple, because a run may have a million."""

    crawls: tuple[str, ...]
    """Names of the crawls that wanted it when it was complete."""
    max_pages: int | None
    why: Why
    pages: int
    rows: int
    distinct: int
    overlaps: int
    gaps: int
    notes: tuple[Guard, ...]
    reused_from: str | None

    def is_short_of(self, max_pages: int | None) -> bool:
        """Return whether a job that requests so many pages would not have ended the walk here."""
        if self.why is not Why.AS_ASKED:
            return False
        return max_pages is None or self.max_pages is None or max_pages > self.max_pages


_NOTHING: set[int] = set()
"""An empty set for all restored walks, which learn nothing."""


class RestoredWalk(WalkProgress[W, R]):
    """A complete walk that an earlier process of the run has bought.

    It has no ids to compare another page with: if `needs_pages`, it has to be replayed instead.
    """

    __slots__ = ("_finished",)

    def __init__(self, walk: W, finished: FinishedWalk) -> None:
        self.walk = walk
        self._finished = finished
        self.state, self.why = WalkState.COMPLETE, finished.why
        self.pages, self.rows, self.distinct = finished.pages, finished.rows, finished.distinct
        self.overlaps, self.unusable = finished.overlaps, 0
        self._ids = self._lists = self._before = _NOTHING
        self._failed = None

    @property
    def notes(self) -> Sequence[Guard]:
        return self._finished.notes

    @property
    def gaps(self) -> int:
        return self._finished.gaps

    def needs_pages(self, walk: W) -> bool:
        """Return whether the walk, shared by another crawl, may continue."""
        if self.why is Why.KNOWN:
            return walk.stop_when_known != self.walk.stop_when_known
        return self._finished.is_short_of(walk.max_pages)

    def learn(self, request: R, facts: PageFacts) -> Sequence[R]:  # noqa: ARG002
        raise AssertionError("a complete walk sends no request")

    def widen(self, walk: W) -> Sequence[R]:
        self.walk = walk
        return []

    def outstanding(self) -> Sequence[R]:
        return []
