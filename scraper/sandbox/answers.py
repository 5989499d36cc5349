"""Shared by both played vendors: the request as received, the answer, and the interface of a vendor."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Literal, Protocol, TypeAlias

from scraper.core.units import Credits
from scraper.sandbox.billing_events import EventLog
from scraper.sandbox.metering import Meter, Rejected
from scraper.sandbox.records import Record


class InvalidParameterError(Exception):
    """A parameter that the vendor answers with a 400."""

    def __init__(self, parameter: str, met: str | None) -> None:
        super().__init__(parameter, met)
        self.parameter = parameter
        self.met = met
        """The value as received; ``None`` if a required parameter is missing."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One request: its parameters as received, its instant, and the id of its answer.

    An empty value is refused like a wrong one; neither vendor documents its treatment, and one advises against it.
    """

    parameters: Mapping[str, str]
    at: datetime
    request_id: str
    world_at: datetime
    """The instant for which its records are drawn: `at`, or the first one of the fixed day of the world."""

    @property
    def day(self) -> date:
        return self.world_at.astimezone(UTC).date()

    def text(self, name: str, default: str) -> str:
        met = self.parameters.get(name, default)
        if not met:
            raise InvalidParameterError(name, met)
        return met

    def optional(self, name: str) -> str | None:
        """Return a free text, or ``None`` if the parameter was left out."""
        return self.text(name, "") if name in self.parameters else None

    def required(self, name: str) -> str:
        met = self.optional(name)
        if met is None:
            raise InvalidParameterError(name, None)
        return met

    def instant(self, name: str) -> datetime | None:
        """Return an ISO 8601 instant with its offset or a Z, or ``None`` if the parameter was left out."""
        met = self.optional(name)
        if met is None:
            return None
        try:
            instant = datetime.fromisoformat(met)
        except ValueError:
            raise InvalidParameterError(name, met) from None
        if instant.tzinfo is None:
            raise InvalidParameterError(name, met)
        return instant

    def choice(self, name: str, allowed: Collection[str], default: str) -> str:
        """Return one of the documented values, spelt as documented."""
        met = self.parameters.get(name, default)
        if met not in allowed:
            raise InvalidParameterError(name, met)
        return met

    def integer(self, name: str, default: int | None = None) -> int:
        """Return a whole number in ASCII digits that fits 64 bits; without a default, a missing one is refused."""
        met = self.parameters.get(name, None if default is None else str(default))
        if met is None or not re.fullmatch(r"-?[0-9]{1,18}", met):
            raise InvalidParameterError(name, met)
        return int(met)


@dataclass(frozen=True, slots=True)
class PlayedAnswer:
    """An answer before it is serialised; `records` is its list, for tests to compare."""

    status: int
    body: Mapping[str, object]
    records: Sequence[Record] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    failed: bool = False
    """A 2xx status whose body is an error."""

    @property
    def succeeded(self) -> bool:
        return 200 <= self.status < 300 and not self.failed


FailedRequests: TypeAlias = Literal["free", "charged"]
"""The charge for a failed answer if the vendor documents no rule."""

Paging: TypeAlias = Literal["page", "cursor", "one"]
"""`one`: one request returns everything."""


@dataclass(frozen=True, slots=True)
class Sold:
    """A route that the vendor sells."""

    endpoint: str
    """`crawlora.hashtags`"""
    paging: Paging


Route: TypeAlias = Callable[[Asked], PlayedAnswer]
AccountRoute: TypeAlias = Callable[[Asked, Meter, EventLog], PlayedAnswer]


class PlayedVendor(Protocol):
    """A played vendor: its routes, and its own body for every refusal."""

    name: str
    prefix: str
    """The prefix of its routes; every other path under it is answered with this vendor's 404."""
    credit_cost: Credits
    """The price of a successful request; both vendors charge the same for each of their endpoints here."""
    routes: Mapping[str, Route]
    sold: Mapping[str, Sold]
    """Route → endpoint."""
    account_routes: Mapping[str, AccountRoute]
    """Routes about the account itself: free, unmetered, and not counted."""

    def charges(self, answer: PlayedAnswer) -> bool:
        """Return whether the vendor charges for this answer."""

    def key_in(self, headers: Mapping[str, str]) -> str | None:
        """Return the API key of a request."""

    def unauthorized(self, key: str | None) -> PlayedAnswer:
        """Return the answer to a request without a key, or with a wrong one."""

    def rejected(self, rejected: Rejected) -> PlayedAnswer:
        """Return the answer to a request over one of the account's limits."""

    def invalid(self, fault: InvalidParameterError) -> PlayedAnswer:
        """Return the answer to a request with an invalid parameter."""

    def failed(self, status: int) -> PlayedAnswer:
        """Return a documented failure without further detail: 404, 405, 500 …"""

    def headers(self, request_id: str, starts_left: int | None) -> Mapping[str, str]:
        """Return the headers of every answer; `starts_left`: requests that may still start in this second, if known."""
