"""What a page says of itself, and which pages of a walk come next.

Pages by number fan out as soon as one answer tells the total; a cursor goes one step at a time. A walk never asks past
what it knows to be its end, and never believes an answer that repeats itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol

from scraper.core.bodies import Json, at, flag_of, integer_of, text_of
from scraper.core.catalogue import CursorPagination, Endpoint, PagePagination
from scraper.core.requests import Request, Walk

EMPTY_PAGES_IN_A_ROW = 2
"""One empty page in the middle happens (vendor facts, section 6); two with has_more true are a loop that bills."""

MOST_PAGES_AHEAD = 1_000
"""Pages of one walk asked for beyond those that have come: a total that lies costs no memory."""


class WalkState(StrEnum):
    """What a run can say of a walk: the words of coverage."""

    OPEN = "open"
    COMPLETE = "complete"
    TRUNCATED = "truncated"
    EMPTY = "empty"
    FAILED = "failed"
    NOT_ATTEMPTED = "not_attempted"


class Why(StrEnum):
    """Why a walk ended as it did."""

    END = "end"
    AS_ASKED = "as_asked"
    CLAMP = "clamp"
    GUARD = "guard"
    REFUSED = "refused"
    BUDGET = "budget"
    """Also a quota: pages were bought, and then no more might be."""
    REQUEST_FAILED = "request_failed"
    INTERRUPTED = "interrupted"
    UNREACHABLE = "unreachable"
    """No connection to the vendor: nothing was refused, and nothing more could be asked."""


@dataclass(frozen=True, slots=True)
class Record:
    """What others need of one record: its id, and what ranks it as a parent."""

    id: str
    rank: int | None = None
    views: int | None = None


@dataclass(frozen=True, slots=True)
class PageFacts:
    """What pagination and children need of a page: enough to go on after a crash without its body."""

    records: int
    """Elements of the list, whatever they are."""
    ids: tuple[Record, ...] = ()
    reported_page: int | None = None
    size: int | None = None
    total: int | None = None
    has_more: bool | None = None
    cursor: str | None = None

    def to_json(self) -> dict[str, Any]:
        """A plain object for the state database."""
        plain = {name: getattr(self, name) for name in self.__slots__}
        return {**plain, "ids": [[record.id, record.rank, record.views] for record in self.ids]}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> PageFacts:
        """The facts that `to_json` wrote."""
        return cls(**{**stored, "ids": tuple(Record(*record) for record in stored["ids"])})


def _record(endpoint: Endpoint, element: Json) -> Record | None:
    records = endpoint.records
    if records.nested_in and isinstance(element, dict) and isinstance(element.get(records.nested_in), dict):
        element = element[records.nested_in]
    if not isinstance(element, dict):
        return None
    identity = text_of(element.get(records.id))
    if identity is None:
        return None
    rank = integer_of(element.get(records.rank)) if records.rank else None
    views = integer_of(element.get(records.views)) if records.views else None
    return Record(identity, rank, views)


def read_page(endpoint: Endpoint, document: Json) -> PageFacts | None:
    """Reads where the list and the pagination stand; ``None`` where the list is there and is no list."""
    elements = at(document, endpoint.records.path)
    if elements is None:
        elements = []
    if not isinstance(elements, list):
        return None
    ids = tuple(record for element in elements if (record := _record(endpoint, element)) is not None)
    match endpoint.pagination:
        case PagePagination() as pages:
            return PageFacts(
                records=len(elements),
                ids=ids,
                reported_page=integer_of(at(document, pages.page_field)),
                size=integer_of(at(document, pages.size_field)),
                total=integer_of(at(document, pages.total_field)),
                has_more=flag_of(at(document, pages.has_more_field)),
            )
        case CursorPagination() as cursors:
            return PageFacts(
                records=len(elements),
                ids=ids,
                has_more=flag_of(at(document, cursors.has_more_field)),
                cursor=text_of(at(document, cursors.cursor_field)),
            )


class Progress(Protocol):
    """How far a walk has come."""

    walk: Walk
    state: WalkState
    why: Why | None
    rows: int
    pages: int

    def learn(self, request: Request, facts: PageFacts) -> Sequence[Request]:
        """Takes an answer in; the requests that it makes possible."""

    def widen(self, walk: Walk) -> Sequence[Request]:
        """Another crawl wants the walk too, maybe deeper; the requests that this makes possible."""

    def outstanding(self) -> Sequence[Request]:
        """Requests that were asked for and have not been answered."""

    def unwanted(self) -> Sequence[Request]:
        """Those of them that, as is known by now, can add no row."""

    def withdraw(self, request: Request) -> None:
        """An unwanted request was not sent, and will not be."""

    def fail(self, request: Request, why: Why) -> None:
        """A request of the walk will not be answered in this run."""

    def give_up(self, why: Why) -> None:
        """Nothing more of this walk is bought in this run."""


def start(walk: Walk) -> tuple[Progress, Request]:
    """A walk at its beginning, and its first request."""
    match walk.endpoint.pagination:
        case PagePagination() as pages:
            return PageWalk(walk, pagination=pages), walk.request(1)
        case CursorPagination():
            return CursorWalk(walk), walk.request(1)


@dataclass(slots=True)
class _Walked:
    """What both kinds of walk keep: pages that came, pages that will not, and how it ended."""

    walk: Walk
    state: WalkState = WalkState.OPEN
    why: Why | None = None
    rows: int = 0
    pages: int = 0
    _failed: Why | None = None
    _seen: set[tuple[str, ...]] = field(default_factory=set)

    def _repeats(self, facts: PageFacts) -> bool:
        """An earlier page of this walk listed exactly these records."""
        ids = tuple(record.id for record in facts.ids)
        if not ids:
            return False
        repeated = ids in self._seen
        self._seen.add(ids)
        return repeated

    def _end(self, why: Why) -> None:
        """Closes the walk: the state follows from why it ended and from what it holds."""
        self.why = self._failed or why
        self._seen.clear()
        if self._failed:
            refused = self._failed is Why.REFUSED and self.pages > 0
            self.state = WalkState.TRUNCATED if refused else WalkState.FAILED
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
    _answered: set[int] = field(default_factory=set)
    _horizon: int = 1
    """The last page that is known, or may be hoped, to hold records."""
    _end_known: bool = False
    _guarded: bool = False
    _empty_in_a_row: int = 0

    @property
    def _limit(self) -> tuple[int, Why]:
        asked, clamp = self.walk.max_pages, self.pagination.max_page
        if asked is not None and (clamp is None or asked <= clamp):
            return asked, Why.AS_ASKED
        return (clamp, Why.CLAMP) if clamp is not None else (self._horizon, Why.END)

    def learn(self, request: Request, facts: PageFacts) -> Sequence[Request]:
        """Takes a page in; all the pages that it proves to be there."""
        self.pages += 1
        self.rows += facts.records
        self._answered.add(request.page)
        if facts.reported_page not in {None, request.page} or self._repeats(facts):
            self._guarded = True
        else:
            self._look_ahead(request.page, facts)
        return self._advance()

    def _look_ahead(self, page: int, facts: PageFacts) -> None:
        self._empty_in_a_row = 0 if facts.records else self._empty_in_a_row + 1
        if facts.has_more is False:
            self._horizon, self._end_known = (min(self._horizon, page) if self._end_known else page), True
        elif self._end_known:
            return
        elif facts.total is not None and facts.total > 0 and (size := _real_size(facts)):
            self._horizon, self._end_known = max(page, -(-facts.total // size)), True
        elif facts.has_more is True:
            self._guarded = self._empty_in_a_row >= EMPTY_PAGES_IN_A_ROW
            self._horizon = max(self._horizon, page + 1)
        elif facts.records and facts.records >= (max(0, facts.size or 0) or self.pagination.max_size):
            self._horizon = max(self._horizon, page + 1)
        else:
            self._horizon, self._end_known = page, True

    def _advance(self) -> Sequence[Request]:
        limit, _ = self._limit
        reach = min(self._horizon, limit, len(self._answered) + MOST_PAGES_AHEAD)
        if self._guarded or self._failed is Why.REFUSED:
            reach = 0
        wanted = range(self._highest_asked + 1, reach + 1)
        self._asked.update(wanted)
        self._highest_asked = max(self._highest_asked, reach)
        self._end_if_answered()
        return [self.walk.request(page) for page in wanted]

    def _end_if_answered(self) -> None:
        if self._asked == self._answered:
            limit, why = self._limit
            self._end(Why.GUARD if self._guarded else Why.END if self._horizon <= limit and self._end_known else why)

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
        """Those of them that lie past an end that another page has told, or in a walk that repeats itself."""
        last = 0 if self._guarded else self._horizon
        return [] if last >= self._highest_asked else [r for r in self.outstanding() if r.page > last]

    def withdraw(self, request: Request) -> None:
        """An unwanted request was not sent, and will not be."""
        self._asked.discard(request.page)
        self._end_if_answered()

    def fail(self, request: Request, why: Why) -> None:
        """A page will not come; the others that are known are bought all the same."""
        self._failed = why
        self._answered.add(request.page)
        if self.state is WalkState.OPEN and self._asked == self._answered:
            self._end(why)


def _real_size(facts: PageFacts) -> int:
    """Records a page: what the answer says, unless it served less than half of that with more to come."""
    if facts.size is None or facts.size < 0 or (facts.has_more is True and 0 < facts.records * 2 <= facts.size):
        return facts.records
    return facts.size


@dataclass(slots=True)
class CursorWalk(_Walked):
    """Pages by cursor, one after the other."""

    _cursors: set[str] = field(default_factory=lambda: {"0"})
    _empty_in_a_row: int = 0
    _next: Request | None = field(init=False)

    def __post_init__(self) -> None:
        self._next = self.walk.request(1)

    def learn(self, request: Request, facts: PageFacts) -> Sequence[Request]:
        """Takes a page in; the next one, unless this was the last or the cursor leads nowhere."""
        self.pages += 1
        self.rows += facts.records
        self._empty_in_a_row = 0 if facts.records else self._empty_in_a_row + 1
        full = facts.records >= self.walk.endpoint.pagination.rows_per_page
        self._next = None
        if facts.cursor is not None and facts.cursor not in self._cursors:
            self._cursors.add(facts.cursor)
            self._next = self.walk.request(request.page + 1, facts.cursor)
        if facts.has_more is False or (facts.has_more is None and not full):
            self._end(Why.END)
        elif self._repeats(facts) or self._empty_in_a_row >= EMPTY_PAGES_IN_A_ROW:
            self._end(Why.GUARD)
        elif self.walk.max_pages is not None and self.pages >= self.walk.max_pages:
            self._end(Why.AS_ASKED)
        else:
            return self._follow()
        return []

    def _follow(self) -> Sequence[Request]:
        if self._next is None:
            self._end(Why.GUARD)  # more is promised, and no new cursor leads there
            return []
        return [self._next]

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

    def fail(self, request: Request, why: Why) -> None:  # noqa: ARG002 - a cursor walk stands at one request
        """The chain is broken: nothing after this page can be asked for."""
        self._failed = why
        self._end(why)
