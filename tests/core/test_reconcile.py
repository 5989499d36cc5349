"""The ledger's lines against the vendor's billing events."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scraper.core.bodies import Json
from scraper.core.catalogue import BillingEvents, BillingPage, Charge
from scraper.core.reconcile import (
    LONGEST_ANSWER,
    SLACK,
    BillingEvent,
    BillingPeriod,
    Books,
    EntryKind,
    LedgerLine,
    Route,
    hold,
    month_held,
    read_events,
    read_periods,
)
from scraper.core.reconcile.lines import credits_of
from tests.examples import examples

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
LATER = NOON + timedelta(hours=3)
ROUTES = (Route("acme.boards", "/boards", 8), Route("acme.posts", "/{board}/posts", 2))
NOVEMBER = BillingPeriod("2026-11", datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC))
DESCRIBED = BillingEvents(
    path="/events",
    from_param="from",
    to_param="to",
    records="data",
    request_id="request_id",
    endpoint="endpoint",
    status="event_status",
    charged=("charged",),
    free=("non_billable",),
    at="created_at",
    credits="credit_cost",
)


def attempt(number: int, minute: float, endpoint: str = "acme.boards") -> LedgerLine:
    """Sent and never answered."""
    sent_at = NOON + timedelta(minutes=minute)
    return LedgerLine(number, "acme/default", "run", endpoint, 1, "{}", 8, sent_at, sent_at + LONGEST_ANSWER, price=8)


def answered(number: int, request_id: str | None, charge: Charge = Charge.CHARGED, minute: float = 0) -> LedgerLine:
    credits = 0 if charge is Charge.FREE else 8
    return replace(attempt(number, minute), charge=charge, credits=credits, request_id=request_id)


def event(
    minute: float | None,
    path: str = "/boards",
    request_id: str | None = None,
    charge: Charge | None = Charge.CHARGED,
    credits: int | None = 8,
) -> BillingEvent:
    at = None if minute is None else NOON + timedelta(minutes=minute)
    return BillingEvent(request_id, path, at, charge, credits)


def held(lines: list[LedgerLine], events: list[BillingEvent], now: datetime = LATER) -> Books:
    return hold(lines, events, routes=ROUTES, now=now)


def settled(lines: list[LedgerLine], events: list[BillingEvent]) -> dict[int, int]:
    return {attempt_id: each.credits for attempt_id, each in held(lines, events).settled.items()}


def kinds(books: Books) -> list[tuple[str, int | None, int | None]]:
    return [(entry.kind.value, entry.ours, entry.theirs) for entry in books.entries]


# --- unknown attempts -------------------------------------------------------------------------------------------------


def test_as_many_attempts_are_charged_as_there_are_events_that_no_answer_explains() -> None:
    charges = settled([attempt(1, 0), attempt(2, 1), attempt(3, 2)], [event(0.5), event(1.5)])
    assert sorted(charges.values()) == [0, 8, 8]


def test_an_event_of_an_answered_attempt_settles_nothing() -> None:
    assert settled([attempt(1, 0), answered(2, "r-1")], [event(0, request_id="r-1")]) == {1: 0}


def test_an_event_of_another_endpoint_or_another_time_settles_nothing() -> None:
    assert settled([attempt(1, 0)], [event(0, "/cats/posts"), event(30), event(-6)]) == {1: 0}


def test_an_event_without_a_time_fits_any_attempt_that_was_asked_about() -> None:
    assert settled([attempt(1, 0)], [event(None)]) == {1: 8}


def test_an_attempt_whose_event_the_vendor_has_not_decided_stays_unknown() -> None:
    undecided = event(0, charge=None)
    assert settled([attempt(1, 0)], [undecided]) == {}
    assert settled([attempt(1, 0), attempt(2, 0)], [undecided, event(0)]) == {1: 8}


def test_an_attempt_that_may_still_be_booked_stays_unknown() -> None:
    lately = attempt(1, 0)
    at_the_edge = lately.deadline + SLACK
    assert held([lately], [], at_the_edge).settled == {}
    assert held([lately], [], at_the_edge + timedelta(seconds=1)).settled[1].credits == 0


def test_an_attempt_is_not_free_while_the_books_hold_a_request_under_an_unknown_name_at_its_time() -> None:
    assert settled([attempt(1, 0)], [event(0, "op-boards-list")]) == {}
    assert settled([attempt(1, 0)], [event(30, "op-boards-list")]) == {1: 0}


def test_the_name_of_an_endpoint_in_the_books_is_learned_from_answers() -> None:
    known, renamed = answered(2, "r-1"), event(0, "op-boards-list", "r-1")
    assert settled([attempt(1, 1), known], [renamed, event(1, "op-boards-list", "r-2")]) == {1: 8}


def test_what_a_lost_ledger_may_have_spent_is_settled_by_what_nothing_else_explains() -> None:
    lost = replace(attempt(1, 0, "acme.*"), credits=24, deadline=NOON + timedelta(minutes=40))
    events = [event(5), event(35, "/cats/posts", credits=2), event(60), event(20, request_id="r-1")]
    books = held([lost, answered(2, "r-1", minute=20)], events)
    assert {key: each.credits for key, each in books.settled.items()} == {1: 10}
    assert [entry.kind for entry in books.entries].count(EntryKind.THEIRS_ALONE) == 1


def test_a_request_in_flight_is_neither_settled_nor_somebody_elses() -> None:
    waiting = replace(attempt(1, 0), in_flight=True)
    books = held([waiting], [event(0, request_id="r")], NOON)
    assert (kinds(books), books.settled) == ([("undecided", 8, None)], {})
    assert kinds(held([waiting], [])) == [("undecided", 8, None)]


# --- answered attempts ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "booked", "kind", "after"),
    [
        (answered(1, "r"), event(0, request_id="r"), EntryKind.AGREES, None),
        (answered(1, "r", Charge.FREE), event(0, request_id="r", charge=Charge.FREE), EntryKind.AGREES, None),
        (answered(1, "r", Charge.FREE), event(0, request_id="r"), EntryKind.CORRECTED, 8),
        (answered(1, "r"), event(0, request_id="r", charge=Charge.FREE), EntryKind.CORRECTED, 0),
        (answered(1, "r"), event(0, request_id="r", credits=10), EntryKind.CORRECTED, 10),
        (answered(1, "r", Charge.PRESUMED), event(0, request_id="r"), EntryKind.SETTLED, 8),
        (answered(1, "r"), event(0, request_id="r", charge=None), EntryKind.UNDECIDED, None),
        (answered(1, None), event(0, request_id="q"), EntryKind.AGREES, None),
    ],
)
def test_an_answered_attempt_costs_what_the_vendor_booked(
    line: LedgerLine, booked: BillingEvent, kind: EntryKind, after: int | None
) -> None:
    books = held([line], [booked])
    (entry,) = books.entries
    assert entry.kind is kind
    assert (books.settled[1].credits if 1 in books.settled else None) == after


def test_each_side_keeps_what_the_other_does_not_have() -> None:
    lines = [answered(1, "a"), answered(2, "missing", minute=1)]
    events = [event(0, request_id="a"), event(2, request_id="foreign"), event(0, request_id="a")]
    books = held(lines, events)
    assert kinds(books) == [
        ("agrees", 8, 8),
        ("listed twice", None, 8),
        ("ours alone", 8, None),
        ("theirs alone", None, 8),
    ]
    assert books.by_id
    assert books.settled == {}


def test_books_whose_ids_are_others_are_matched_by_endpoint_and_time() -> None:
    books = held([answered(1, "ours-1"), answered(2, "ours-2", minute=9)], [event(0, request_id="bill-1")])
    assert kinds(books) == [("agrees", 8, 8), ("ours alone", 8, None)]
    assert not books.by_id
    assert "were matched by endpoint and time" in month_held(books, NOVEMBER, our_start=NOVEMBER.starts).sentence()


# --- a month ----------------------------------------------------------------------------------------------------------


def test_a_month_adds_up_to_the_credit() -> None:
    lines = [answered(1, "a"), answered(2, "missing", minute=1), attempt(3, 2), answered(4, "f", Charge.FREE, 3)]
    events = [event(0, request_id="a"), event(2.5, request_id="lost"), event(3, request_id="f")]
    events += [event(4, request_id="foreign"), event(4, request_id="foreign")]
    period = replace(NOVEMBER, used=8 * 5)
    month = month_held(held(lines, events), period, our_start=period.starts)
    assert (month.ours, month.theirs_alone, month.difference, month.adds_up) == (32, 8, 0, True)
    assert month.sentence() == (
        "period 2026-11-01: 32 credits in the ledger, 8 billed for requests that it does not have; the vendor's total "
        "is 40, which agrees. Requests: 1 settled, 1 corrected to what the vendor charged, 1 in the ledger but not "
        "billed, 1 billed but not in the ledger, 1 listed twice by the vendor."
    )
    assert not month.agrees


@pytest.mark.parametrize(
    ("used", "words"),
    [
        (48, "8 more: requests that are listed twice were charged twice"),
        (32, "8 less: requests that it does not list were not charged"),
        (41, "1 more: no line explains the difference"),
    ],
)
def test_a_month_that_does_not_add_up_says_by_how_much_and_why(used: int, words: str) -> None:
    lines = [answered(1, "a"), answered(2, "missing", minute=1)]
    events = [event(0, request_id="a"), *[event(4, request_id=f"foreign-{n}") for n in range(3)]]
    events.append(event(4, request_id="foreign-1"))
    period = replace(NOVEMBER, used=used)
    month = month_held(held(lines, events), period, our_start=period.starts, days={"2026-11-21": used})
    assert words in month.sentence()
    assert not month.adds_up
    assert f"Days on which the vendor's sum and the lines differ: 2026-11-21 ({used} against 40)." in month.notes


def test_what_the_vendor_may_still_bill_is_no_difference() -> None:
    lines = [answered(1, "a"), answered(2, "late", minute=170)]
    period = replace(NOVEMBER, used=8)
    month = month_held(held(lines, [event(0, request_id="a")], NOON + timedelta(minutes=172)), period, our_start=NOON)
    assert (month.ours, month.undecided, month.difference, month.adds_up) == (16, 8, -8, True)
    assert "apart from 8 not billed yet" in month.sentence()


def test_lines_of_the_next_period_are_not_of_this_one_and_a_wrong_first_day_is_said() -> None:
    end_minutes = (NOVEMBER.ends - NOON).total_seconds() / 60
    lines = [answered(1, "a", minute=end_minutes - 0.01), answered(2, "b", minute=end_minutes + 1)]
    events = [event(end_minutes + 0.01, request_id="a")]  # booked a moment after midnight: the vendor's word counts
    books = held(lines, events, NOVEMBER.ends + timedelta(hours=1))
    month = month_held(books, replace(NOVEMBER, used=0), our_start=NOVEMBER.starts + timedelta(days=13))
    assert (month.ours, month.entries) == (0, ())
    assert "month_starts_on = 1 in its [accounts] table is right" in month.notes[0]


# --- reading ----------------------------------------------------------------------------------------------------------


def test_events_are_read_as_they_are_described_and_anything_but_a_list_is_no_answer() -> None:
    when = NOON.isoformat()
    document: Json = {
        "data": [
            {
                "request_id": "a",
                "endpoint": "/boards",
                "event_status": "charged",
                "created_at": when,
                "credit_cost": "8",
            },
            {"request_id": "b", "endpoint": "/boards", "event_status": "non_billable"},
            {"endpoint": "/posts", "event_status": "reserved", "created_at": "soon", "credit_cost": True},
            "noise",
        ]
    }
    assert read_events(DESCRIBED, document) == [
        BillingEvent("a", "/boards", NOON, Charge.CHARGED, 8),
        BillingEvent("b", "/boards", None, Charge.FREE),
        BillingEvent(None, "/posts", None, None),
    ]
    assert read_events(DESCRIBED, {"data": {}}) is None
    assert read_events(DESCRIBED, None) is None


def test_periods_are_read_from_a_list_or_from_one_object_and_nonsense_is_none() -> None:
    page = BillingPage("/periods", "used", records="data", period="key", starts="from", ends="to")
    november: Json = {"key": "2026-11", "from": "2026-11-01T00:00:00Z", "to": "2026-12-01T00:00:00Z", "used": 40}
    assert read_periods(page, {"data": [november, {"key": "backwards", "from": 5, "to": 4}, 7]}) == [
        replace(NOVEMBER, used=40)
    ]
    assert read_periods(page, {"data": []}) == []
    assert read_periods(page, {"data": "none"}) is None
    single = BillingPage("/me", "data.used", period="data.key", starts="data.from", ends="data.to")
    assert read_periods(single, {"data": november}) == [replace(NOVEMBER, used=40)]
    assert read_periods(single, {"data": {}}) is None


@pytest.mark.parametrize(
    ("value", "credits"),
    [(8, 8), (8.0, 8), ("8", 8), (8.5, None), (-8, None), (True, None), (None, None), ("٨", None), ([8], None)],
)
def test_credits_are_whole_numbers(value: Json, credits: int | None) -> None:
    assert credits_of(value) == credits


@pytest.mark.parametrize(
    ("path", "billed", "same"),
    [
        ("/boards", "/api/v1/boards", True),
        ("/boards", "/boards?page=2", True),
        ("/boards", "/boards/top", False),
        ("/{board}/posts", "/v1/cats/posts", True),
        ("/{board}/posts", "/posts", False),
        ("/a.b", "/axb", False),
    ],
)
def test_a_billed_route_is_an_endpoint_under_whatever_prefix(path: str, billed: str, same: bool) -> None:
    assert Route("acme.x", path, 1).matches(billed) is same


@examples(60)
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
    assert sum(charges.values()) == 8 * len(really)


@examples(40)
@given(data=st.data(), ours=st.integers(0, 6), foreign=st.integers(0, 4))
def test_a_month_always_adds_up_where_the_total_is_what_was_charged(
    data: st.DataObject, ours: int, foreign: int
) -> None:
    """Whatever is charged, lost, booked twice or left out of the list."""
    lines, events, total = [], [], 0
    for number in range(ours):
        is_lost, is_charged, listed = (data.draw(st.integers(0, 1)) for _ in range(3))
        listed = listed or is_lost or not is_charged
        total += 8 * is_charged
        minute = number * 20
        line = attempt(number, minute) if is_lost else answered(number, f"r{number}", minute=minute)
        lines.append(line)
        if listed:
            charge = Charge.CHARGED if is_charged else Charge.FREE
            events += [event(minute, request_id=f"r{number}", charge=charge)] * data.draw(st.integers(1, 2))
    events += [event(number * 20 + 9, request_id=f"f{number}") for number in range(foreign)]
    total += 8 * foreign
    month = month_held(held(lines, events), replace(NOVEMBER, used=total), our_start=NOVEMBER.starts)
    assert (month.difference, month.adds_up) == (0, True)
