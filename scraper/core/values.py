"""The value of a request: see `core.frontier`. The smallest is bought first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from scraper.core.jobs import Crawl
from scraper.core.requests import Walk

Value: TypeAlias = tuple[bool, int, int, bool, int, tuple[int, ...], str]


class Values:
    """Values of the requests of one run."""

    def __init__(self, crawls: Sequence[Crawl]) -> None:
        self.boards_first = False
        """Every board comes before the first of its children, left-over children included."""
        self._wanted_for: dict[str, int] = {}
        for crawl in crawls:
            if crawl.each is not None:
                self._wanted_for[crawl.each] = max(crawl.priority, self._wanted_for.get(crawl.each, crawl.priority))

    def of(self, walk: Walk, page: int) -> Value:
        wanted_for = [self._wanted_for[name] for name in walk.crawls if name in self._wanted_for]
        priority = max([walk.priority, *wanted_for])
        if wanted_for and self.boards_first:
            return False, -priority, -1, False, page, walk.order, walk.walk_id
        if walk.leftover is not None:  # depth before breadth, to complete a walk that was cut short
            return False, -priority, walk.leftover, False, page, walk.order, walk.walk_id
        return True, -priority, 1 if wanted_for else page, not wanted_for, page, walk.order, walk.walk_id
