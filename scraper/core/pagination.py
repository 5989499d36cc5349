"""What a page says of itself, and the words in which a walk tells how far it has come."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

from scraper.core.bodies import Json, at, flag_of, integer_of, text_of
from scraper.core.catalogue import CursorPagination, Endpoint, PagePagination
from scraper.core.requests import Request, Walk


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
    """The vendor contradicted itself; the walk's notes say how (`Guard`)."""
    REFUSED = "refused"
    BUDGET = "budget"
    """Also a quota: pages were bought, and then no more might be."""
    REQUEST_FAILED = "request_failed"
    INTERRUPTED = "interrupted"
    UNREACHABLE = "unreachable"
    """The vendor or the endpoint did not answer to any use: nothing was refused, and the next run goes on there."""


class Guard(StrEnum):
    """What a walk met that a vendor which keeps its own word does not answer: the notes of coverage.

    Each has a `meaning`, and `ends` the walk or lets it go on.
    """

    ends: bool
    meaning: str

    def __new__(cls, value: str, ends: bool = True, meaning: str = "") -> Guard:
        """A member: its word in coverage, and what follows."""
        guard = str.__new__(cls, value)
        guard._value_, guard.ends, guard.meaning = value, ends, meaning
        return guard

    CURSOR_SEEN = "cursor_seen", True, "more is promised under a cursor that this walk has used before, 0 included"
    CURSOR_BACK = "cursor_back", True, "more is promised under a smaller cursor, where cursors are numbers; -1 is one"
    CURSOR_MISSING = "cursor_missing", True, "more is promised, and the cursor is null or not there"
    PAGE_REPEATED = "page_repeated", True, "a page lists exactly the ids of an earlier page, in whatever order"
    PAGE_OTHER = "page_other", True, "the answer says that it is another page than the one asked for"
    SIZE_OTHER = "size_other", True, "pages by offset come smaller than asked for: the next would leave records out"
    EMPTY_PAGES = "empty_pages", True, "two pages in a row list nothing, and more is promised"
    NOTHING_NEW = "nothing_new", True, "two pages in a row list only what earlier pages listed, and more is promised"
    TOTAL_NOT_REACHED = "total_not_reached", True, "has_more is false, and the total promises at least one page more"
    EMPTY_PAGE = "empty_page", False, "one page lists nothing, and more is promised: it is passed over"
    TOTAL_GREW = "total_grew", False, "the total grew in mid-walk: the pages that it adds are asked for"
    TOTAL_SHRANK = (
        "total_shrank",
        False,
        ("the total shrank in mid-walk: pages past it are not asked for, unless has_more is true or they hold rows"),
    )


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
            reported = integer_of(at(document, pages.page_field))
            return PageFacts(
                records=len(elements),
                ids=ids,
                reported_page=None if reported is None else pages.page_of(reported),
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
    overlaps: int
    """Records that another page of the walk had listed before."""

    @property
    def gaps(self) -> int:
        """Pages up to the last one met that were asked for and have not landed."""

    @property
    def notes(self) -> Sequence[Guard]:
        """What the walk met that its vendor's own word contradicts."""

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

    def fail(self, request: Request, why: Why, *, whole_walk: bool = False) -> None:
        """A request of the walk will not be answered in this run; `whole_walk`: nor is any other of it asked for."""

    def give_up(self, why: Why) -> None:
        """Nothing more of this walk is bought in this run."""
