"""A played vendor's billing events: one for each billable request, reserved at first and settled with its answer."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal, TypeAlias

from scraper.core.units import Credits

KEPT_FOR = timedelta(days=100)
"""Chosen here: three billing months, and some days to query them."""
KEPT_EVENTS = 200_000
"""Chosen here: about 80 MB (measured) in a sandbox that is left running."""

EventStatus: TypeAlias = Literal["reserved", "charged", "non_billable", "failed"]


@dataclass(frozen=True, slots=True)
class Event:
    """One request with the right key on a route that is sold, with the id of its answer."""

    request_id: str
    endpoint: str
    """The route without the vendor's prefix: `/tiktok/hashtags`."""
    event_status: EventStatus
    """Reserved until it is answered; then charged (2xx), failed (5xx) or non_billable (all else)."""
    credit_cost: Credits
    """The price; `event_status` states whether it was charged."""
    credits_remaining_before: Credits | None
    """Credits of the month left when the request was settled; ``None`` without a limit."""
    credits_remaining_after: Credits | None
    status_code: int | None
    """``None`` while it is reserved."""
    created_at: datetime
    """Time at which the request arrived."""


class EventLog:
    """The events of one account, oldest first, up to a limit; the clock is assumed never to run backwards."""

    def __init__(self, *, kept_events: int = KEPT_EVENTS) -> None:
        self._kept_events = kept_events
        self._events: OrderedDict[str, Event] = OrderedDict()
        self._unlisted: set[str] = set()
        self._listed_twice: set[str] = set()
        self.most_listed = kept_events
        """Most events in a list, the newest ones, whatever limit is requested."""

    def __len__(self) -> int:
        return len(self._events)

    def reserve(
        self, request_id: str, endpoint: str, at: datetime, *, credit_cost: Credits, credits_left: Credits | None
    ) -> None:
        """Record that a request has arrived; nothing is charged for it yet."""
        event = Event(request_id, endpoint, "reserved", credit_cost, credits_left, credits_left, None, at)
        self._events[request_id] = event
        while len(self._events) > self._kept_events or next(iter(self._events.values())).created_at < at - KEPT_FOR:
            self._events.popitem(last=False)

    def settle(self, request_id: str, status: int, *, charged: bool, credits_left: Credits | None) -> None:
        """Record the answer's status; `credits_left` is what remains now. Events no longer kept are ignored."""
        event = self._events.get(request_id)
        if event is None:
            return
        settled: EventStatus = "charged" if charged else "failed" if status >= 500 else "non_billable"
        taken = event.credit_cost if charged else 0
        self._events[request_id] = replace(
            event,
            event_status=settled,
            credits_remaining_before=None if credits_left is None else credits_left + taken,
            credits_remaining_after=credits_left,
            status_code=status,
        )

    def matching(
        self,
        *,
        start: datetime | None = None,
        end: datetime | None = None,
        endpoint: str | None = None,
    ) -> Iterator[Event]:
        """Yield the events created from `start` on and before `end`, of this endpoint if one is given."""
        return (
            event
            for event in self._events.values()
            if (start is None or start <= event.created_at)
            and (end is None or event.created_at < end)
            and endpoint in {None, event.endpoint}
        )

    def unlist(self, request_id: str) -> None:
        """Leave an event out of every list from now on; its charge remains."""
        self._unlisted.add(request_id)

    def list_twice(self, request_id: str) -> None:
        """Show an event twice in every list from now on; it is charged once."""
        self._listed_twice.add(request_id)

    def listed(self, *, start: datetime | None = None, end: datetime | None = None) -> list[Event]:
        """Return the events of a span as the vendor's lists show them, oldest first."""
        shown = [
            event
            for event in self.matching(start=start, end=end)
            if event.request_id not in self._unlisted
            for _ in range(2 if event.request_id in self._listed_twice else 1)
        ]
        return shown[-self.most_listed :]
