"""The lines above the panel, and what stays of the panel when the window changes: nothing."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from rich.control import Control
from rich.segment import ControlType
from rich.text import Text

from scraper.cli.progress_lines import MOST_LINES, PersonLines
from scraper.cli.progress_live import ReflowedRender, ResizableLive, wraps_again
from scraper.core.catalogue import Charge, OutcomeKind
from scraper.core.events import Drained, Ending, Event, Noted, ProjectInUse, RunEnded, RunStarted, Stopped, Waiting
from tests.cli.examples import RESULT, UNSAFE, settled
from tests.examples import examples

pytestmark = pytest.mark.own_instant

START = datetime(2026, 11, 21, 2, 15, tzinfo=UTC)


def printed(*events: Event, every_s: float = 5.0, width: int = 80) -> list[str]:
    """What stands above the panel after these events, a few seconds apart, and at the end."""
    page, moments = io.StringIO(), iter(START + timedelta(seconds=every_s * n) for n in range(len(events)))
    lines = PersonLines(Console(file=page, width=width), lambda: next(moments))
    for event in events:
        lines.hear(event)
    lines.close()
    return [line.rstrip() for line in page.getvalue().splitlines()]


def failed(detail: str = "HTTP 404: gone") -> Event:
    return settled(Ending.FAILED, OutcomeKind.BAD_REQUEST, Charge.FREE, 0, 0, detail)


def test_a_retry_every_second_is_one_line_and_its_number_at_the_end() -> None:
    pause = Waiting("acme", 1.0, "HTTP 500: try later")
    assert printed(*[pause] * 37) == [
        "02:15:00  acme: pausing 1 s: HTTP 500: try later",
        "acme paused 37 times: HTTP 500: try later",
    ]


def test_requests_that_meet_one_refusal_together_pause_once() -> None:
    assert printed(*[Waiting("acme", 12.0, "HTTP 429")] * 8, every_s=0.01) == ["02:15:00  acme: pausing 12 s: HTTP 429"]


def test_messages_that_differ_in_an_id_alone_say_the_same() -> None:
    ids = [f"HTTP 404: gone, request 8f14e45f-ceea-{n:04x}" for n in range(3)]
    assert printed(*map(failed, ids)) == [
        "02:15:00  failed: acme.boards country=US page 3: HTTP 404: gone, request",
        "8f14e45f-ceea-0000",
        "acme.boards failed 3 times: HTTP 404: gone, request …",
    ]
    assert len(printed(failed("HTTP 404"), failed("HTTP 410"))) == 2


def test_a_vendor_that_always_says_something_else_does_not_fill_the_screen() -> None:
    shown = printed(*[failed(f"no {'x' * n}") for n in range(MOST_LINES + 30)])
    assert len([line for line in shown if line.startswith("02:1")]) == MOST_LINES
    assert shown[-1] == "acme met something else 30 times"


def test_what_a_person_should_know_is_a_sentence_and_what_the_panel_shows_is_not_repeated() -> None:
    assert printed(
        ProjectInUse("/p", "/p/data", "/p/configs", ""),
        RunStarted("week-1", "week", 800, False, 0, access="ACME_API_KEY to acme.example"),
        Noted("run week-0 goes on"),
        settled(),
        settled(Ending.RETRIED, OutcomeKind.RATE_LIMITED, Charge.FREE, 0, 0, "HTTP 429"),
        Stopped("acme", "the day is spent"),
        Stopped(None, "waiting for requests in flight"),
        Drained(3, {"hashtags": 30}, 0),
        RunEnded(RESULT),
    ) == [
        "02:15:05  keys: ACME_API_KEY to acme.example",
        "02:15:10  run week-0 goes on",
        "02:15:25  acme: no more requests: the day is spent",
        "02:15:30  waiting for requests in flight",
    ]


@examples(50)
@given(st.text(st.characters()))
def test_no_vendor_moves_the_cursor(text: str) -> None:
    shown = "".join(printed(failed(text), failed(text), Waiting(text, 1.0, text), Stopped(text, text)))
    assert not set(shown) & set(UNSAFE)


# --- the panel --------------------------------------------------------------------------------------------------------


def drawn(widths: list[int], size: list[int], *, wraps: bool = True) -> ReflowedRender:
    """A render of lines so wide, drawn on a window of this size, which a test may change then."""
    text = Text("\n".join("x" * width for width in widths), no_wrap=True, overflow="ignore")
    render = ReflowedRender(text, lambda: (size[0], size[1]), wraps)
    Console(file=io.StringIO(), width=size[0], height=size[1], force_terminal=True).print(render)
    return render


def rows_up(control: Control) -> int:
    codes = control.segment.control or ()
    return sum(code[0] is ControlType.CURSOR_UP for code in codes)


def test_a_narrower_window_has_wrapped_the_panel_and_all_its_rows_are_cleared() -> None:
    size = [80, 24]
    render = drawn([28, 60, 0, 76], size)
    assert (rows_up(render.position_cursor()), rows_up(render.restore_cursor())) == (3, 4)
    size[0] = 40
    assert (rows_up(render.position_cursor()), rows_up(render.restore_cursor())) == (5, 6)
    size[0] = 30
    assert rows_up(render.position_cursor()) == 6
    size[0] = 200
    assert rows_up(render.position_cursor()) == 3


def test_on_a_terminal_that_cuts_lines_the_log_above_the_panel_stays() -> None:
    size = [80, 24]
    render = drawn([28, 60, 0, 76], size, wraps=False)
    size[0] = 30
    assert (rows_up(render.position_cursor()), rows_up(render.restore_cursor())) == (3, 4)


@pytest.mark.parametrize(
    ("environment", "wraps"),
    [
        ({"TERM": "xterm-256color"}, True),
        ({"TERM": "xterm", "XTERM_VERSION": "XTerm(379)"}, False),
        ({"TERM": "linux"}, False),
        ({"TERM": "tmux-256color", "TMUX": "socket,1,0", "XTERM_VERSION": "XTerm(379)"}, True),
    ],
)
def test_terminals_that_cut_lines_are_known_by_what_they_set(environment: dict[str, str], wraps: bool) -> None:
    assert wraps_again(environment) is wraps


def test_a_panel_never_takes_more_rows_than_the_window_has() -> None:
    size = [80, 6]
    render = drawn([10] * 9, size)
    assert render.last_render_height == 5
    size[:] = [4, 6]
    assert render.last_render_height == 6


def test_nothing_is_cleared_before_anything_was_drawn_and_nothing_stays_at_the_end() -> None:
    assert rows_up(ReflowedRender(Text(""), lambda: (80, 24)).position_cursor()) == 0
    page = io.StringIO()
    console = Console(file=page, width=80, height=24, force_terminal=True)
    with ResizableLive(Text("one\ntwo"), console, 4):
        pass
    after = page.getvalue().rpartition("two")[2]
    assert after.count("\x1b[1A\x1b[2K") == 2
