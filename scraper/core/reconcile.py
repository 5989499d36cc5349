"""What became of attempts that were sent and never answered, as far as the vendor's own billing events tell.

A lost answer has no request id, so an event cannot be tied to an attempt. But events can be counted: of one endpoint,
within the time in which an attempt can have been billed, k charged events that belong to no answered attempt settle k
of the unknown ones; where fewer are found than attempts, the others were free.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime, timedelta

from scraper.core.bodies import Json, at
from scraper.core.catalogue import BillingEvents, Charge
from scraper.core.outcomes import instant_of
from scraper.core.units import Credits

LONGEST_ANSWER = timedelta(seconds=90)
"""An answer is waited for no longer than this after its request was sent."""
SLACK = timedelta(minutes=5)
"""Between our clock and the vendor's, and between an answer and its entry in the books."""


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
    """No answer was waited for past this."""


@dataclass(frozen=True, slots=True)
class BillingEvent:
    """One entry of a vendor's books that was charged, or is not decided yet."""

    request_id: str | None
    path: str
    """The route that was billed."""
    at: datetime | None
    """``None``: it does not say when; it then fits any attempt of the time that was asked about."""
    charged: bool = True
    """False: the vendor itself has not decided."""


def read_events(described: BillingEvents, document: Json) -> list[BillingEvent] | None:
    """The events of an answer that were charged or may yet be; ``None`` where no list stands where it is described."""
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
    """Attempt → CHARGED or FREE. What may still be billed is left out: its time is not over, or its event undecided.

    `answered`: the vendor's ids of answered attempts, whose events belong to them. `paths`: endpoint → its route.
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
    """As many attempts as can be paired with events: each event takes the open attempt whose time ends first."""
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
