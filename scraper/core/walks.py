"""Which pages of a walk come next, and what ends it.

Pages by number fan out as soon as one answer tells the total; a cursor goes one step at a time. A walk never asks past
what it knows to be its end, and never believes an answer that repeats itself: `Guard` names what it may meet, and
whether it ends there or goes on. How a walk stands follows from the pages that have landed, in whatever order they did,
so that a resumed run stands where the first process stood.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import assert_never

from scraper.core.bodies import integer_of
from scraper.core.catalogue import Counts, CursorPagination, PagePagination, Role
from scraper.core.fingerprints import Fingerprints
from scraper.core.pagination import Guard, PageFacts, Progress, WalkState, Why
from scraper.core.requests import Request, Walk

BARREN_PAGES_IN_A_ROW = 2
"""One empty page in the middle happens (vendor facts, section 6), and a board that moves may repeat a page's worth of
rows; two in a row that bring nothing and promise more are a loop that bills."""

MOST_PAGES_AHEAD = 1_000
"""Pages of one walk asked for beyond those that have come: a total that lies costs no memory."""


def start(walk: Walk) -> tuple[Progress, Request]:
    """A walk at its beginning, and its first request."""
    match walk.endpoint.pagination:
        case PagePagination() as pages:
            return PageWalk(walk, pagination=pages), walk.request(1)
        case CursorPagination():
            return CursorWalk(walk), walk.request(1)
        case _:
            assert_never(walk.endpoint.pagination)


@dataclass(slots=True)
class _Walked:
    """What both kinds of walk keep: pages that came, pages that will not, and how it ended."""

    walk: Walk
    state: WalkState = WalkState.OPEN
    why: Why | None = None
    rows: int = 0
    pages: int = 0
    overlaps: int = 0
    _guards: set[Guard] = field(default_factory=set)
    """All met that end a walk: pages that were in flight when the first was met land as well."""
    _failed: Why | None = None
    _ids: Fingerprints = field(default_factory=Fingerprints)
    _lists: Fingerprints = field(default_factory=Fingerprints)
    """Of every page: all its ids, whatever their order."""
    _barren_in_a_row: int = 0
    """Pages that landed one after the other and listed nothing, or nothing new."""

    def _count(self, facts: PageFacts) -> None:
        self.pages += 1
        self.rows += facts.records
        ids = {record.id for record in facts.ids}
        new = sum(self._ids.add(identity) for identity in ids)
        self.overlaps += len(ids) - new
        barren = not facts.records or (bool(ids) and not new)
        self._barren_in_a_row = self._barren_in_a_row + 1 if barren else 0
        if ids and not self._lists.add("\n".join(sorted(ids))):
            self._guards.add(Guard.PAGE_REPEATED)

    def _end(self, why: Why) -> None:
        """Closes the walk: the state follows from why it ended and from what it holds."""
        self.why = self._failed or why
        if self.why is not Why.AS_ASKED:  # else another crawl may still want it deeper
            self._ids = self._lists = Fingerprints()
        if self._failed:
            kept = self._failed in {Why.REFUSED, Why.UNREACHABLE} and self.pages > 0
            self.state = WalkState.TRUNCATED if kept else WalkState.FAILED
        elif why in {Why.END, Why.AS_ASKED}:
            self.state = WalkState.COMPLETE if self.rows else WalkState.EMPTY
        elif self.pages == 0:
            self.state = WalkState.NOT_ATTEMPTED
        else:
            self.state = WalkState.TRUNCATED

    def give_up(self, why: Why) -> None:
        """Nothing more of this walk is bought in this run."""
        if self.state is WalkState.OPEN:
            self._end(why)


@dataclass(slots=True)
class PageWalk(_Walked):
    """Pages by number; they may land in any order once the first has told how many there are."""

    pagination: PagePagination = field(kw_only=True)
    _asked: set[int] = field(default_factory=lambda: {1})
    _highest_asked: int = 1
    _withdrawn: set[int] = field(default_factory=set)
    """Pages below the highest asked for that were taken back; asked for again where they turn out to be there."""
    _answered: set[int] = field(default_factory=set)
    _highest_answered: int = 0
    _size: int | None = None
    _first_total: int | None = None
    _told_by: int = 0
    """The highest page whose total is believed."""
    _promised: int | None = None
    """Pages that this total makes."""
    _last: int | None = None
    """The lowest page that says it is the last."""
    _short: int | None = None
    """The lowest page that is not full, where nothing is said of more."""
    _hoped: int = 1
    """The last page that others promise, or may be hoped, to hold records."""
    _empty: set[int] = field(default_factory=set)
    """Pages that list nothing, where has_more or the total promises more."""
    _totals_differ: set[Guard] = field(default_factory=set)
    _stopped: bool = False

    @property
    def _limit(self) -> tuple[int | None, Why]:
        asked, clamp = self.walk.max_pages, self.pagination.max_page
        if asked is not None and (clamp is None or asked <= clamp):
            return asked, Why.AS_ASKED
        return (None, Why.END) if clamp is None else (clamp, Why.CLAMP)

    @property
    def _horizon(self) -> tuple[int, bool]:
        """The last page that may hold records, and whether that is known to be the end."""
        if self._last is not None:
            return self._last, True
        if self._promised is not None:
            return max(self._promised, self._highest_answered), True
        return (self._hoped, False) if self._short is None else (self._short, True)

    @property
    def gaps(self) -> int:
        """Pages up to the last one met that were asked for and have not landed."""
        holes = sum(page < self._highest_answered for page in self._withdrawn)
        return self._highest_answered - self.pages - holes

    @property
    def notes(self) -> Sequence[Guard]:
        """What the walk met that its vendor's own word contradicts."""
        lone = {Guard.EMPTY_PAGE} if self._empty and Guard.EMPTY_PAGES not in self._guards else set[Guard]()
        return sorted(self._totals_differ | self._guards | lone)

    def learn(self, request: Request, facts: PageFacts) -> Sequence[Request]:
        """Takes a page in; all the pages that it proves to be there."""
        self._answered.add(request.page)
        self._highest_answered = max(self._highest_answered, request.page)
        self._count(facts)
        if _skips(request.page, facts, self.pagination):
            self._guards.add(Guard.SIZE_OTHER)
        if facts.reported_page in {None, request.page}:
            self._look_ahead(request.page, facts)
        else:
            self._guards.add(Guard.PAGE_OTHER)
        return self._advance()

    def _look_ahead(self, page: int, facts: PageFacts) -> None:
        self._hear_total(page, facts)
        if facts.has_more is False:
            self._last = page if self._last is None else min(self._last, page)
        elif facts.has_more is True or 0 < (max(0, facts.size or 0) or self.pagination.max_size) <= facts.records:
            self._hoped = max(self._hoped, page + 1)
        else:
            self._short = page if self._short is None else min(self._short, page)
        promised = facts.has_more is True or (facts.has_more is None and page <= (self._promised or 0))
        if facts.records == 0 and promised:
            self._empty.add(page)
            if page - 1 in self._empty or page + 1 in self._empty:
                self._guards.add(Guard.EMPTY_PAGES)
        barren = facts.records and self._barren_in_a_row >= BARREN_PAGES_IN_A_ROW
        # Where a total is known the pages land as they come, and it bounds them.
        if barren and facts.has_more is not False and self._promised is None:
            self._guards.add(Guard.NOTHING_NEW)

    def _hear_total(self, page: int, facts: PageFacts) -> None:
        total = facts.total
        self._size = self._size or _real_size(facts, self.pagination)
        if total is None or total <= 0 or not self._size:
            return
        self._first_total = total if page == 1 else self._first_total
        promised = -(-total // self._size)
        if facts.records and promised < page:
            return  # its own page contradicts it
        if self._first_total is not None and total != self._first_total:
            grew = total > self._first_total
            self._totals_differ.add(Guard.TOTAL_GREW if grew else Guard.TOTAL_SHRANK)
            if not grew and facts.has_more is True:
                return
        if page > self._told_by:
            self._told_by, self._promised = page, promised

    def _advance(self) -> Sequence[Request]:
        limit, _ = self._limit
        reach = min(self._horizon[0], len(self._answered) + MOST_PAGES_AHEAD)
        reach = reach if limit is None else min(reach, limit)
        if self._guards or self._stopped or self._failed is Why.REFUSED:
            reach = 0
        again = sorted(page for page in self._withdrawn if page <= reach)
        wanted = [*again, *range(self._highest_asked + 1, reach + 1)]
        self._withdrawn.difference_update(again)
        self._asked.update(wanted)
        self._highest_asked = max(self._highest_asked, reach)
        self._end_if_answered()
        return [self.walk.request(page) for page in wanted]

    def _end_if_answered(self) -> None:
        if self._asked != self._answered:
            return
        limit, why = self._limit
        horizon, end_known = self._horizon
        board_ends = max(horizon, self._promised or 0)
        if self._last is not None and self._last < board_ends and (limit is None or self._last < limit):
            self._guards.add(Guard.TOTAL_NOT_REACHED)
        if self._guards:
            why = Why.GUARD
        elif end_known and (limit is None or board_ends <= limit):
            why = Why.END
        self._end(why)

    def widen(self, walk: Walk) -> Sequence[Request]:
        """Another crawl wants the walk too, maybe deeper; the requests that this makes possible."""
        self.walk = walk
        if self.why is not Why.AS_ASKED or (walk.max_pages is not None and walk.max_pages <= self._highest_asked):
            return []
        self.state, self.why = WalkState.OPEN, None
        return self._advance()

    def outstanding(self) -> Sequence[Request]:
        """Requests that were asked for and have not been answered."""
        return [self.walk.request(page) for page in sorted(self._asked - self._answered)]

    def unwanted(self) -> Sequence[Request]:
        """Those of them that lie past an end that another page has told, or in a walk that is not gone on with."""
        last = 0 if self._guards or self._stopped else self._horizon[0]
        return [] if last >= self._highest_asked else [r for r in self.outstanding() if r.page > last]

    def withdraw(self, request: Request) -> None:
        """An unwanted request was not sent, and will not be unless another page tells that it is there after all."""
        self._asked.discard(request.page)
        self._withdrawn.add(request.page)
        while self._highest_asked not in self._asked and self._highest_asked > 1:
            self._withdrawn.discard(self._highest_asked)
            self._highest_asked -= 1
        self._end_if_answered()

    def fail(self, request: Request, why: Why, *, whole_walk: bool = False) -> None:
        """A page will not come; the others that are known are bought all the same, unless the whole walk fails."""
        self._failed = why
        self._stopped |= whole_walk
        self._answered.add(request.page)
        self._highest_answered = max(self._highest_answered, request.page)
        if self.state is WalkState.OPEN and self._asked == self._answered:
            self._end(why)


def _skips(page: int, facts: PageFacts, pages: PagePagination) -> bool:
    """The vendor serves fewer records a page than were asked for: the next offset would leave some out."""
    more = facts.has_more if facts.has_more is not None else (facts.total or 0) > page * pages.max_size
    return more and pages.counts is Counts.RECORDS and 0 < (facts.size or 0) < pages.max_size


def _real_size(facts: PageFacts, pages: PagePagination) -> int:
    """Records a page: what the answer says, unless it served less than half of that with more to come.

    Offsets are asked for in steps of the size that was asked for.
    """
    if pages.counts is Counts.RECORDS:
        return pages.max_size
    if facts.size is None or facts.size < 0 or (facts.has_more is True and 0 < facts.records * 2 <= facts.size):
        return facts.records
    return facts.size


@dataclass(slots=True)
class CursorWalk(_Walked):
    """Pages by cursor, one after the other."""

    _cursors: Fingerprints = field(default_factory=Fingerprints)
    _empty_in_a_row: int = 0
    _passed_over: bool = False
    _fault: Guard | None = None
    """What keeps the last cursor from being followed."""
    _next: Request | None = field(init=False)

    def __post_init__(self) -> None:
        self._next = self.walk.request(1)
        self._cursors.add("0")

    @property
    def gaps(self) -> int:
        """The page at which the chain broke, if it did."""
        return 0 if self._failed is None else 1

    @property
    def notes(self) -> Sequence[Guard]:
        """What the walk met that its vendor's own word contradicts."""
        lone = {Guard.EMPTY_PAGE} if self._passed_over else set[Guard]()
        return sorted(self._guards | lone)

    def learn(self, request: Request, facts: PageFacts) -> Sequence[Request]:
        """Takes a page in; the next one, unless this was the last or the cursor leads nowhere."""
        self._count(facts)
        self._passed_over |= bool(self._empty_in_a_row and facts.records)
        self._empty_in_a_row = 0 if facts.records else self._empty_in_a_row + 1
        full = facts.records >= self.walk.endpoint.pagination.rows_per_page
        self._fault = self._fault_of(facts.cursor, request.cursor)
        self._next = None if self._fault else self.walk.request(request.page + 1, facts.cursor)
        if facts.has_more is False or (facts.has_more is None and not full):
            self._guards.clear()  # a last page that repeats an earlier one promises nothing
            self._end(Why.END)
            return []
        if self._barren_in_a_row >= BARREN_PAGES_IN_A_ROW:
            only_empty = self._empty_in_a_row >= BARREN_PAGES_IN_A_ROW
            self._guards.add(Guard.EMPTY_PAGES if only_empty else Guard.NOTHING_NEW)
        if self._guards:
            self._end(Why.GUARD)
            return []
        if self.walk.max_pages is not None and self.pages >= self.walk.max_pages:
            self._end(Why.AS_ASKED)
            return []
        return self._follow()

    def _fault_of(self, told: str | None, used: str | None) -> Guard | None:
        if told is None:
            return Guard.CURSOR_MISSING
        if not self._cursors.add(told):
            return Guard.CURSOR_SEEN
        parameter = self.walk.endpoint.with_role(Role.CURSOR)
        here, there = integer_of(used or "0"), integer_of(told)
        if parameter is not None and parameter.type == "integer" and here is not None and there is not None:
            return Guard.CURSOR_BACK if there <= here else None
        return None

    def _follow(self) -> Sequence[Request]:
        if self._next is not None:
            return [self._next]
        if self._fault is not None:  # more is promised, and no new cursor leads there
            self._guards.add(self._fault)
            self._end(Why.GUARD)
        return []

    def widen(self, walk: Walk) -> Sequence[Request]:
        """Another crawl wants the walk too, maybe deeper; the requests that this makes possible."""
        self.walk = walk
        if self.why is not Why.AS_ASKED or (walk.max_pages is not None and walk.max_pages <= self.pages):
            return []
        self.state, self.why = WalkState.OPEN, None
        return self._follow()

    def outstanding(self) -> Sequence[Request]:
        """Requests that were asked for and have not been answered."""
        return [self._next] if self._next is not None and self.state is WalkState.OPEN else []

    def unwanted(self) -> Sequence[Request]:
        """A cursor walk asks only for what the page before has promised."""
        return []

    def withdraw(self, request: Request) -> None:
        """Never asked of it: nothing of a cursor walk is unwanted."""

    def fail(self, request: Request, why: Why, *, whole_walk: bool = False) -> None:  # noqa: ARG002
        """The chain is broken: nothing after this page can be asked for."""
        self._failed = why
        self._end(why)
