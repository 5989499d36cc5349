"""How far a walk has come: what all kinds of pagination keep of it.

A walk never asks past what it knows to be its end, and never believes an answer that repeats itself: `Guard` names what
it may meet, and whether it ends there or goes on. How a walk stands follows from the pages that have landed, in
whatever order they did, so that a resumed run stands where the first process stood.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

from scraper.core.pagination.facts import PageFacts
from scraper.core.pagination.states import Guard, WalkState, Why

BARREN_PAGES_IN_A_ROW = 2
"""One empty page in the middle happens (vendor facts, section 6), and a board that moves may repeat a page's worth of
rows; two in a row that bring nothing and promise more are a loop that bills."""

REPEATS_NOTED = 0.25
"""Share of a walk's records, on pages that list something new, that may repeat earlier ones unsaid. Of boards that move
while they are read a tenth does; 6 % were reported of a feed (vendor facts, section 6)."""


class Bounded(Protocol):
    """A walk, as far as its pagination needs it."""

    @property
    def max_pages(self) -> int | None:
        """The job's own limit."""

    @property
    def stop_when_known(self) -> float | None:
        """The share of a page's ids, seen before, at which the job wants no further page."""


class Page(Protocol):
    """A request, as far as its pagination needs it."""

    @property
    def page(self) -> int:
        """1-based place in its walk."""

    @property
    def cursor(self) -> str | None:
        """The cursor that the page before handed out."""


W = TypeVar("W", bound=Bounded)
R = TypeVar("R", bound=Page)


@dataclass(slots=True)
class WalkProgress(ABC, Generic[W, R]):
    """A walk with the pages that came, the pages that will not, and how it ended.

    `W` is the walk and `R` a request of it: core.requests has both. Pagination knows neither endpoints nor their keys.
    """

    walk: W
    ask: Callable[[W, int, str | None], R]
    """Makes the request for a page."""
    state: WalkState = WalkState.OPEN
    why: Why | None = None
    rows: int = 0
    pages: int = 0
    overlaps: int = 0
    """Records that another page of the walk had listed before."""
    _guards: set[Guard] = field(default_factory=set)
    """All met that end a walk: pages that were in flight when the first was met land as well."""
    _failed: Why | None = None
    _ids: set[int] = field(default_factory=set)
    """Hashes of 64 bits of all ids: 77 bytes each, where the ids themselves take 110. Of the three million ids of
    100,000 pages two share one in one of four million walks."""
    _lists: set[int] = field(default_factory=set)
    """The same of every page: of all its ids, whatever their order."""
    _barren_in_a_row: int = 0
    """Pages that landed one after the other and listed nothing, or nothing new."""
    _repeats: int = 0
    """Records that repeat earlier ones, on pages that list something new as well."""
    _before: set[int] = field(default_factory=set)
    """Hashes of the ids that earlier runs found."""
    _known_share: float = 0.0
    """The largest share of a page's ids that was seen before."""

    @property
    def gaps(self) -> int:
        """Pages up to the last one met that were asked for and have not landed."""
        return 0 if self._failed is None else 1

    @property
    def notes(self) -> Sequence[Guard]:
        """What the walk met that its vendor's own word contradicts."""
        return sorted(self._guards | self._repeating)

    @property
    def _repeating(self) -> set[Guard]:
        return {Guard.ROWS_REPEATED} if self._repeats > REPEATS_NOTED * self.rows else set()

    def know(self, ids: Iterable[str]) -> None:
        """Take in the ids that earlier runs found, before the first page lands; `stop_when_known` counts them."""
        self._before = {hash(each) for each in ids}

    @property
    def _is_known(self) -> bool:
        """A page listed so much of what was seen before that the job wants no further one."""
        limit = self.walk.stop_when_known
        return limit is not None and self._known_share >= limit

    @abstractmethod
    def learn(self, request: R, facts: PageFacts) -> Sequence[R]:
        """Takes an answer in; the requests that it makes possible."""

    def widen(self, walk: W) -> Sequence[R]:
        """Another crawl wants the walk too, maybe deeper; the requests that this makes possible."""
        self.walk = walk
        deeper = self.why is Why.AS_ASKED and (walk.max_pages is None or walk.max_pages > self._reached)
        if not (deeper or self.why is Why.KNOWN):
            return []
        if self._is_known:
            self.why = Why.KNOWN
            return []
        self.state, self.why = WalkState.OPEN, None
        return self._advance()

    @abstractmethod
    def outstanding(self) -> Sequence[R]:
        """Requests that were asked for and have not been answered."""

    def unwanted(self) -> Sequence[R]:
        """Those of them that, as is known by now, can add no row."""
        return []

    def withdraw(self, request: R) -> None:
        """An unwanted request was not sent, and will not be."""

    def fail(self, request: R, why: Why, *, whole_walk: bool = False) -> None:  # noqa: ARG002
        """A request of the walk will not be answered in this run; `whole_walk`: nor is any other of it asked for."""
        self._failed = why
        self._end(why)

    def give_up(self, why: Why) -> None:
        """Nothing more of this walk is bought in this run."""
        if self.state is WalkState.OPEN:
            self._end(why)

    @property
    def _reached(self) -> int:
        """The last page that was asked for."""
        return self.pages

    def _advance(self) -> Sequence[R]:
        """The requests that are known to lead on; where there are none, the walk ends if nothing is in flight."""
        return []

    def _count(self, facts: PageFacts) -> None:
        self.pages += 1
        self.rows += facts.records
        ids = {hash(record.id) for record in facts.ids}
        new = ids - self._ids
        self._ids |= new
        self.overlaps += len(ids) - len(new)
        self._repeats += len(ids) - len(new) if new else 0
        if ids:
            self._known_share = max(self._known_share, 1 - len(new - self._before) / len(ids))
        barren = not facts.records or (bool(ids) and not new)
        self._barren_in_a_row = self._barren_in_a_row + 1 if barren else 0
        if ids:
            listed = hash(frozenset(ids))
            if listed in self._lists and not self._is_known:
                self._guards.add(Guard.PAGE_REPEATED)
            self._lists.add(listed)

    def _end(self, why: Why) -> None:
        """Closes the walk: the state follows from why it ended and from what it holds."""
        self.why = self._failed or why
        if self.why not in {Why.AS_ASKED, Why.KNOWN}:  # else another crawl may still want it deeper
            self._ids, self._lists, self._before = set(), set(), set()
        if self._failed:
            kept = self._failed in {Why.REFUSED, Why.UNREACHABLE} and self.pages > 0
            self.state = WalkState.TRUNCATED if kept else WalkState.FAILED
        elif why in {Why.END, Why.AS_ASKED, Why.KNOWN}:
            self.state = WalkState.COMPLETE if self.rows else WalkState.EMPTY
        elif self.pages == 0:
            self.state = WalkState.NOT_ATTEMPTED
        else:
            self.state = WalkState.TRUNCATED
