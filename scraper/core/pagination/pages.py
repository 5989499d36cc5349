"""Pagination by page number or offset; requests fan out as soon as an answer states the total."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from scraper.core.bodies import Json
from scraper.core.pagination.facts import PageFacts
from scraper.core.pagination.kind import Pagination
from scraper.core.pagination.states import EndSign, Guard, WalkState, Why
from scraper.core.pagination.walk import BARREN_PAGES_IN_A_ROW, R, W, WalkProgress

MOST_PAGES_AHEAD = 1_000
"""Most pages of a walk requested ahead of those that have landed, so that a false total costs no memory."""


class PageCounting(StrEnum):
    """The unit of a page's number."""

    PAGES = "pages"
    RECORDS = "records"
    """Records before the page: an offset."""


@dataclass(frozen=True, slots=True)
class PagePagination(Pagination):
    """Pages by number or by offset.

    Field paths are dotted, from the root of the body; ``None``: no answer carries it.
    """

    kind = "page"

    page_param: str
    size_param: str | None
    """``None``: the vendor chooses the page size."""
    rows_per_page: int
    """The largest page that the vendor serves; every page is requested at this size."""
    max_page: int | None
    """The last page that the vendor serves; past it, the vendor serves this one again and charges, or refuses."""
    page_field: str | None
    size_field: str | None
    total_field: str | None
    has_more_field: str | None
    counts: PageCounting = PageCounting.PAGES
    first: int = 1
    """The number or offset of the first page."""
    ends: EndSign | None = None
    """``None``: a page that is not full is concluded to be the last."""
    refuses_past: bool = False
    """True if the vendor refuses pages past `max_page`; others serve the last one again."""

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
        if self.max_page is not None and self.refuses_past:
            clamp = f"at most {self.max_page} pages: past {self.max_page * self.rows_per_page:,} rows it refuses"
        elif self.max_page is not None:
            clamp = f"clamped to pages 1–{self.max_page}: past it the last one is charged again"
        by = "number" if self.counts is PageCounting.PAGES else "offset"
        size = "" if self.size_param is None else f" ({self.size_param})"
        first = "" if self.first == 1 else f" from {self.first}"
        ends = "" if self.ends is None else f", {self.ends.words}"
        return f"by {by} ({self.page_param}{first}), at most {self.rows_per_page} rows{size}, {clamp}{ends}"

    @property
    def _step(self) -> int:
        return self.rows_per_page if self.counts is PageCounting.RECORDS else 1

    def number_of(self, page: int) -> int:
        """Return the number or offset of the n-th page."""
        return self.first + (page - 1) * self._step

    def page_of(self, number: int) -> int:
        """Return the page of a number or offset; 0 if it lies between two pages."""
        page, between = divmod(number - self.first, self._step)
        return page + 1 if between == 0 else 0

    def params(self, page: int, cursor: str | None) -> Mapping[str, str]:  # noqa: ARG002
        sized = {} if self.size_param is None else {self.size_param: str(self.rows_per_page)}
        return {self.page_param: str(self.number_of(page)), **sized}

    def echoed(self, page: int) -> Mapping[str, object]:
        return {"reported_page": page, "size": self.rows_per_page}

    def read(self, document: Json) -> dict[str, Any]:
        facts = Pagination.read(self, document)  # a slotted dataclass has no super()
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
            if self.refuses_past:
                return f"{vendor} refuses pages past {self.max_page}; use max_pages"
            charged = f"{len(past) * cost} credits are charged"
            repeated = f"page {past[0]} returns page {self.max_page} again, and {charged}"
            return f"{vendor} clamps {parameter} to 1-{self.max_page}: {repeated}; use max_pages"
        return "a walk requests its pages itself; use max_pages"

    def limit_fault(self, pages: int, endpoint: str, cost: int) -> str | None:
        last = self.max_page
        if last is None or pages <= last:
            return None
        vendor = endpoint.partition(".")[0]
        if self.refuses_past:
            rows = f"{last * self.rows_per_page:,} rows"
            return f"{endpoint} serves at most {rows} of a list ({last} pages) and refuses more; request {last}"
        clamp = f"{vendor} serves at most {last} pages of {self.rows_per_page} rows and then returns the last one again"
        return f"{clamp}: {(pages - last) * cost} credits a walk for nothing; request {last} pages"

    def walk(self, walk: W, ask: Callable[[W, int, str | None], R]) -> WalkProgress[W, R]:
        return PageWalk(walk, ask, pagination=self, tells_end=self.tells_end)


