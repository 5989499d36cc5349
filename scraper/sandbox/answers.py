"""What the two played vendors have in common: a request as asked, an answer as given, and who can give one."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Literal, Protocol, TypeAlias

from scraper.core.units import Credits
from scraper.sandbox.billing_events import EventLog
from scraper.sandbox.metering import Account, Rejected
from scraper.sandbox.records import Record


class InvalidParameterError(Exception):
    """A parameter that the vendor answers with a 400."""

    def __init__(self, parameter: str, met: str | None) -> None:
        super().__init__(parameter, met)
        self.parameter = parameter
        self.met = met
        """The value as received; ``None`` where a required parameter is missing."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One request: its parameters as received, its instant and the id it will be answered under.

    An empty value is refused like a wrong one; neither vendor documents what it does with it, one advises against it.
    """

    parameters: Mapping[str, str]
    at: datetime
    request_id: str
    world_at: datetime
    """The instant that its records are drawn for: `at`, or the first of the day at which the world stands still."""

    @property
    def day(self) -> date:
        """The UTC day of the records."""
        return self.world_at.astimezone(UTC).date()

    def text(self, name: str, default: str) -> str:
        """A free text."""
        met = self.parameters.get(name, default)
        if not met:
            raise InvalidParameterError(name, met)
        return met

    def optional(self, name: str) -> str | None:
        """A free text, or ``None`` where it was not asked for."""
        return self.text(name, "") if name in self.parameters else None

    def required(self, name: str) -> str:
        """A text without which there is no answer."""
        met = self.optional(name)
        if met is None:
            raise InvalidParameterError(name, None)
        return met

    def instant(self, name: str) -> datetime | None:
        """An ISO 8601 instant with its offset or a Z, or ``None`` where it was not asked for."""
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
        """One of the documented values, spelt as documented."""
        met = self.parameters.get(name, default)
        if met not in allowed:
            raise InvalidParameterError(name, met)
        return met

    def integer(self, name: str, default: int | None = None) -> int:
        """A whole number in ASCII digits that fits 64 bits; refused as missing without a default."""
        met = self.parameters.get(name, None if default is None else str(default))
        if met is None or not re.fullmatch(r"-?[0-9]{1,18}", met):
            raise InvalidParameterError(name, met)
        return int(met)


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer before it is written out; `records` is the list it carries, for whoever compares."""

    status: int
    body: Mapping[str, object]
    records: Sequence[Record] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    failed: bool = False
    """A 2xx, and yet no success."""

    @property
    def succeeded(self) -> bool:
        """What the vendor sells."""
        return 200 <= self.status < 300 and not self.failed


FailedRequests: TypeAlias = Literal["free", "charged"]
"""What a vendor that documents no rule takes for an answer that is no success."""

Paging: TypeAlias = Literal["page", "cursor"]


@dataclass(frozen=True, slots=True)
class Sold:
    """One route, as this project calls it."""

    endpoint: str
    """`crawlora.hashtags`"""
    paging: Paging
    """How its pages are asked for."""


Route: TypeAlias = Callable[[Asked], Answer]
AccountRoute: TypeAlias = Callable[[Asked, Account, EventLog], Answer]


class Vendor(Protocol):
    """A vendor as played: its routes, and its own words for every refusal."""

    name: str
    prefix: str
    """What its routes begin with; every other path under it is this vendor's 404."""
    credit_cost: Credits
    """What a successful request costs; both vendors charge the same on each of their endpoints here."""
    routes: Mapping[str, Route]
    sold: Mapping[str, Sold]
    """What each route is called here."""
    account_routes: Mapping[str, AccountRoute]
    """Where the holder of a key asks about the account: free, unmetered, and no request of the account's own page."""

    def charges(self, answer: Answer) -> bool:
        """Whether it takes its price for an answer."""

    def key_in(self, headers: Mapping[str, str]) -> str | None:
        """The API key that a request carries."""

    def unauthorized(self, key: str | None) -> Answer:
        """Without a key, or with a wrong one."""

    def rejected(self, rejected: Rejected) -> Answer:
        """Over one of the account's limits."""

    def invalid(self, fault: InvalidParameterError) -> Answer:
        """A parameter that is refused."""

    def failed(self, status: int) -> Answer:
        """A documented failure that says nothing more: 404, 405, 500 …"""

    def headers(self, request_id: str, starts_left: int | None) -> Mapping[str, str]:
        """What stands on every answer; `starts_left`: requests that may still start in this second, if limited."""
