"""The words in which a walk tells how far it has come, and what it met."""

from __future__ import annotations

from enum import StrEnum


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
    KNOWN = "known"
    """At a page of which the job's `stop_when_known` was seen before: what follows was not requested."""
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
    ROWS_REPEATED = "rows_repeated", False, "more than a quarter of the records repeat earlier ones of the same walk"
    TOTAL_GREW = "total_grew", False, "the total grew in mid-walk: the pages that it adds are asked for"
    TOTAL_SHRANK = (
        "total_shrank",
        False,
        ("the total shrank in mid-walk: pages past it are not asked for, unless has_more is true or they hold rows"),
    )