@dataclass(slots=True)
class PageWalk(WalkProgress[W, R]):
    """A walk by page number; pages may land in any order once the first has stated the total."""

    pagination: PagePagination = field(kw_only=True)
    _asked: set[int] = field(default_factory=lambda: {1})
    _highest_asked: int = 1
    _withdrawn: set[int] = field(default_factory=set)
    """Withdrawn pages below the highest requested; requested again if a later page shows that they exist."""
    _answered: set[int] = field(default_factory=set)
    _highest_answered: int = 0
    _size: int | None = None
    _first_total: int | None = None
    _total_from: int = 0
    """The highest page whose total counts; later totals replace earlier ones."""
    _total: int | None = None
    _more_at: int = 0
    """The highest page that lists new records and has more true."""
    _promised: int | None = None
    """Pages of that total."""
    _last: int | None = None
    """The lowest page that says it is the last."""
    _short: int | None = None
    """The lowest page that is not full and has no has_more."""
    _hoped: int = 1
    """The last page that may have records, by has_more or by a full page before it."""
    _empty: set[int] = field(default_factory=set)
    """Pages that list nothing although has_more or the total promises more."""
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
        """Return the last page that may have records, and whether it is the end."""
        if self._last is not None:
            return self._last, True
        if self._promised is not None:
            return max(self._promised, self._highest_answered, self._more_at + 1), True
        return (self._hoped, False) if self._short is None else (self._short, True)

    @property
    def _reached(self) -> int:
        return self._highest_asked

    @property
    def gaps(self) -> int:
        holes = sum(page < self._highest_answered for page in self._withdrawn)
        return self._highest_answered - self.pages - holes

    @property
    def _passing(self) -> set[Guard]:
        found = set(self._totals_differ)
        if self._empty and Guard.EMPTY_PAGES not in self._guards:
            found.add(Guard.EMPTY_PAGE)
        past_total = self._promised is not None and self._more_at >= self._promised
        if not self._totals_differ and (past_total or self.distinct > (self._total or self.distinct)):
            found.add(Guard.MORE_THAN_TOTAL)
        return found

    def learn(self, request: R, facts: PageFacts) -> Sequence[R]:
        self._answered.add(request.page)
        self._highest_answered = max(self._highest_answered, request.page)
        guards = set(self._guards)
        new = self._count(facts)
        if not new and self._promised is not None and request.page > self._promised:
            self._guards = guards  # the total was right, and has_more was not
            return self._advance()
        if new and facts.has_more is True:
            self._more_at = max(self._more_at, request.page)
        if _is_lowered(request.page, facts, self.pagination):
            self._noted.add(Guard.SIZE_LOWERED)
        if _skips(request.page, facts, self.pagination):
            self._guards.add(Guard.SIZE_OTHER)
        if facts.reported_page in {None, request.page}:
            self._look_ahead(request.page, facts)
        else:
            self._guards.add(Guard.PAGE_OTHER)
        return self._advance()

    def _look_ahead(self, page: int, facts: PageFacts) -> None:
        self._take_total(page, facts)
        if facts.has_more is False:
            self._last = page if self._last is None else min(self._last, page)
        elif facts.has_more is True or self._may_be_followed(facts):
            self._hoped = max(self._hoped, page + 1)
        else:
            self._short = page if self._short is None else min(self._short, page)
        if self._end_is_not_told(facts):
            self._guards.add(Guard.END_NOT_TOLD)
        promised = facts.has_more is True or (facts.has_more is None and page <= (self._promised or 0))
        if facts.records == 0 and promised and not facts.list_missing:
            self._empty.add(page)
            if page - 1 in self._empty or page + 1 in self._empty:
                self._guards.add(Guard.EMPTY_PAGES)
        barren = facts.records and self._barren_in_a_row >= BARREN_PAGES_IN_A_ROW and not self._is_known
        # A known total bounds the walk, and its pages land in any order.
        if barren and facts.has_more is not False and self._promised is None:
            self._guards.add(Guard.NOTHING_NEW)

    def _may_be_followed(self, facts: PageFacts) -> bool:
        enough = (
            1
            if self.pagination.ends is EndSign.EMPTY_PAGE
            else max(0, facts.size or 0) or self.pagination.rows_per_page
        )
        return facts.records >= enough

    def _end_is_not_told(self, facts: PageFacts) -> bool:
        if facts.has_more is not None or self._promised is not None:
            return False
        empty_board = facts.total == 0 and not facts.records
        return self.pagination.ends is EndSign.HAS_MORE or (self.pagination.ends is EndSign.TOTAL and not empty_board)

    def _take_total(self, page: int, facts: PageFacts) -> None:
        total = facts.total
        self._size = self._size or _real_size(facts, self.pagination)
        if total is None or total <= 0:
            return
        self._first_total = total if page == 1 else self._first_total
        promised = -(-total // (self._size or self.pagination.rows_per_page))
        if facts.records and promised < page:
            return  # the page itself has records past that total
        if self._first_total is not None and total != self._first_total:
            grew = total > self._first_total
            self._totals_differ.add(Guard.TOTAL_GREW if grew else Guard.TOTAL_SHRANK)
            if not grew and facts.has_more is True:
                return
        if page > self._total_from:
            self._total_from, self._promised, self._total = page, promised, total

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
        if why is Why.CLAMP and limit == self._more_at:  # has_more is true on the last page that the vendor serves
            board_ends = max(self._highest_answered, self._promised or board_ends)
        early = self._last is not None and self._last < board_ends and (limit is None or self._last < limit)
        if early and not self._guards:
            self._guards.add(Guard.TOTAL_NOT_REACHED)
        if self._total is not None and self._failed is None:
            size = self._size or self.pagination.rows_per_page
            requested = self._highest_answered if self._is_known else limit
            self._compare(self._total if requested is None else min(self._total, requested * size))
        by_short_page = self._last is None and self._promised is None and self._short is not None
        if by_short_page and self.rows and self.pagination.ends is None:
            self._noted.add(Guard.END_CONCLUDED)
        if self._guards:
            why = Why.GUARD
        elif self._is_known and self._highest_answered < (board_ends if limit is None else min(board_ends, limit)):
            why = Why.KNOWN
        elif end_known and (limit is None or board_ends <= limit):
            why = Why.END
        self._end(why)

    def outstanding(self) -> Sequence[R]:
        return self._outstanding_past(0)

    def _outstanding_past(self, last: int) -> Sequence[R]:
        return [self.ask(self.walk, page, None) for page in sorted(self._asked - self._answered) if page > last]

    def unwanted(self) -> Sequence[R]:
        """Return outstanding requests past a known end, or of a walk that is stopped."""
        last = 0 if self._guards or self._stopped or self._is_known else self._horizon[0]
        return [] if last >= self._highest_asked else self._outstanding_past(last)

    def withdraw(self, request: R) -> None:
        """Withdraw an unsent request; it returns if a later page shows that its page exists."""
        self._asked.discard(request.page)
        self._withdrawn.add(request.page)
        while self._highest_asked not in self._asked and self._highest_asked > 1:
            self._withdrawn.discard(self._highest_asked)
            self._highest_asked -= 1
        self._end_if_answered()

    def fail(self, request: R, why: Why, *, whole_walk: bool = False) -> None:
        """Record that a page will not land; the other known pages are still bought, unless the whole walk fails."""
        self._failed = why
        self._stopped |= whole_walk
        self._answered.add(request.page)
        self._highest_answered = max(self._highest_answered, request.page)
        if self.state is WalkState.OPEN and self._asked == self._answered:
            self._end(why)


def _is_lowered(page: int, facts: PageFacts, pages: PagePagination) -> bool:
    """Return whether the first page is smaller than requested, with more to follow."""
    size = facts.size or 0
    more = facts.has_more if facts.has_more is not None else (facts.total or 0) > size
    asked = pages.rows_per_page if pages.size_param is not None and pages.counts is PageCounting.PAGES else 0
    return page == 1 and more and 0 < size < asked


def _skips(page: int, facts: PageFacts, pages: PagePagination) -> bool:
    """Return whether a page is smaller than requested, so that the next offset would skip records."""
    more = facts.has_more if facts.has_more is not None else (facts.total or 0) > page * pages.rows_per_page
    return more and pages.counts is PageCounting.RECORDS and 0 < (facts.size or 0) < pages.rows_per_page


def _real_size(facts: PageFacts, pages: PagePagination) -> int:
    """Return the real page size: the stated one, unless a page has at most half of it with more to follow.

    Offsets advance by the requested size.
    """
    if pages.counts is PageCounting.RECORDS:
        return pages.rows_per_page
    if facts.size is None or facts.size < 0 or (facts.has_more is True and 0 < facts.records * 2 <= facts.size):
        return facts.records
    return facts.size
