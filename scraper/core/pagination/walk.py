"""Progress of a walk: the part that all kinds of pagination share.

A walk never requests a page past its known end, and never accepts an answer that repeats or contradicts itself: `Guard`
lists the contradictions, and whether each ends the walk. The state of a walk follows from the pages that have landed,
in any order, so that a resumed run continues in the same state.

Completeness counts distinct records with an id, never elements of a list. If a total is known, rows missing = what
the total promises of the pages requested - distinct usable records. None may be missing, with two exceptions that are
noted and leave the walk complete while they explain every missing row and together at most `MOST_EXPLAINED`:
- a board that moves during the walk. A record that slides over a page boundary comes twice, and another slides past the
  walk in exchange: each missing row has its overlap.
- records that came without an id.
Anything else ends the walk as truncated (`Guard.ROWS_MISSING`). A total that changes during the walk is compared by its
last accepted value. The rows that the same board had on earlier nights are not known here.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

from scraper.core.pagination.facts import PageFacts
from scraper.core.pagination.states import Guard, WalkState, Why

BARREN_PAGES_IN_A_ROW = 2
"""One empty page in the middle happens (vendor facts, section 6), and a moving board may repeat a page of rows. Two in
a row that list nothing new and promise more are a loop that costs credits."""

MOST_EXPLAINED = 0.1
"""Share of a total that overlaps and records without an id may explain. Of 240,000 readings of real boards (songs,
repositories, TikTok's discover page; 2020-2026), in five pages while one day's board replaces another, 95 % lose at
most 8 % (songs), 12 % (repositories) and 10 % (discover) of their rows."""

REPEATS_NOTED = 0.25
"""Share of a walk's records, on pages that list something new, that may repeat earlier ones without a note. Boards that
move during a walk repeat a tenth; 6 % were reported for a feed (vendor facts, section 6)."""


class Bounded(Protocol):
    """The part of a walk that pagination needs."""

    @property
    def max_pages(self) -> int | None:
        """The job's limit; ``None``: no limit."""

    @property
    def stop_when_known(self) -> float | None:
        """The share of a page's ids, seen before, at which the job wants no further page."""


class Page(Protocol):
    """The part of a request that pagination needs."""

    @property
    def page(self) -> int:
        """1-based place in its walk."""

    @property
    def cursor(self) -> str | None:
        """The cursor from the previous page."""


_MISREAD: Mapping[str, Guard] = {
    "has_more": Guard.FLAG_NOT_UNDERSTOOD,
    "total": Guard.TOTAL_NOT_UNDERSTOOD,
    "size": Guard.SIZE_NOT_UNDERSTOOD,
    "reported_page": Guard.PAGE_NOT_UNDERSTOOD,
}
"""Guards of facts that are not understood; a cursor matters only if more is promised."""

W = TypeVar("W", bound=Bounded)
R = TypeVar("R", bound=Page)


@dataclass(slots=True)
class WalkProgress(ABC, Generic[W, R]):
    """The state of a walk: pages landed, pages that will not land, and its end.

    `W` is the walk and `R` its request, both from core.requests. Pagination knows neither endpoints nor request keys.
    """

    walk: W
    ask: Callable[[W, int, str | None], R]
    """Makes the request for a page."""
    tells_end: bool = field(default=False, kw_only=True)
    """True if the vendor file describes a field that marks the end of the list."""
    state: WalkState = WalkState.OPEN
    why: Why | None = None
    rows: int = 0
    """Elements of the lists."""
    pages: int = 0
    overlaps: int = 0
    """Records that an earlier page of the walk listed."""
    distinct: int = 0
    """Distinct records with an id."""
    unusable: int = 0
    """Elements without an id."""
    _guards: set[Guard] = field(default_factory=set)
    """Guards that end the walk; pages in flight at the first one land as well."""
    _noted: set[Guard] = field(default_factory=set)
    """Guards that leave the walk complete."""
    _end_stated: bool = False
    """True if a page had a total or has_more, understood or not."""
    _failed: Why | None = None
    _ids: set[int] = field(default_factory=set)
    """64-bit hashes of all ids: 77 bytes each instead of 110. Among the three million ids of 100,000 pages, two collide
    in one of four million walks."""
    _lists: set[int] = field(default_factory=set)
    """Hashes of the set of ids of each page."""
    _barren_in_a_row: int = 0
    """Consecutive landed pages without a new record."""
    _repeats: int = 0
    """Records that repeat earlier ones, on pages that also list a new one."""
    _before: set[int] = field(default_factory=set)
    """Hashes of the ids that earlier runs found."""
    _known_share: float = 0.0
    """The largest share of a page's ids that was seen before."""

    @property
    def gaps(self) -> int:
        """Requested pages, up to the last one with a guard, that have not landed."""
        return 0 if self._failed is None else 1

    @property
    def notes(self) -> Sequence[Guard]:
        """The guards of the walk."""
        partly = {Guard.SOME_UNUSABLE} if self.unusable and Guard.RECORDS_UNUSABLE not in self._guards else set[Guard]()
        silent = {Guard.FIELDS_MISSING} if self.tells_end and self.pages and not self._end_stated else set[Guard]()
        repeating = {Guard.ROWS_REPEATED} if self._repeats > REPEATS_NOTED * self.rows else set[Guard]()
        return sorted(self._guards | self._noted | partly | silent | repeating | self._passing)

    @property
    def _passing(self) -> set[Guard]:
        """The notes that a later page may still take back."""
        return set()

    def know(self, ids: Iterable[str]) -> None:
        """Take in the ids that earlier runs found, before the first page lands; `stop_when_known` counts them."""
        self._before = {hash(each) for each in ids}

    @property
    def _is_known(self) -> bool:
        """True if a page listed so many known ids that the job wants no further one."""
        limit = self.walk.stop_when_known
        return limit is not None and self._known_share >= limit

    @abstractmethod
    def learn(self, request: R, facts: PageFacts) -> Sequence[R]:
        """Take in an answer; return the requests that it makes possible."""

    def widen(self, walk: W) -> Sequence[R]:
        """Let another crawl share the walk, possibly deeper; return the requests that this makes possible."""
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
        """Return the requests that were made and are not answered."""

    def unwanted(self) -> Sequence[R]:
        """Return outstanding requests that are known to add no row."""
        return []

    def withdraw(self, request: R) -> None:
        """Withdraw an unsent request."""

    def fail(self, request: R, why: Why, *, whole_walk: bool = False) -> None:  # noqa: ARG002
        """Record that a request fails in this run; `whole_walk`: no other request of the walk is made either."""
        self._failed = why
        self._end(why)

    def give_up(self, why: Why) -> None:
        """End the walk for this run if it is open."""
        if self.state is WalkState.OPEN:
            self._end(why)

    def reject(self, guard: Guard) -> None:
        """End the walk under a guard that follows from the board's history."""
        self._guards.add(guard)
        self._end(Why.GUARD)

    @property
    def _reached(self) -> int:
        """The last requested page."""
        return self.pages

    def _advance(self) -> Sequence[R]:
        """Return the next requests; end the walk if there are none and nothing is in flight."""
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
        self._end_stated |= facts.has_more is not None or facts.total is not None or bool(facts.not_understood)
        self._guards |= {_MISREAD[fact] for fact in facts.not_understood if fact in _MISREAD}
        if facts.list_missing:
            self._guards.add(Guard.LIST_MISSING)
        if self.unusable * 2 > self.rows:
            self._guards.add(Guard.RECORDS_UNUSABLE)
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
        return bool(new)

    def _compare(self, promised: int) -> None:
        """Compare the records that came with those that the vendor promised for the requested pages."""
        missing = promised - self.distinct
        if missing <= 0 or self._guards:
            return
        if missing > self.overlaps + self.unusable or missing > promised * MOST_EXPLAINED:
            self._guards.add(Guard.ROWS_MISSING)
        elif missing > self.unusable:
            self._noted.add(Guard.BOARD_MOVED)

    def _end(self, why: Why) -> None:
        """Close the walk; its state follows from the reason and from the pages and rows that landed."""
        self.why = self._failed or why
        if self.why not in {Why.AS_ASKED, Why.KNOWN}:  # otherwise another crawl may still want it deeper
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
