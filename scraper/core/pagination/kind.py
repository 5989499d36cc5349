"""The interface of a kind of pagination: requesting, reading and bounding the pages of an endpoint.

Each kind is a frozen dataclass in a file of its own, with the figures and field paths of one endpoint. No other
module names the kinds, except the schema of a vendor file (``io/config_files/pagination_tables.py``).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

from scraper.core.bodies import NOT_UNDERSTOOD, Json, at, count_of, cursor_of, flag_of, understood
from scraper.core.pagination.walk import R, W, WalkProgress

_READ_AS: Mapping[str, Callable[[Json], Any]] = {
    "reported_page": count_of,
    "size": count_of,
    "total": count_of,
    "has_more": flag_of,
    "cursor": cursor_of,
}


class Pagination(ABC):
    """A kind of pagination; the defaults here suit lists whose end only the vendor knows."""

    __slots__ = ()

    kind: ClassVar[str]
    """Its name in vendor files."""
    shape: ClassVar[str] = "list"
    """The JSON type at the path of the records."""
    assumed: ClassVar[Sequence[str]] = ()
    """Names of the figures that no document states."""
    open_ended: ClassVar[bool] = False
    """True if no answer states how many pages follow."""
    limit_words: ClassVar[str] = "the vendor's documented clamp"
    """The reason for the limit of `max_page` pages."""
    rows_per_page: int
    max_page: int | None
    """The last documented page; ``None``: no limit is documented."""

    @property
    def fields(self) -> Mapping[str, str | None]:
        """Map each fact of `PageFacts` to its dotted path in the body, or to ``None`` if no answer carries it."""
        return {}

    @property
    def tells_end(self) -> bool:
        """True if the vendor describes a field that marks the end of the list."""
        return any(self.fields.get(fact) is not None for fact in ("total", "has_more"))

    @property
    @abstractmethod
    def words(self) -> str:
        """Describe the pagination in words, for people."""

    @abstractmethod
    def params(self, page: int, cursor: str | None) -> Mapping[str, str]:
        """Return the query parameters of one page."""

    def echoed(self, page: int) -> Mapping[str, object]:  # noqa: ARG002
        """Return the facts that an answer repeats from its request, with the requested values."""
        return {}

    def elements(self, found: Json) -> list[Json] | None:
        """Return the records in the value at their path; ``None`` if it is of another type."""
        return [] if found is None else found if isinstance(found, list) else None

    def read(self, document: Json) -> dict[str, Any]:
        """Return the facts that a body states of its page, and the names of those that are not understood."""
        read = {fact: _READ_AS[fact](at(document, path)) for fact, path in self.fields.items()}
        misread = tuple(sorted(fact for fact, value in read.items() if value is NOT_UNDERSTOOD))
        return {**{fact: understood(value) for fact, value in read.items()}, "not_understood": misread}

    def refusal(self, parameter: str, values: Sequence[str], endpoint: str, cost: int) -> str:  # noqa: ARG002
        """Return the reason to refuse a parameter of the pagination in a job, and the alternative."""
        return "a walk requests its pages itself; use max_pages or max_items"

    def limit_fault(self, pages: int, endpoint: str, cost: int) -> str | None:  # noqa: ARG002
        """Return the reason to refuse so many pages of a walk in a job; ``None`` if they are allowed."""
        return None

    @abstractmethod
    def walk(self, walk: W, ask: Callable[[W, int, str | None], R]) -> WalkProgress[W, R]:
        """Start a walk. `ask` makes the request for one of its pages."""
