"""Pages by number or by offset; they fan out as soon as one answer tells the total."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from scraper.core.bodies import Json
from scraper.core.pagination.facts import PageFacts
from scraper.core.pagination.kind import Pagination
from scraper.core.pagination.states import Guard, WalkState, Why
from scraper.core.pagination.walk import BARREN_PAGES_IN_A_ROW, R, W, WalkProgress

MOST_PAGES_AHEAD = 1_000
"""Pages of one walk asked for beyond those that have come: a total that lies costs no memory."""


class PageCounting(StrEnum):
    """What a page's number counts."""

    PAGES = "pages"
    RECORDS = "records"
    """The records before it: an offset."""


@dataclass(frozen=True, slots=True)
class PagePagination(Pagination):
    """Pages by number or by offset. Field paths are dotted, from the root of the body; none: no answer says it."""

    kind = "page"

    page_param: str
    size_param: str | None
    """``None``: pages have the size that the vendor gives them."""
    rows_per_page: int
    """The largest page that the vendor serves: every page is asked for at this size."""
    max_page: int | None
    """The last page that the vendor serves; past it, it answers this one again, and charges."""
    page_field: str | None
    size_field: str | None
    total_field: str | None
    has_more_field: str | None
    counts: PageCounting = PageCounting.PAGES
    first: int = 1
    """The number or offset that asks for the first page."""

    @property
    def fields(self) -> Mapping[str, str | None]:
        return {
            "reported_page": self.page_field,
            "size": self.size_field,
            "total": self.total_field,
            "has_more": self.has_more_field,
        }

    @property
    def words(self) -> str:
        clamp = "no last page is documented"
        if self.max_page is not None:
            clamp = f"clamped to pages 1–{self.max_page}: past it the last one is charged again"
        by = "number" if self.counts is PageCounting.PAGES else "offset"
        size = "" if self.size_param is None else f" ({self.size_param})"
        first = "" if self.first == 1 else f" from {self.first}"
        return f"by {by} ({self.page_param}{first}), at most {self.rows_per_page} rows{size}, {clamp}"

    @property
    def _step(self) -> int:
        return self.rows_per_page if self.counts is PageCounting.RECORDS else 1

    def number_of(self, page: int) -> int:
        """The number or offset that asks for the n-th page."""
        return self.first + (page - 1) * self._step

    def page_of(self, number: int) -> int:
        """The page that says this of itself; 0 where it is none of ours."""
        page, between = divmod(number - self.first, self._step)
        return page + 1 if between == 0 else 0

    def params(self, page: int, cursor: str | None) -> Mapping[str, str]:  # noqa: ARG002
        sized = {} if self.size_param is None else {self.size_param: str(self.rows_per_page)}
        return {self.page_param: str(self.number_of(page)), **sized}

    def echoed(self, page: int) -> Mapping[str, object]:
        return {"reported_page": page, "size": self.rows_per_page}

    def told(self, document: Json) -> dict[str, Any]:
        facts = Pagination.told(self, document)  # a slotted dataclass has no super()
        number = facts["reported_page"]
        return facts if number is None else {**facts, "reported_page": self.page_of(number)}

    def refusal(self, parameter: str, values: Sequence[str], endpoint: str, cost: int) -> str:
        vendor = endpoint.partition(".")[0]
        numbers = [int(value) for value in values if value.isdecimal()]
        if parameter == self.size_param:
            met = f"pages always come at the largest size that {endpoint} serves, {self.rows_per_page}"
            if too_large := [number for number in numbers if number > self.rows_per_page]:
                met = f"{vendor} treats {too_large[0]} as {self.rows_per_page}, silently; {met}"
            return f"{met}; use max_pages or max_items"
        if parameter != self.page_param or self.max_page is None or self.counts is not PageCounting.PAGES:
            return Pagination.refusal(self, parameter, values, endpoint, cost)
        if past := [number for number in numbers if number > self.max_page]:
            charged = f"{len(past) * cost} credits are charged"
            repeated = f"page {past[0]} answers page {self.max_page} again, and {charged}"
            return f"{vendor} clamps {parameter} to 1-{self.max_page}: {repeated}; use max_pages"
        return "the walk asks for its pages itself; use max_pages"

    def limit_fault(self, pages: int, endpoint: str, cost: int) -> str | None:
        last = self.max_page
        if last is None or pages <= last:
            return None
        vendor = endpoint.partition(".")[0]
        clamp = f"{vendor} serves {last} pages of {self.rows_per_page} at the most and answers the last one again"
        return f"{clamp}: {(pages - last) * cost} credits a walk for nothing; ask for {last} pages"

    def walk(self, walk: W, ask: Callable[[W, int, str | None], R]) -> WalkProgress[W, R]:
        return PageWalk(walk, ask, pagination=self)


