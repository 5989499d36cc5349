"""A kind of pagination: how the pages of an endpoint are asked for, read and bounded.

Each kind is a frozen dataclass in a file of its own, with the figures and field paths of one endpoint. Nothing else
knows which kinds there are, but for the schema of a vendor file (``io/config_files/pagination_tables.py``).
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
    """One kind; what stands here holds for lists whose end only the vendor knows."""

    __slots__ = ()

    kind: ClassVar[str]
    """Its name in vendor files."""
    shape: ClassVar[str] = "list"
    """The JSON that stands at the path of the records."""
    assumed: ClassVar[Sequence[str]] = ()
    """Names of its figures that no document states."""
    open_ended: ClassVar[bool] = False
    """No answer tells how many pages will follow it."""
    limit_words: ClassVar[str] = "the vendor's documented clamp"
    """The reason for which a walk has at most `max_page` pages."""
    rows_per_page: int
    max_page: int | None
    """The last page that there can be, as far as that is documented."""

    @property
    def fields(self) -> Mapping[str, str | None]:
        """Fact, by its name in `PageFacts`, → dotted path in the body; ``None`` where no answer says it."""
        return {}

    @property
    @abstractmethod
    def words(self) -> str:
        """How pages are asked for, for people."""

    @abstractmethod
    def params(self, page: int, cursor: str | None) -> Mapping[str, str]:
        """The parameters that ask for one page."""

    def echoed(self, page: int) -> Mapping[str, object]:  # noqa: ARG002
        """Facts that the answer to the request for a page repeats, with the values that were asked for."""
        return {}

    def elements(self, found: Json) -> list[Json] | None:
        """The records in what stands at their path; ``None`` where it is of another shape."""
        return [] if found is None else found if isinstance(found, list) else None

    def told(self, document: Json) -> dict[str, Any]:
        """Return the facts that a body states of its page, and the names of those that are not understood."""
        read = {fact: _READ_AS[fact](at(document, path)) for fact, path in self.fields.items()}
        misread = tuple(sorted(fact for fact, value in read.items() if value is NOT_UNDERSTOOD))
        return {**{fact: understood(value) for fact, value in read.items()}, "not_understood": misread}

    def refusal(self, parameter: str, values: Sequence[str], endpoint: str, cost: int) -> str:  # noqa: ARG002
        """Why a job may not state a parameter of the pagination, and what it states instead."""
        return "the walk asks for its pages itself; use max_pages or max_items"

    def limit_fault(self, pages: int, endpoint: str, cost: int) -> str | None:  # noqa: ARG002
        """Why a job may not ask for so many pages of a walk, where it may not."""
        return None

    @abstractmethod
    def walk(self, walk: W, ask: Callable[[W, int, str | None], R]) -> WalkProgress[W, R]:
        """A walk at its beginning. `ask` makes the request for a page of it."""
