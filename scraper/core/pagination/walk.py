"""Progress of a walk: the part that all kinds of pagination share.

A walk never requests a page past its known end, and never believes an answer that repeats or contradicts itself:
`Guard` names what it may meet, and whether the walk ends there. The standing of a walk follows from the pages that have
landed, in any order, so that a resumed run stands where the first process stood.

Completeness counts distinct records with an id, never elements of a list. Where a total is known, rows missing = what
the total promises of the pages requested - distinct usable records. None may be missing, with two exceptions that are
noted and leave the walk complete while they explain every missing row and together at most `MOST_EXPLAINED`:
- a board that moves during the walk. A record that slides over a page boundary comes twice, and another slides past the
  walk in exchange: each missing row has its overlap.
- records that came without an id.
Anything else ends the walk as truncated (`Guard.ROWS_MISSING`). A total that changes during the walk is compared by its
last believed value. The rows that the same board had on earlier nights are not known here.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

from scraper.core.pagination.facts import PageFacts
from scraper.core.pagination.states import Guard, WalkState, Why

BARREN_PAGES_IN_A_ROW = 2
"""One empty page in the middle happens (vendor facts, section 6), and a board that moves may repeat a page's worth of
rows; two in a row that bring nothing and promise more are a loop that bills."""

MOST_EXPLAINED = 0.1
"""Share of a total that overlaps and records without an id may explain. Of 240,000 real boards (songs, repositories,
TikTok's discover page; 2020-2026) read in five pages while one day's board gives way to the next, 95 % lose at most
8 to 12 % by it."""


class Bounded(Protocol):
    """A walk, as far as its pagination needs it."""

    @property
    def max_pages(self) -> int | None:
        """The job's own limit."""


class Page(Protocol):
    """A request, as far as its pagination needs it."""

    @property
    def page(self) -> int:
        """1-based place in its walk."""

    @property
    def cursor(self) -> str | None:
        """The cursor that the page before handed out."""


_MISREAD: Mapping[str, Guard] = {
    "has_more": Guard.FLAG_NOT_UNDERSTOOD,
    "total": Guard.TOTAL_NOT_UNDERSTOOD,
    "size": Guard.SIZE_NOT_UNDERSTOOD,
    "reported_page": Guard.PAGE_NOT_UNDERSTOOD,
}
"""Fact → its guard where the walk can't do without; a cursor matters only where more is promised."""

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
    """Elements of the lists."""
    pages: int = 0
    overlaps: int = 0
    """Records that another page of the walk had listed before."""
    distinct: int = 0
    """Distinct records with an id."""
    unusable: int = 0
    """Elements without an id."""
    _guards: set[Guard] = field(default_factory=set)
    """Guards that end the walk; pages in flight when the first was met land as well."""
    _noted: set[Guard] = field(default_factory=set)
    """Guards that leave the walk complete."""
    _end_told: bool = False
    """A page carried a total or has_more, understood or not."""
    _failed: Why | None = None
    _ids: set[int] = field(default_factory=set)
    """Hashes of 64 bits of all ids: 77 bytes each, where the ids themselves take 110. Of the three million ids of
    100,000 pages two share one in one of four million walks."""
    _lists: set[int] = field(default_factory=set)
    """The same of every page: of all its ids, whatever their order."""
    _barren_in_a_row: int = 0
    """Pages that landed one after the other and listed nothing, or nothing new."""

    @property
    def gaps(self) -> int:
        """Pages up to the last one met that were asked for and have not landed."""
        return 0 if self._failed is None else 1

    @property
    def notes(self) -> Sequence[Guard]:
        """The guards that the walk met."""
        partly = {Guard.SOME_UNUSABLE} if self.unusable and Guard.RECORDS_UNUSABLE not in self._guards else set[Guard]()
        silent = {Guard.FIELDS_MISSING} if self._tells_end and self.pages and not self._end_told else set[Guard]()
        return sorted(self._guards | self._noted | partly | silent | self._passing)

    @property
    def _passing(self) -> set[Guard]:
        """The notes that a later page may still take back."""
        return set()

    @property
    def _tells_end(self) -> bool:
        """The vendor file describes a field that says where the list ends."""
        return False

    @abstractmethod
    def learn(self, request: R, facts: PageFacts) -> Sequence[R]:
        """Takes an answer in; the requests that it makes possible."""

    def widen(self, walk: W) -> Sequence[R]:
        """Another crawl wants the walk too, maybe deeper; the requests that this makes possible."""
        self.walk = walk
        if self.why is not Why.AS_ASKED or (walk.max_pages is not None and walk.max_pages <= self._reached):
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

    def _count(self, facts: PageFacts) -> bool:
        """Count a page; return whether it lists a record that no earlier page listed."""
        self.pages += 1
        self.rows += facts.records
        self.unusable += facts.records - len(facts.ids)
        ids = {hash(record.id) for record in facts.ids}
        new = ids - self._ids
        self._ids |= new
        self.distinct += len(new)
        self.overlaps += len(ids) - len(new)
        self._end_told |= facts.has_more is not None or facts.total is not None or bool(facts.not_understood)
        self._guards |= {_MISREAD[fact] for fact in facts.not_understood if fact in _MISREAD}
        if facts.list_missing:
            self._guards.add(Guard.LIST_MISSING)
        if self.unusable * 2 > self.rows:
            self._guards.add(Guard.RECORDS_UNUSABLE)
        barren = not facts.records or (bool(ids) and not new)
        self._barren_in_a_row = self._barren_in_a_row + 1 if barren else 0
        if ids:
            listed = hash(frozenset(ids))
            if listed in self._lists:
                self._guards.add(Guard.PAGE_REPEATED)
            self._lists.add(listed)
        return bool(new)

    def _compare(self, promised: int) -> None:
        """Compare the records that came with those that the vendor promised of the pages requested."""
        missing = promised - self.distinct
        if missing <= 0 or self._guards:
            return
        if missing > self.overlaps + self.unusable or missing > promised * MOST_EXPLAINED:
            self._guards.add(Guard.ROWS_MISSING)
        elif missing > self.unusable:
            self._noted.add(Guard.BOARD_MOVED)

    def _end(self, why: Why) -> None:
        """Closes the walk: the state follows from why it ended and from what it holds."""
        self.why = self._failed or why
        if self.why is not Why.AS_ASKED:  # else another crawl may still want it deeper
            self._ids, self._lists = set(), set()
        if self._failed:
            kept = self._failed in {Why.REFUSED, Why.UNREACHABLE} and self.pages > 0
            self.state = WalkState.TRUNCATED if kept else WalkState.FAILED
        elif why in {Why.END, Why.AS_ASKED}:
            self.state = WalkState.COMPLETE if self.rows else WalkState.EMPTY
        elif self.pages == 0:
            self.state = WalkState.NOT_ATTEMPTED
        else:
            self.state = WalkState.TRUNCATED
