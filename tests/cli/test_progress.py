"""The panel: what it shows at two widths, what it guesses, and that nothing makes it raise."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console

from scraper.cli.progress import ProgressListener, panel
from scraper.cli.progress_counts import ProgressCounts
from scraper.core.catalogue import Charge, OutcomeKind
from scraper.core.events import Drained, Ending, Event, RunEnded, RunStarted, StateLocked, Stopped, Waiting
from tests.cli.examples import RESULT, STARTED, UNSAFE, settled

pytestmark = pytest.mark.own_instant

EMPTY = settled(Ending.EMPTY, OutcomeKind.EMPTY, Charge.PRESUMED, rows=0)
LOST = settled(Ending.LOST, OutcomeKind.LOST, Charge.UNKNOWN, rows=0, detail="no answer for 60 s")
RETRIED = settled(Ending.RETRIED, OutcomeKind.RATE_LIMITED, Charge.FREE, 0, 0, "HTTP 429: slow down")
WAITING = Waiting("acme", 12.0, "HTTP 429: slow down")


def counts(*events: Event, likely: int | None = 96, began_at: float = 100.0, ended_at: float = 120.0) -> ProgressCounts:
    """Events at equal distances, the last one at `ended_at`."""
    counted = ProgressCounts(began_at, likely)
    for place, event in enumerate(events):
        counted.add(event, began_at + (ended_at - began_at) * (place + 1) / len(events))
    return counted


def shown(counted: ProgressCounts, now: float = 120.0, width: int = 80) -> str:
    return "\n".join(line.plain.rstrip() for line in panel(counted, now, width))


RESUMED = counts(STARTED, *[settled()] * 45, EMPTY, LOST, Drained(30, {"hashtags": 3000}, 0), RETRIED, WAITING)


def test_a_resumed_run_at_80_columns() -> None:
    assert shown(RESUMED) == (
        "week-20261121T021500Z-1f3a\n"
        "credits   496 of 800 · 62 % · 120 before · 360 charged · 8 presumed · 8 unknown\n"
        "          █████████████████████████████▓░░░░░░░░░░░░░░░░░░\n"
        "requests  48 sent of about 81 · 45 ok · 1 empty · 1 retried · 1 lost\n"
        "          144 a minute\n"
        "rows      acme.boards 4,500\n"
        "archived  hashtags 3,000\n"
        "time      20 s · about 14 s left\n"
        "now       waiting 12 s: acme: HTTP 429: slow down"
    )


def test_a_resumed_run_at_40_columns() -> None:
    assert shown(RESUMED, width=40) == (
        "week-20261121T021500Z-1f3a\n"
        "credits   496 of 800 · 62 % · 120 before\n"
        "          360 charged · 8 presumed\n"
        "          8 unknown\n"
        "          ██████████████████▓░░░░░░░░░░░\n"
        "requests  48 sent of about 81 · 45 ok\n"
        "          1 empty · 1 retried · 1 lost\n"
        "          144 a minute\n"
        "rows      acme.boards 4,500\n"
        "archived  hashtags 3,000\n"
        "time      20 s · about 14 s left\n"
        "now       waiting 12 s: acme: HTTP 429:…"
    )


def test_a_new_run_shows_its_sum_alone_and_no_figure_that_it_cannot_know() -> None:
    begun = counts(RunStarted("week-1", "week", 800, False, 0), settled(), likely=None, ended_at=101.0)
    assert shown(begun, 101.0) == (
        "week-1\n"
        "credits   8 of 800 · 1 %\n"
        "          █░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░\n"
        "requests  1 sent · 1 ok\n"
        "rows      acme.boards 100\n"
        "time      1 s · time left not known\n"
        "now       buying pages"
    )


def test_the_end_is_the_results_own_figures() -> None:
    lines = shown(counts(STARTED, settled(), WAITING, RunEnded(RESULT))).splitlines()
    assert (lines[1], lines[3], lines[-2], lines[-1]) == (
        "credits   796 of 800 · 99 % · 780 charged · 8 presumed · 8 unknown",
        "requests  67 sent · 64 ok · 2 retried · 1 lost · 3 a minute",
        "time      20 s",
        "now       ended: budget",
    )


def test_a_wait_counts_down_and_is_over_then() -> None:
    waiting = counts(STARTED, WAITING)
    assert [waiting.doing(now) for now in (120.0, 127.4, 132.0)] == [
        "waiting 12 s: acme: HTTP 429: slow down",
        "waiting 5 s: acme: HTTP 429: slow down",
        "buying pages",
    ]


def test_what_has_passed_by_is_shown_for_a_while_only() -> None:
    lost = counts(STARTED, LOST)
    assert (lost.doing(121.0), lost.doing(141.0)) == (
        "lost: acme.boards country=US page 3: no answer for 60 s",
        "buying pages",
    )


def test_a_vendor_that_is_stopped_stays_said_and_nothing_is_guessed_any_more() -> None:
    stopped = counts(STARTED, *[settled()] * 9, Stopped("acme", "budget reached"))
    assert (stopped.doing(999.0), stopped.likely_left, stopped.seconds_left(120.0)) == ("budget reached", None, None)


def test_what_is_left_is_no_more_than_the_budget_buys() -> None:
    assert counts(RunStarted("r", "j", 80, False, 0), *[settled()] * 4, likely=500).likely_left == 6


def test_the_rate_is_that_of_the_last_minute() -> None:
    counted = counts(STARTED, *[settled()] * 30, ended_at=130.0)
    assert [counted.per_minute(now) for now in (104.0, 130.0, 160.0, 175.0, 300.0)] == [None, 60, 30, 16, 0]


texts = st.text(st.characters(), max_size=80)
events = st.lists(
    st.builds(RunStarted, texts, texts, st.integers(0, 2000), st.booleans(), st.integers(0, 3000))
    | st.sampled_from([settled(), EMPTY, LOST, RETRIED, RunEnded(RESULT)])
    | st.builds(Waiting, texts, st.floats(0, 1e6), texts)
    | st.builds(StateLocked, texts)
    | st.builds(Stopped, st.none() | texts, texts)
    | st.builds(Drained, st.integers(0, 10**6), st.dictionaries(texts, st.integers(0, 10**9)), st.integers(0, 9)),
    max_size=8,
)


@given(events, st.integers(1, 200), st.none() | st.integers(0, 10**6), st.floats(0, 1e5))
def test_no_event_width_or_moment_breaks_the_panel(
    heard: list[Event], width: int, likely: int | None, after_s: float
) -> None:
    counted = counts(*heard, likely=likely)
    lines = shown(counted, 120.0 + after_s, width).split("\n")
    assert max(cell_len(line) for line in lines) <= width
    assert not {character for line in lines for character in line} & set(UNSAFE)


@pytest.mark.parametrize("width", [1, 9, 11, 40, 80])
def test_a_terminal_of_any_width_is_drawn_on_and_left_clean(width: int) -> None:
    page = io.StringIO()
    console = Console(file=page, force_terminal=True, width=width, height=24, color_system=None)
    with ProgressListener(console, lambda: 100.0, 96) as progress:
        for event in (STARTED, settled(), WAITING):
            progress.hear(event)
        progress.lines_above.write("a line of the log\n")
    assert page.getvalue().endswith("\x1b[2K")
    assert "\x1b[?25h" in page.getvalue()


def test_nothing_is_drawn_where_nobody_looks() -> None:
    page = io.StringIO()
    with ProgressListener(Console(file=page), lambda: 100.0) as progress:
        progress.hear(STARTED)
    assert page.getvalue() == ""
