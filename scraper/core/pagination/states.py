"""States of a walk, the reasons for its end, and its guards."""

from __future__ import annotations

from enum import StrEnum


class WalkState(StrEnum):
    """The `state` of a walk in coverage."""

    OPEN = "open"
    COMPLETE = "complete"
    TRUNCATED = "truncated"
    EMPTY = "empty"
    FAILED = "failed"
    NOT_ATTEMPTED = "not_attempted"


class EndSign(StrEnum):
    """The sign of a list's end, stated in the vendor file for answers without a final has_more or total."""

    SHORT_PAGE = "short_page"
    EMPTY_PAGE = "empty_page"
    """A short page does not end the list."""
    HAS_MORE = "has_more"
    """Only has_more or a total ends the list; an answer with neither is a contradiction."""
    TOTAL = "total"
    """Only a total or has_more ends the list; an answer with neither is a contradiction."""

    @property
    def words(self) -> str:
        """Describe the sign, for people."""
        return f"the end is marked by {self.value.replace('_page', ' page')}"


class Why(StrEnum):
    """The `why` of a walk in coverage."""

    END = "end"
    AS_ASKED = "as_asked"
    KNOWN = "known"
    """At a page of which the job's `stop_when_known` was seen before: later pages were not requested."""
    CLAMP = "clamp"
    GUARD = "guard"
    """The vendor contradicted itself; the notes name the `Guard`."""
    REFUSED = "refused"
    BUDGET = "budget"
    """The run's own budget ran out."""
    QUOTA = "quota"
    """The account's day or month, or the vendor, allowed no more; up to 2026-11 this was *budget* too."""
    ORDER = "order"
    """The job's `order` left the board to a later night: the credits buy others."""
    REQUEST_FAILED = "request_failed"
    INTERRUPTED = "interrupted"
    UNREACHABLE = "unreachable"
    """The vendor or the endpoint failed repeatedly without refusing anything; the next run resumes there."""
    OUT_OF_CHARACTER = "out_of_character"
    """Several boards of its endpoint in a row were blank, shrunken, frozen or foreign; the next run resumes there."""


class Guard(StrEnum):
    """A contradiction or a conclusion in a walk: the `notes` of coverage.

    Each has a `meaning`. A guard that `ends` a walk makes it truncated; the others are notes of a walk that continues.
    """

    ends: bool
    meaning: str

    def __new__(cls, value: str, ends: bool = True, meaning: str = "") -> Guard:
        """Make a member: its word in coverage, True if it ends the walk, and its meaning."""
        guard = str.__new__(cls, value)
        guard._value_, guard.ends, guard.meaning = value, ends, meaning
        return guard

    # The list against what is said of it
    LIST_MISSING = "list_missing", True, "the list is absent or null, and the total or has_more promises records"
    RECORDS_UNUSABLE = "records_unusable", True, "more than half of the records carry no id"
    ROWS_MISSING = "rows_missing", True, "the total promises more records than came, and overlaps do not explain it"
    TOTAL_NOT_REACHED = "total_not_reached", True, "has_more is false, and the total promises at least one more page"
    END_NOT_TOLD = "end_not_told", True, "the field that ends the list, by the vendor file, is absent"
    # Fields present in a form that is not read
    FLAG_NOT_UNDERSTOOD = "flag_not_understood", True, "has_more is neither true nor false"
    TOTAL_NOT_UNDERSTOOD = "total_not_understood", True, "the total is present, and not a whole number of 0 or more"
    SIZE_NOT_UNDERSTOOD = "size_not_understood", True, "the page size is present, and not a whole number of 0 or more"
    PAGE_NOT_UNDERSTOOD = "page_not_understood", True, "the page number is present, and not a whole number of 0 or more"
    CURSOR_NOT_UNDERSTOOD = (
        "cursor_not_understood",
        True,
        "more is promised, and the cursor is neither text nor a number",
    )
    # Pages and cursors that lead nowhere
    CURSOR_SEEN = "cursor_seen", True, "more is promised, and the cursor is one that this walk has used (0 included)"
    CURSOR_BACK = (
        "cursor_back",
        True,
        "more is promised, and a numeric cursor is smaller than the last one (-1 included)",
    )
    CURSOR_MISSING = "cursor_missing", True, "more is promised, and the cursor is null or absent"
    PAGE_REPEATED = "page_repeated", True, "a page lists exactly the ids of an earlier page, in any order"
    PAGE_OTHER = "page_other", True, "the answer states another page than the one requested"
    SIZE_OTHER = "size_other", True, "pages by offset are smaller than requested: the next would leave records out"
    EMPTY_PAGES = "empty_pages", True, "two pages in a row list nothing, and more is promised"
    NOTHING_NEW = "nothing_new", True, "two pages in a row list only what earlier pages listed, and more is promised"
    # Notes
    EMPTY_PAGE = "empty_page", False, "one page lists nothing, and more is promised: the walk passes over it"
    ROWS_REPEATED = "rows_repeated", False, "more than a quarter of the records repeat earlier ones of the same walk"
    TOTAL_GREW = "total_grew", False, "the total grew during the walk: the pages that it adds are requested"
    TOTAL_SHRANK = (
        "total_shrank",
        False,
        "the total shrank during the walk: pages past it are not requested, unless has_more is true or they have rows",
    )
    MORE_THAN_TOTAL = (
        "more_than_total",
        False,
        "has_more is true, or records came, past the total: pages are requested until one lists nothing new",
    )
    BOARD_MOVED = (
        "board_moved",
        False,
        "records moved between pages during the walk: some came twice, and as many are missing",
    )
    SOME_UNUSABLE = "some_unusable", False, "some records have no id: they are in pages and in no table"
    END_CONCLUDED = "end_concluded", False, "the end is concluded from a page that is not full; no field says it"
    FIELDS_MISSING = "fields_missing", False, "no answer carries the total or has_more that the vendor file describes"
    PART_SERVED = "part_served", False, "the total is larger than the part of the list that the vendor serves"
    SIZE_LOWERED = "size_lowered", False, "pages are smaller than requested: the walk takes more requests"
    # By the history of the same board (`core.board_history`)
    BOARD_BLANK = "board_blank", True, "the board is empty, and had rows each time before"
    BOARD_SHRUNKEN = "board_shrunken", True, "the board has less than a fifth of its usual rows"
    BOARD_FROZEN = "board_frozen", True, "the board has not changed for longer than any of its kind before"
    BOARD_SHORT = (
        "board_short",
        True,
        "no field marks the end of the list, and it has fewer rows than usual",
    )
    BOARD_FOREIGN = "board_foreign", True, "most records name another country than the one requested"
