"""What the log says, in both formats, and what it keeps to itself."""

from __future__ import annotations

import io
import json
from datetime import datetime, timedelta
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scraper.cli.log import LogListener, event_fields, event_name
from scraper.core.catalogue import Charge, OutcomeKind
from scraper.core.events import Drained, Ending, Event, RunEnded, StateLocked, Stopped, Waiting
from tests.cli.examples import NOW, RESULT, STARTED, UNSAFE, settled

pytestmark = pytest.mark.own_instant

DRAINED = Drained(30, {"hashtags": 1000, "posts": 0}, 1)
LOST = settled(Ending.LOST, OutcomeKind.LOST, Charge.UNKNOWN, rows=0, detail="no answer for 60 s")
EVERY_EVENT: list[Event] = [
    STARTED,
    settled(),
    LOST,
    Waiting("acme", 12.0, "HTTP 429: slow down"),
    StateLocked("state.db is locked by another program; waiting, nothing is lost"),
    Stopped(None, "budget reached"),
    DRAINED,
    RunEnded(RESULT),
]


class HandClock:
    """Moved by hand."""

    def __init__(self) -> None:
        self.moment = NOW

    def __call__(self) -> datetime:
        return self.moment


def log(events: list[Event], format: Literal["text", "json"] = "text", verbose: bool = False) -> list[str]:
    stream = io.StringIO()
    listener = LogListener(stream, HandClock(), format, verbose)
    for event in events:
        listener.hear(event)
    return stream.getvalue().splitlines()


def test_a_person_reads_of_all_but_the_requests_that_went_well() -> None:
    at = "2026-11-21T02:15:00Z"
    assert log(EVERY_EVENT) == [
        f"{at} run_started run_id=week-20261121T021500Z-1f3a job=week budget=800 resumed=true spent=120",
        f'{at} request_settled label="acme.boards country=US page 3" outcome=lost detail="no answer for 60 s" attempt=1'
        " ending=lost charge=unknown credits=8 elapsed_s=0.251",
        f'{at} waiting vendor=acme wait_s=12 reason="HTTP 429: slow down"',
        f'{at} state_locked reason="state.db is locked by another program; waiting, nothing is lost"',
        f'{at} stopped reason="budget reached"',
        f"{at} drained pages=30 rows.hashtags=1000 unreadable=1",
        f"{at} run_ended run_id=week-20261121T021500Z-1f3a job=week status=budget credits.budget=800"
        " credits.charged=780 credits.presumed=8 credits.unknown=8 credits.left=4 requests.sent=67 requests.ok=64"
        " requests.retried=2 requests.lost=1 requests.reused=12 walks.complete=26 walks.truncated=1"
        " walks.not_attempted=3 rows.hashtags=600 rows.posts=1750 elapsed_s=262.1"
        ' message="budget reached: 796 of 800 credits spent, the next page costs 8. 64 pages are kept.'
        ' Go on: scraper run configs/week.toml --resume --budget 1200"'
        ' warnings=["acme.boards: 2 walks end at the vendor\'s documented clamp [bold]"]',
    ]


def test_with_v_every_request_has_its_line() -> None:
    assert log([settled()], verbose=True) == [
        '2026-11-21T02:15:00Z request_settled label="acme.boards country=US page 3" outcome=ok attempt=1 ending=ok'
        " charge=charged credits=8 rows=100 size_bytes=4096 elapsed_s=0.251"
    ]


def test_json_holds_every_event_with_every_field_under_the_same_names() -> None:
    lines = [json.loads(line) for line in log(EVERY_EVENT, "json")]
    assert lines == [
        {"at": "2026-11-21T02:15:00Z", "event": event_name(event), **event_fields(event)} for event in EVERY_EVENT
    ]
    assert lines[2] == {
        "at": "2026-11-21T02:15:00Z",
        "event": "request_settled",
        "label": "acme.boards country=US page 3",
        "vendor": "acme",
        "endpoint": "acme.boards",
        "page": 3,
        "attempt": 1,
        "outcome": "lost",
        "ending": "lost",
        "charge": "unknown",
        "credits": 8,
        "rows": 0,
        "size_bytes": 0,
        "elapsed_s": 0.251,
        "detail": "no answer for 60 s",
    }
    assert lines[-1].items() >= RESULT.to_json().items()


@pytest.mark.parametrize("ending", list(Ending))
def test_a_request_is_news_where_nothing_else_will_tell_of_it(ending: Ending) -> None:
    told = {Ending.REFUSED, Ending.FAILED, Ending.LOST}
    assert bool(log([settled(ending)])) == (ending in told)


def test_one_wait_of_many_requests_is_told_once_and_a_longer_one_again() -> None:
    stream, clock = io.StringIO(), HandClock()
    listener = LogListener(stream, clock)
    for after_s, wait_s in ((0, 12.0), (1, 11.2), (2, 30.0), (3, 5.0), (40, 2.0)):
        clock.moment = NOW + timedelta(seconds=after_s)
        listener.hear(Waiting("acme", wait_s, ""))
    listener.hear(Waiting("other", 2.0, ""))
    assert [line.split(" ", 2)[2] for line in stream.getvalue().splitlines()] == [
        "vendor=acme wait_s=12",
        "vendor=acme wait_s=30",
        "vendor=acme wait_s=2",
        "vendor=other wait_s=2",
    ]


@given(st.text(st.characters()), st.sampled_from(["text", "json"]))
def test_no_text_of_a_vendor_can_break_a_line_or_move_a_cursor(said: str, format: Literal["text", "json"]) -> None:
    stream = io.StringIO()
    LogListener(stream, HandClock(), format).hear(Stopped(said, said))
    assert stream.getvalue().count("\n") == 1
    assert not set(stream.getvalue()) & set(UNSAFE)
    stream.getvalue().encode()


def test_a_log_that_cannot_be_written_stops_nothing() -> None:
    stream = io.StringIO()
    listener = LogListener(stream, HandClock())
    stream.close()
    listener.hear(STARTED)
