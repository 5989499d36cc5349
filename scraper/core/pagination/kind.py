"""A kind of pagination: how the pages of an endpoint are asked for, read and bounded.

Each kind is one frozen dataclass in a file of its own that satisfies `Pagination`; nothing else knows which kinds there
are, but for the schema of a vendor file (``io/config_files/vendor_files.py``), which gives each its name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from scraper.core.bodies import Json
from scraper.core.pagination.facts import PageFacts
from scraper.core.pagination.walk import R, W, WalkProgress


class Priced(Protocol):
    """An endpoint, as far as messages about its pages need it."""

    @property
    def vendor(self) -> str:
        """The vendor's name."""

    @property
    def full_name(self) -> str:
        """Vendor and endpoint."""

    @property
    def cost(self) -> int:
        """Credits a request."""


@dataclass(frozen=True, slots=True)
class Expected:
    """A fact that an answer was expected to tell, as a probe shows it."""

    words: str
    """The fact, for people."""
    path: str | None
    met: object
    as_described: bool
    asked: str = ""
    """The value that was asked for, where one was."""


class Pagination(Protocol):
    """One kind of pagination, with the figures and field paths of one endpoint."""

    @property
    def kind(self) -> str:
        """Its name in vendor files."""

    @property
    def rows_per_page(self) -> int:
        """Records of a full page."""

    @property
    def max_page(self) -> int | None:
        """The last page that there can be, as far as that is documented."""

    @property
    def assumed(self) -> Sequence[str]:
        """Names of its figures that no document states."""

    @property
    def open_ended(self) -> bool:
        """No answer tells how many pages will follow it."""

    @property
    def fields(self) -> Mapping[str, str | None]:
        """Fact → dotted path in the body; ``None`` where no answer says it. Facts are fields of `PageFacts`."""

    @property
    def words(self) -> str:
        """How pages are asked for, for people."""

    @property
    def limit_words(self) -> str:
        """The reason for which a walk has at most `max_page` pages."""

    @property
    def shape(self) -> str:
        """What stands at the path of the records."""

    def elements(self, found: Json) -> list[Json] | None:
        """The records in what stands at their path; ``None`` where it is not of the documented shape."""

    def params(self, page: int, cursor: str | None) -> Mapping[str, str]:
        """The parameters that ask for one page."""

    def told(self, document: Json) -> Mapping[str, Any]:
        """The facts that a body tells of its page, by their names in `PageFacts`."""

    def expected(self, page: int, facts: PageFacts) -> Sequence[Expected]:
        """The facts of an answer to the request for a page, held against the vendor file."""

    def refusal(self, parameter: str, values: Sequence[str], endpoint: Priced) -> str:
        """Why a job may not state a parameter of the pagination, and what it states instead."""

    def limit_fault(self, pages: int, endpoint: Priced) -> str | None:
        """Why a job may not ask for so many pages of a walk, where it may not."""

    def walk(self, walk: W, ask: Callable[[W, int, str | None], R]) -> WalkProgress[W, R]:
        """A walk at its beginning. `ask` makes the request for a page of it."""