@dataclass(slots=True)
class PageWalk(WalkProgress[W, R]):
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
    def _reached(self) -> int:
        return self._highest_asked

    @property
    def gaps(self) -> int:
        holes = sum(page < self._highest_answered for page in self._withdrawn)
        return self._highest_answered - self.pages - holes

    @property
    def notes(self) -> Sequence[Guard]:
        lone = {Guard.EMPTY_PAGE} if self._empty and Guard.EMPTY_PAGES not in self._guards else set[Guard]()
        return sorted(self._totals_differ | self._guards | lone | self._repeating)

    def learn(self, request: R, facts: PageFacts) -> Sequence[R]:
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
        elif facts.has_more is True or 0 < (max(0, facts.size or 0) or self.pagination.rows_per_page) <= facts.records:
            self._hoped = max(self._hoped, page + 1)
        else:
            self._short = page if self._short is None else min(self._short, page)
        promised = facts.has_more is True or (facts.has_more is None and page <= (self._promised or 0))
        if facts.records == 0 and promised:
            self._empty.add(page)
            if page - 1 in self._empty or page + 1 in self._empty:
                self._guards.add(Guard.EMPTY_PAGES)
        barren = facts.records and self._barren_in_a_row >= BARREN_PAGES_IN_A_ROW and not self._is_known
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

    def _advance(self) -> Sequence[R]:
        limit, _ = self._limit
        reach = min(self._horizon[0], len(self._answered) + MOST_PAGES_AHEAD)
        reach = reach if limit is None else min(reach, limit)
        if self.walk.stop_when_known is not None:  # each page says whether the next is wanted
            reach = min(reach, self._highest_answered + 1)
        if self._guards or self._stopped or self._is_known or self._failed is Why.REFUSED:
            reach = 0
        again = sorted(page for page in self._withdrawn if page <= reach)
        wanted = [*again, *range(self._highest_asked + 1, reach + 1)]
        self._withdrawn.difference_update(again)
        self._asked.update(wanted)
        self._highest_asked = max(self._highest_asked, reach)
        self._end_if_answered()
        return [self.ask(self.walk, page, None) for page in wanted]

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
        elif self._is_known and self._highest_answered < (board_ends if limit is None else min(board_ends, limit)):
            why = Why.KNOWN
        elif end_known and (limit is None or board_ends <= limit):
            why = Why.END
        self._end(why)

    def outstanding(self) -> Sequence[R]:
        return [self.ask(self.walk, page, None) for page in sorted(self._asked - self._answered)]

    def unwanted(self) -> Sequence[R]:
        """Those of them that lie past an end that another page has told, or in a walk that is not gone on with."""
        last = 0 if self._guards or self._stopped or self._is_known else self._horizon[0]
        return [] if last >= self._highest_asked else [r for r in self.outstanding() if r.page > last]

    def withdraw(self, request: R) -> None:
        """An unwanted request was not sent, and will not be unless another page tells that it is there after all."""
        self._asked.discard(request.page)
        self._withdrawn.add(request.page)
        while self._highest_asked not in self._asked and self._highest_asked > 1:
            self._withdrawn.discard(self._highest_asked)
            self._highest_asked -= 1
        self._end_if_answered()

    def fail(self, request: R, why: Why, *, whole_walk: bool = False) -> None:
        """A page will not come; the others that are known are bought all the same, unless the whole walk fails."""
        self._failed = why
        self._stopped |= whole_walk
        self._answered.add(request.page)
        self._highest_answered = max(self._highest_answered, request.page)
        if self.state is WalkState.OPEN and self._asked == self._answered:
            self._end(why)


def _skips(page: int, facts: PageFacts, pages: PagePagination) -> bool:
    """The vendor serves fewer records a page than were asked for: the next offset would leave some out."""
    more = facts.has_more if facts.has_more is not None else (facts.total or 0) > page * pages.rows_per_page
    return more and pages.counts is PageCounting.RECORDS and 0 < (facts.size or 0) < pages.rows_per_page


def _real_size(facts: PageFacts, pages: PagePagination) -> int:
    """Records a page: what the answer says, unless it served less than half of that with more to come.

    Offsets are asked for in steps of the size that was asked for.
    """
    if pages.counts is PageCounting.RECORDS:
        return pages.rows_per_page
    if facts.size is None or facts.size < 0 or (facts.has_more is True and 0 < facts.records * 2 <= facts.size):
        return facts.records
    return facts.size
