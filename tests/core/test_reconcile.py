"""Counting billing events against attempts that were never answered."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from scraper.core.bodies import Json
from scraper.core.catalogue import BillingEvents, Charge
from scraper.core.reconcile import (
    LONGEST_ANSWER,
    SLACK,
    BillingEvent,
    UnknownAttempt,
    read_events,
    settle_unknown,
)

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
LATER = NOON + timedelta(hours=3)
PATHS = {"acme.boards": "/boards", "acme.posts": "/posts"}
DESCRIBED = BillingEvents(
    path="/events",
    from_param="from",
    to_param="to",
    records="data.events",
    request_id="request_id",
    endpoint="endpoint",
    status="event_status",
    charged=("charged",),
    free=("non_billable",),
    at="created_at",
)


def attempt(number: int, minute: float, endpoint: str = "acme.boards") -> UnknownAttempt:
    sent_at = NOON + timedelta(minutes=minute)
    return UnknownAttempt(number, "acme/default", "run", endpoint, 1, "{}", 8, sent_at, sent_at + LONGEST_ANSWER)


def event(minute: float | None, path: str = "/boards", request_id: str | None = None) -> BillingEvent:
    return BillingEvent(request_id, path, None if minute is None else NOON + timedelta(minutes=minute))


def settled(
    attempts: list[UnknownAttempt], events: list[BillingEvent], answered: frozenset[str] = frozenset()
) -> dict[int, Charge]:
    return settle_unknown(attempts, events, answered=answered, paths=PATHS, now=LATER)


def test_as_many_attempts_are_charged_as_there_are_events_that_no_answer_explains() -> None:
    charges = settled([attempt(1, 0), attempt(2, 1), attempt(3, 2)], [event(0.5), event(1.5)])
    assert sorted(charges.values()) == [Charge.CHARGED, Charge.CHARGED, Charge.FREE]


def test_an_event_of_an_answered_attempt_settles_nothing() -> None:
    assert settled([attempt(1, 0)], [event(0, request_id="r-1")], frozenset({"r-1"})) == {1: Charge.FREE}


def test_an_event_of_another_endpoint_or_another_time_settles_nothing() -> None:
    assert settled([attempt(1, 0)], [event(0, "/posts"), event(30), event(-6)]) == {1: Charge.FREE}


def test_an_event_without_a_time_fits_any_attempt_that_was_asked_about() -> None:
    assert settled([attempt(1, 0)], [event(None)]) == {1: Charge.CHARGED}


def test_an_attempt_whose_event_the_vendor_has_not_decided_stays_unknown() -> None:
    undecided = BillingEvent(None, "/boards", NOON, charged=False)
    assert settled([attempt(1, 0)], [undecided]) == {}
    assert settled([attempt(1, 0), attempt(2, 0)], [undecided, event(0)]) == {1: Charge.CHARGED}


def test_an_attempt_that_may_still_be_booked_stays_unknown() -> None:
    lately = attempt(1, 0)
    at_the_edge = lately.deadline + SLACK
    assert settle_unknown([lately], [], answered=frozenset(), paths=PATHS, now=at_the_edge) == {}
    after = at_the_edge + timedelta(seconds=1)
    assert settle_unknown([lately], [], answered=frozenset(), paths=PATHS, now=after) == {1: Charge.FREE}


def test_free_events_are_not_read_and_anything_but_a_list_is_no_answer() -> None:
    document: Json = {
        "data": {
            "events": [
                {"request_id": "a", "endpoint": "/boards", "event_status": "charged", "created_at": NOON.isoformat()},
                {"request_id": "b", "endpoint": "/boards", "event_status": "non_billable"},
                {"endpoint": "/posts", "event_status": "charged", "created_at": "soon"},
                "noise",
            ]
        }
    }
    assert read_events(DESCRIBED, document) == [BillingEvent("a", "/boards", NOON), BillingEvent(None, "/posts", None)]
    assert read_events(DESCRIBED, {"data": {"events": {}}}) is None
    assert read_events(DESCRIBED, None) is None


@given(
    sent=st.lists(st.floats(0, 60), max_size=8),
    billed=st.lists(st.booleans(), max_size=8),
    lag=st.floats(-4.9, 4.9),
)
def test_whatever_the_vendor_really_billed_is_never_settled_as_less(
    sent: list[float], billed: list[bool], lag: float
) -> None:
    """Every billed attempt leaves an event within the slack: the sum that is settled as charged is what was billed."""
    attempts = [attempt(number, minute) for number, minute in enumerate(sent)]
    really = [minute for minute, was_billed in zip(sent, billed, strict=False) if was_billed]
    charges = settled(attempts, [event(minute + lag) for minute in really])
    assert list(charges.values()).count(Charge.CHARGED) == len(really)
