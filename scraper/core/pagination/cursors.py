"""Pagination by a cursor that each answer returns for the next page."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from scraper.core.bodies import integer_of, understood
from scraper.core.pagination.facts import PageFacts
from scraper.core.pagination.kind import Pagination
from scraper.core.pagination.states import EndSign, Guard, WalkState, Why
from scraper.core.pagination.walk import BARREN_PAGES_IN_A_ROW, R, W, WalkProgress


@dataclass(frozen=True, slots=True)
class CursorPagination(Pagination):
    """Pages by a cursor; the first request carries none. Field paths are dotted, from the root of the body."""

    kind = "cursor"
    assumed = ("rows_per_page",)
    open_ended = True
    max_page = None

    cursor_param: str
    cursor_field: str
    has_more_field: str
    rows_per_page: int
    """Rows of a full page: an assumption from recorded answers."""
    numeric: bool = False
    """True if cursors are increasing numbers."""
    ends: EndSign | None = None
    """``None``: a page that is not full is concluded to be the last."""
    size_param: str | None = None
    """Requests `rows_per_page` rows; ``None``: the vendor chooses the page size."""

    @property
    def fields(self) -> Mapping[str, str | None]:
        return {"has_more": self.has_more_field, "cursor": self.cursor_field}

    @property
    def words(self) -> str:
        cursor = f"by cursor ({self.cursor_param}, from {self.cursor_field})"
        ends = "" if self.ends is None else f", {self.ends.words}"
        return f"{cursor}, {self.rows_per_page} rows (assumed){ends}"

    def params(self, page: int, cursor: str | None) -> Mapping[str, str]:  # noqa: ARG002
        sized = {} if self.size_param is None else {self.size_param: str(self.rows_per_page)}
        return sized if cursor is None else {self.cursor_param: cursor, **sized}

    def walk(self, walk: W, ask: Callable[[W, int, str | None], R]) -> WalkProgress[W, R]:
        return CursorWalk(walk, ask, pagination=self, tells_end=self.tells_end)


@dataclass(slots=True)
class CursorWalk(WalkProgress[W, R]):
    """A sequential walk by cursor."""

    pagination: CursorPagination = field(kw_only=True)
    _cursors: set[str] = field(default_factory=lambda: {"0"})
    _empty_in_a_row: int = 0
    _passed_over: bool = False
    _fault: Guard | None = None
    """The reason not to follow the last cursor."""
    _next: R | None = field(init=False)

    def __post_init__(self) -> None:
        self._next = self.ask(self.walk, 1, None)

    @property
    def _passing(self) -> set[Guard]:
        return {Guard.EMPTY_PAGE} if self._passed_over else set()

    def learn(self, request: R, facts: PageFacts) -> Sequence[R]:
        self._count(facts)
        self._passed_over |= bool(self._empty_in_a_row and facts.records)
        self._empty_in_a_row = 0 if facts.records else self._empty_in_a_row + 1
        self._fault = self._fault_of(facts, request.cursor)
        self._next = None if self._fault else self.ask(self.walk, request.page + 1, facts.cursor)
        if self._is_last(facts):
            self._guards.discard(Guard.PAGE_REPEATED)  # a last page that repeats an earlier one promises nothing
            self._end(Why.GUARD if self._guards else Why.END)
            return []
        if self._barren_in_a_row >= BARREN_PAGES_IN_A_ROW and not self._is_known:
            only_empty = self._empty_in_a_row >= BARREN_PAGES_IN_A_ROW
            self._guards.add(Guard.EMPTY_PAGES if only_empty else Guard.NOTHING_NEW)
        if self._guards:
            self._end(Why.GUARD)
            return []
        if self.walk.max_pages is not None and self.pages >= self.walk.max_pages:
            self._end(Why.AS_ASKED)
            return []
        if self._is_known:
            self._end(Why.KNOWN)
            return []
        return self._advance()

    def _is_last(self, facts: PageFacts) -> bool:
        if facts.has_more is not None or "has_more" in facts.not_understood:
            return facts.has_more is False
        match self.pagination.ends:
            case EndSign.EMPTY_PAGE:
                return facts.records == 0
            case EndSign.HAS_MORE | EndSign.TOTAL:
                self._guards.add(Guard.END_NOT_TOLD)
                return False
        short = facts.records < self.pagination.rows_per_page
        if short and self.pagination.ends is None and self.rows:
            self._noted.add(Guard.END_CONCLUDED)
        return short

    def _fault_of(self, facts: PageFacts, used: str | None) -> Guard | None:
        following = facts.cursor
        if following is None:
            return Guard.CURSOR_NOT_UNDERSTOOD if "cursor" in facts.not_understood else Guard.CURSOR_MISSING
        if following in self._cursors:
            return Guard.CURSOR_SEEN
        self._cursors.add(following)
        here, there = understood(integer_of(used or "0")), understood(integer_of(following))
        back = self.pagination.numeric and here is not None and there is not None and there <= here
        return Guard.CURSOR_BACK if back else None

    def _advance(self) -> Sequence[R]:
        if self._next is not None:
            return [self._next]
        if self._fault is not None:  # more is promised, and no new cursor leads to it
            self._guards.add(self._fault)
            self._end(Why.GUARD)
        return []

    def outstanding(self) -> Sequence[R]:
        return [self._next] if self._next is not None and self.state is WalkState.OPEN else []
