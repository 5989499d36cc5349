"""Boards by a page of their new entries: when they are read whole, and when the pages are given up."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from scraper.core.changes.cadence import cadences, nightly
from scraper.core.changes.delta import FULL_EVERY, DeltaBoard, DeltaChoice, delta_choice, delta_worth
from scraper.core.changes.reads import WholeRead
from tests.core.builders import NOON
from tests.examples import examples

DAY = timedelta(days=1)


def read(night: int, entries: Iterable[object], pages: int = 5) -> WholeRead:
    return WholeRead(NOON + night * DAY, frozenset(map(str, entries)), pages)


def choice(whole: list[WholeRead], pages: list[WholeRead], night: int, at: datetime = NOON) -> DeltaChoice:
    return delta_choice(DeltaBoard("w", "p", "board US", "keyapi", 10, 2, whole, pages), at + night * DAY, DAY)


def daily(night: int, size: int = 100, new: int = 10) -> range:
    """A board of which so many entries are new each night, in order of entry."""
    return range(night * new, night * new + size)


def test_a_board_is_read_whole_first_and_then_once_in_seven_nights() -> None:
    assert choice([], [], 0).is_whole
    whole, pages = [read(0, daily(0))], list[WholeRead]()
    for night in range(1, FULL_EVERY):
        assert choice(whole, pages, night) == DeltaChoice(
            "w", "p", "board US", "keyapi", 2, False, f"read whole {night} night{'s' if night > 1 else ''} ago"
        )
        pages.append(read(night, daily(night)[-10:], 1))
    assert choice(whole, pages, FULL_EVERY).is_whole
    whole.append(read(FULL_EVERY, daily(FULL_EVERY)))
    assert not choice(whole, pages, FULL_EVERY + 1).is_off
    assert not choice(whole, pages, FULL_EVERY + 1).is_whole


def test_a_board_whose_pages_miss_new_entries_is_read_whole_each_night_and_says_what_they_missed() -> None:
    whole = [read(0, daily(0)), read(7, daily(7))]
    pages = [read(night, daily(night)[-4:], 1) for night in range(1, 7)]
    met = choice(whole, pages, 8)
    assert (met.is_whole, met.is_off) == (True, True)
    assert met.why == "its pages missed 46 of the 70 entries that were new between 2026-11-21 and 2026-11-28"
    assert choice([*whole, read(8, daily(8))], pages, 9).is_off  # whole reads without pages between decide nothing anew


def test_entries_of_nights_without_a_page_are_not_held_against_the_pages() -> None:
    whole = [read(0, daily(0)), read(7, daily(7))]
    assert not choice(whole, [read(night, daily(night)[-10:], 1) for night in (1, 2, 3)], 8).is_off


def test_a_read_that_comes_a_little_early_counts_for_its_night() -> None:
    early = WholeRead(NOON - timedelta(minutes=10), frozenset("a"), 5)
    assert choice([early], [], 6).why == "read whole 6 nights ago"


def test_a_page_a_night_and_a_board_a_week_cost_22_credits_instead_of_70() -> None:
    reads = [read(night, daily(night)) for night in range(15)]
    worth = delta_worth([(reads, 10)], page=2, rows=20)
    assert (worth.whole_credits, worth.delta_credits) == (70, 22)
    assert worth.entries == worth.seen == 140
    returning = [read(night, range(100) if night % 2 else range(50, 150)) for night in range(15)]
    worth = delta_worth([(returning, 10)], page=2, rows=20)
    assert worth.entries == 14 * 50
    # The page shows 20 of those that come for the first time, and none of those that come back.
    assert worth.seen == 20 + 2 * 50


def test_fewer_nights_see_fewer_entries_and_cost_less() -> None:
    stays_two = [read(night, range(night * 10, night * 10 + 20)) for night in range(13)]
    found = cadences([(stays_two, 8)])
    assert found is not None
    second, third = found.steps
    assert (second.step, second.credits, third.step) == (2, 4, 3)
    assert second.seen > 0.95
    assert 0.6 < third.seen < 0.75
    assert cadences([(stays_two[:5], 8)]) is None
    assert cadences([([read(night, range(20)) for night in range(30)], 8)]) is None


def test_only_nights_in_a_row_are_compared() -> None:
    reads = [read(night, daily(night)) for night in (0, 1, 2, 4, 5, 6)]
    assert nightly(reads, NOON + 7 * DAY, DAY) == reads[3:]


@given(st.lists(st.frozensets(st.integers(0, 12), max_size=8), min_size=8, max_size=24))
@examples(30)
def test_no_way_to_read_less_sees_more(nights: list[frozenset[int]]) -> None:
    reads = [read(night, entries) for night, entries in enumerate(nights)]
    worth = delta_worth([(reads, 10)], page=2, rows=3)
    assert 0 <= worth.seen <= worth.entries
    found = cadences([(reads, 10)])
    if found is not None:
        assert all(0 <= each.seen <= 1 for each in found.steps)
        assert found.entries == worth.entries
