"""Figures, times and strangers' text as people read them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scraper.cli.formatting import count, counted, dollars, duration, harmless, instant, percent, span
from scraper.core.planning import Range
from tests.cli.examples import UNSAFE

pytestmark = pytest.mark.own_instant


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-3, "0 s"),
        (0.4, "0 s"),
        (59.4, "59 s"),
        (59.6, "1 min"),
        (262.1, "4 min 22 s"),
        (3600, "1 h"),
        (11_100, "3 h 5 min"),
        (47 * 3600 + 3599, "2 days"),
        (86_400 * 11, "11 days"),
        (86_400 * 2 + 3 * 3600, "2 days 3 h"),
    ],
)
def test_a_duration_is_told_in_its_two_largest_units(seconds: float, words: str) -> None:
    assert duration(seconds) == words


@pytest.mark.parametrize(
    ("part", "whole", "words"),
    [(0, 800, "0 %"), (1, 800, "1 %"), (512, 800, "64 %"), (799, 800, "99 %"), (800, 800, "100 %"), (0, 0, "0 %")],
)
def test_a_share_is_none_or_all_only_where_it_is(part: int, whole: int, words: str) -> None:
    assert percent(part, whole) == words


def test_counts_have_separators_and_words_their_plural() -> None:
    assert [count(1_234_567), counted(1, "page"), counted(2_000, "page"), counted(0, "row")] == [
        "1,234,567",
        "1 page",
        "2,000 pages",
        "0 rows",
    ]


def test_a_range_is_one_figure_where_it_is_known() -> None:
    assert (span(Range(1_000, 1_000, 1_000)), span(Range(8, 480, 1_600))) == ("1,000", "8–1,600")


def test_an_instant_is_told_in_utc() -> None:
    elsewhere = datetime(2026, 11, 21, 3, 15, tzinfo=timezone(timedelta(hours=1)))
    assert instant(elsewhere) == instant(datetime(2026, 11, 21, 2, 15, tzinfo=UTC)) == "2026-11-21 02:15 UTC"


def test_dollars_have_cents_where_there_are_any() -> None:
    assert [dollars(Decimal(text)) for text in ("9", "0.75", "1234.5", "79.00")] == ["$9", "$0.75", "$1,234.50", "$79"]


def test_what_a_terminal_obeys_is_taken_from_a_text_and_the_rest_stays() -> None:
    assert harmless("one\ttwo\r\nthree \x1b[31mred\x9b2J 日本 🎉\ud800") == "one two  three �[31mred�2J 日本 🎉�"


@given(st.text())
def test_no_text_keeps_a_control_character(text: str) -> None:
    made = harmless(text)
    assert not set(made) & {*UNSAFE, "\n"}
    assert len(made) == len(text)
