"""Types of faults: a kind, the request that it hits, and the page that the vendor would have sent."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, TypeAlias

import orjson
from aiohttp import web

from scraper.core.subscriptions import Subscription
from scraper.sandbox.answers import Asked, Paging, PlayedAnswer, PlayedVendor
from scraper.sandbox.records import Record


class Charged(StrEnum):
    """The played vendor's charge for such an answer, as printed by `scraper sandbox --faults`."""

    YES = "yes"
    """The vendor sent a success."""
    FAILED_2XX = "2xx"
    """A 2xx that is not a success: Crawlora documents that each 2xx is charged, KeyAPI documents nothing."""
    FAILED = "no"
    """Not a 2xx: free at Crawlora, undocumented at KeyAPI."""
    UNSEEN = "never"
    """The request did not reach the vendor."""


@dataclass(frozen=True, slots=True)
class Option:
    """A setting of a kind, `name=value`."""

    name: str
    default: str
    allowed: tuple[str, ...] = ()
    """Empty: a number of 0 or more."""

    def refuses(self, value: str) -> str | None:
        """Return the fault of a value, or None."""
        if self.allowed:
            return None if value in self.allowed else f"is one of {', '.join(self.allowed)}, not {value!r}"
        return None if value.isascii() and value.isdecimal() and len(value) < 10 else f"is a number, not {value!r}"


@dataclass(frozen=True, slots=True)
class Target:
    """A request that a fault hits."""

    vendor: PlayedVendor
    path: str
    key: str
    """The account's key, sent with the request."""
    subscription: Subscription
    options: Mapping[str, str]

    def successful(self, asked: Asked, **parameters: str | None) -> OpenedPage:
        """Return the page that the vendor would send; `parameters` replace the requested ones, None removes one.

        Raises InvalidParameterError like the vendor's route.
        """
        wanted = {name: value for name, value in {**asked.parameters, **parameters}.items() if value is not None}
        return OpenedPage(self.vendor.routes[self.path](replace(asked, parameters=wanted)))


@dataclass(frozen=True, slots=True)
class Sent:
    """The answer that is sent instead of the vendor's, byte for byte."""

    status: int
    body: bytes
    records: Sequence[Record] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    content_type: str = "application/json"
    success: bool = False
    """True if the vendor counts it as a success."""

    @property
    def answer(self) -> PlayedAnswer:
        return PlayedAnswer(self.status, {}, self.records, failed=not self.success)


def refused(answer: PlayedAnswer, **headers: str) -> Sent:
    return Sent(answer.status, orjson.dumps(answer.body), headers={**answer.headers, **headers})


class OpenedPage:
    """A vendor's successful page, decoded so that it can be changed."""

    def __init__(self, answer: PlayedAnswer) -> None:
        self.document: dict[str, Any] = orjson.loads(orjson.dumps(answer.body))
        outer = self.document["data"]
        self.inner: dict[str, Any] = outer["data"] if isinstance(outer.get("data"), dict) else outer
        """The object with the list and the pagination."""
        self.list_name = next((name for name, value in self.inner.items() if isinstance(value, list)), None)
        """None if the vendor sends no list."""
        self._alone: Sequence[Record] = () if self.list_name else answer.records
        """The one record of an answer without a list."""

    @property
    def records(self) -> list[Any]:
        return self.inner[self.list_name] if self.list_name else []

    @records.setter
    def records(self, records: Sequence[Any]) -> None:
        if self.list_name:
            self.inner[self.list_name] = list(records)

    @property
    def pagination(self) -> dict[str, Any]:
        """Return the object with the page number of a board, or with the cursor of a feed."""
        found: dict[str, Any] = self.inner.get("pagination", self.inner)
        return found

    def promise(self, more: object) -> None:
        """Set the flag for further pages."""
        self.pagination["has_more" if "has_more" in self.pagination else "hasMore"] = more

    @property
    def total_name(self) -> str:
        return "total_count" if "total_count" in self.pagination else "total"

    def sent(self, body: bytes | None = None, **headers: str) -> Sent:
        """Return a successful answer; `body` replaces the document as JSON."""
        records = self._alone or [record for record in self.records if isinstance(record, dict)]
        return Sent(200, orjson.dumps(self.document) if body is None else body, records, headers, success=True)


Replaced: TypeAlias = Callable[[Target, Asked], Sent]
"""Replaces the vendor's answer, inside the metering."""

Passage: TypeAlias = Callable[
    [Target, web.Request, Callable[[], Awaitable[web.StreamResponse]], Callable[[float], Awaitable[None]]],
    Awaitable[web.StreamResponse],
]
"""Acts on the connection, outside the metering; takes the next handler and a way to wait."""


@dataclass(frozen=True, slots=True)
class FaultKind:
    """A kind of fault."""

    name: str
    meaning: str
    """A line for the list of kinds."""
    charged: Charged
    replaced: Replaced | None = None
    passage: Passage | None = None
    options: tuple[Option, ...] = ()
    paging: Paging | None = None
    """The kind of pagination that it needs; None: any."""
    arrives: bool = True
    """False if the vendor's answer does not arrive, or arrives incomplete."""
