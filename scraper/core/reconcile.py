"""Settlement of attempts that were sent and never answered, by the vendor's billing events.

A lost answer has no request id, so an event cannot be matched to an attempt. But events can be counted: k charged
events of an endpoint that belong to no answered attempt, within the time in which the attempts can have been billed,
settle k unknown attempts as charged; attempts left over were free.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime, timedelta

from scraper.core.bodies import Json, at
from scraper.core.catalogue import BillingEvents, Charge
from scraper.core.units import Credits
from scraper.core.vendor_times import instant_of

LONGEST_ANSWER = timedelta(seconds=90)
"""The timeout of an answer, from the sending of its request."""
SLACK = timedelta(minutes=5)
"""Tolerance for the difference between clocks, and for the delay between an answer and its billing event."""


@dataclass(frozen=True, slots=True)
class UnknownAttempt:
    """An attempt of the ledger that was sent, or may have been, and never answered."""

    attempt_id: int
    account: str
    run_id: str
    endpoint: str
    page: int
    params: str
    """JSON object, as text."""
    credits: Credits
    sent_at: datetime
    deadline: datetime
    """The end of its timeout."""


@dataclass(frozen=True, slots=True)
class BillingEvent:
    """A billing event that was charged, or whose charge is undecided."""

    request_id: str | None
    path: str
    """The route that was billed."""
    at: datetime | None
    """``None`` if the event has no time: it then matches any attempt of the requested period."""
    charged: bool = True
    """False if the vendor has not decided yet."""


def read_events(described: BillingEvents, document: Json) -> list[BillingEvent] | None:
    """Return the charged and undecided events of an answer; ``None`` if the described path has no list."""
    found = at(document, described.records)
    if not isinstance(found, list):
        return None
    events = []
    for element in found:
        if isinstance(element, dict) and (status := str(at(element, described.status))) not in described.free:
            request_id = at(element, described.request_id)
            events.append(
                BillingEvent(
                    request_id=request_id if isinstance(request_id, str) else None,
                    path=str(at(element, described.endpoint)),
                    at=instant_of(at(element, described.at)),
                    charged=status in described.charged,
                )
            )
    return events


def settle_unknown(
    unknown: Sequence[UnknownAttempt],
    events: Iterable[BillingEvent],
    *,
    answered: AbstractSet[str],
    paths: Mapping[str, str],
    now: datetime,
) -> dict[int, Charge]:
    """Return attempt → CHARGED or FREE, without attempts that may still be billed.

    `answered`: vendor request ids of answered attempts, whose events are ignored. `paths`: endpoint → its route.
    """
    due = [attempt for attempt in unknown if attempt.deadline + SLACK < now]
    left = [event for event in events if event.request_id not in answered]
    settled = dict.fromkeys((attempt.attempt_id for attempt in due), Charge.FREE)
    for endpoint in {attempt.endpoint for attempt in due}:
        of_endpoint = [attempt for attempt in due if attempt.endpoint == endpoint]
        billed = [event for event in left if event.path.endswith(paths[endpoint])]
        charged = _paired(of_endpoint, [event for event in billed if event.charged])
        settled |= {attempt.attempt_id: Charge.CHARGED for attempt in charged}
        others = [attempt for attempt in of_endpoint if attempt not in charged]
        for attempt in _paired(others, [event for event in billed if not event.charged]):
            del settled[attempt.attempt_id]
    return settled


def _paired(attempts: Sequence[UnknownAttempt], events: Sequence[BillingEvent]) -> list[UnknownAttempt]:
    """Return as many attempts as match events: each event takes the matching attempt with the earliest deadline."""
    waiting = sorted(attempts, key=lambda attempt: attempt.deadline)
    found = []
    in_time = sorted(events, key=lambda event: (event.at is None, event.at.timestamp() if event.at else 0.0))
    for event in in_time:
        fitting = next((attempt for attempt in waiting if _fits(attempt, event)), None)
        if fitting is not None:
            waiting.remove(fitting)
            found.append(fitting)
    return found


def _fits(attempt: UnknownAttempt, event: BillingEvent) -> bool:
    return event.at is None or attempt.sent_at - SLACK <= event.at <= attempt.deadline + SLACK
