"""Lines of the ledger and of the vendor's billing records, as they are compared."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from scraper.core.bodies import Json, at
from scraper.core.catalogue import BillingEvents, BillingPage, Charge
from scraper.core.units import Credits
from scraper.core.vendor_times import instant_of

LONGEST_ANSWER = timedelta(seconds=90)
"""The timeout of an answer, from the sending of its request."""
SLACK = timedelta(minutes=5)
"""Tolerance for the difference between clocks, and for the delay between an answer and its billing event."""


ANY_ENDPOINT = "*"
"""The endpoint of credits that a lost ledger may have spent, if nothing more is known: ``crawlora.*``."""


@dataclass(frozen=True, slots=True)
class LedgerLine:
    """An attempt in the ledger that was sent, or may have been."""

    attempt_id: int
    account: str
    run_id: str
    endpoint: str
    page: int
    params: str
    """JSON object, as text."""
    credits: Credits
    """Credits that it counts as, by its charge."""
    sent_at: datetime
    deadline: datetime
    """The end of its timeout."""
    charge: Charge = Charge.UNKNOWN
    request_id: str | None = None
    """The vendor's id of the answer."""
    price: Credits = 0
    """Credits that were reserved for it."""
    in_flight: bool = False
    """True if a live process waits for its answer and will settle it."""

    @property
    def is_of_a_lost_ledger(self) -> bool:
        """True for credits without a known attempt."""
        return self.endpoint.endswith(f".{ANY_ENDPOINT}")


@dataclass(frozen=True, slots=True)
class BillingEvent:
    """A request in the vendor's billing records."""

    request_id: str | None
    path: str
    """The route that was billed."""
    at: datetime | None
    """``None`` if the event has no time: it then matches any attempt of the requested period."""
    charge: Charge | None = Charge.CHARGED
    """``None`` if the vendor has not decided yet."""
    credits: Credits | None = None
    """``None`` if the event states no price."""


@dataclass(frozen=True, slots=True)
class BillingPeriod:
    """A vendor's billing period and its total."""

    key: str
    starts: datetime
    ends: datetime
    used: Credits | None = None

    def holds(self, moment: datetime | None) -> bool:
        """Return whether an instant is in the period; an event without a time is."""
        return moment is None or self.starts <= moment < self.ends


@dataclass(frozen=True, slots=True)
class Route:
    """An endpoint as the vendor's billing records may name it."""

    endpoint: str
    path: str
    cost: Credits
    pattern: re.Pattern[str] = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        parts = (re.escape(part) for part in re.split(r"\{[^{}]*\}", self.path))
        object.__setattr__(self, "pattern", re.compile(".*" + "[^/]+".join(parts), re.DOTALL))

    def matches(self, billed: str) -> bool:
        """Return whether a billed route is this one, under any prefix."""
        return self.pattern.fullmatch(billed.partition("?")[0]) is not None


def read_events(described: BillingEvents, document: Json, records: str | None = None) -> list[BillingEvent] | None:
    """Return the events of an answer; ``None`` if the described path has no list. `records`: another path."""
    found = at(document, described.records if records is None else records)
    if not isinstance(found, list):
        return None
    return [_event(described, element) for element in found if isinstance(element, dict)]


def _event(described: BillingEvents, element: dict[str, Json]) -> BillingEvent:
    request_id, status = at(element, described.request_id), str(at(element, described.status))
    charge = Charge.CHARGED if status in described.charged else Charge.FREE if status in described.free else None
    return BillingEvent(
        request_id=request_id if isinstance(request_id, str) and request_id else None,
        path=str(at(element, described.endpoint)),
        at=instant_of(at(element, described.at)),
        charge=charge,
        credits=None if described.credits is None else credits_of(at(element, described.credits)),
    )


def credits_of(value: Json) -> Credits | None:
    """Return whole credits, as a number or as text; ``None`` for anything else."""
    if isinstance(value, bool):
        return None
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, str) and value.isascii() and value.isdecimal():
        value = int(value[:30])
    return value if isinstance(value, int) and value >= 0 else None


def read_periods(described: BillingPage, document: Json) -> list[BillingPeriod] | None:
    """Return the billing periods of an answer; ``None`` if the described path has no list, or the list has no period.

    A page without `records` is one period.
    """
    found: Json = [document] if described.records is None else at(document, described.records)
    if not isinstance(found, list) or described.period is None:
        return None
    periods = []
    for element in found:
        key, starts, ends = (
            None if path is None else at(element, path) for path in (described.period, described.starts, described.ends)
        )
        begins, closes = instant_of(starts), instant_of(ends)
        if isinstance(key, (str, int)) and begins is not None and closes is not None and begins < closes:
            periods.append(BillingPeriod(str(key), begins, closes, credits_of(at(element, described.used))))
    return periods if periods or described.records is not None else None
