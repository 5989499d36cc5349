"""Boards that go blank, shrink, freeze or turn foreign: the rules, their history, and the test of an endpoint."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import timedelta
from functools import reduce
from itertools import groupby
from statistics import median

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scraper.core.board_history import (
    LEAST_READS,
    LEAST_STILL,
    STILL_FACTOR,
    THRESHOLD,
    USUAL_READS,
    BoardHistory,
    BoardRead,
    EndpointWatch,
    history_of,
    out_of_character,
)
from scraper.core.pagination import Guard, PageFacts
from tests.core.builders import C_HASHTAGS, NOON, answer, board, outcome_of
from tests.core.builders import facts as facts_of

DAY = timedelta(days=1)
NO_TIME = timedelta(0)


def read(day: float, rows: int = 50, digest: str | None = None) -> BoardRead:
    listed = f"day {day}" if digest is None else digest
    return BoardRead("us", "crawlora.hashtags", NOON + day * DAY, rows, listed if rows else "")


def folded(reads: Sequence[BoardRead]) -> BoardHistory:
    return reduce(BoardHistory.after, reads[1:], history_of(reads[0]))


def judged(
    page: BoardRead, reads: Sequence[BoardRead], *, foreign: int = 0, longest_still: timedelta = NO_TIME,
    ranked: bool = True, may_be_empty: bool = False, end_unstated: bool = False,
) -> Guard | None:  # fmt: skip
    history = folded(reads) if reads else None
    return out_of_character(
        page, foreign, history, longest_still, ranked=ranked, may_be_empty=may_be_empty, end_unstated=end_unstated
    )


NIGHTS = [read(day) for day in range(30)]
SHOWN = st.lists(st.tuples(st.integers(0, 3), st.sampled_from("abc")), min_size=1, max_size=40)


@given(SHOWN)
def test_a_folded_history_says_what_the_list_of_all_reads_says(shown: list[tuple[int, str]]) -> None:
    reads = [read(day, rows, letter) for day, (rows, letter) in enumerate(shown)]
    history = folded(reads)
    spells = [list(spell) for _, spell in groupby(reads, key=lambda one: one.digest)]
    still = [spell[-1].read_at - spell[0].read_at for spell in spells[:-1] if spell[0].rows]
    assert history.reads == len(reads)
    assert history.is_never_empty is all(one.rows for one in reads[-USUAL_READS:])
    assert history.usual_rows == median([one.rows for one in reads if one.rows][-USUAL_READS:] or [0])
    assert (history.still_since, history.still_reads) == (spells[-1][0].read_at, len(spells[-1]))
    assert (history.longest_still, history.changes) == (max(still, default=NO_TIME), len(spells) - 1)


@given(SHOWN, st.data())
def test_a_read_that_is_noted_twice_or_late_changes_nothing(shown: list[tuple[int, str]], data: st.DataObject) -> None:
    reads = [read(day, rows, letter) for day, (rows, letter) in enumerate(shown)]
    again = data.draw(st.sampled_from(reads))
    assert folded(reads).after(again) == folded(reads)


def test_an_empty_page_is_out_of_character_where_the_last_reads_all_had_rows() -> None:
    blank = read(30, rows=0)
    assert judged(blank, NIGHTS) is Guard.BOARD_BLANK
    assert judged(blank, NIGHTS[:1]) is Guard.BOARD_BLANK
    assert judged(blank, []) is None
    assert judged(blank, [*NIGHTS[:-2], read(28, rows=0), NIGHTS[-1]]) is None
    assert judged(blank, NIGHTS, may_be_empty=True) is None


def test_an_empty_night_of_long_ago_does_not_excuse_one_of_today() -> None:
    reads = [NIGHTS[0], read(1, rows=0), *NIGHTS[2 : 2 + USUAL_READS]]
    assert judged(read(30, rows=0), reads) is Guard.BOARD_BLANK


@pytest.mark.parametrize(("rows", "guard"), [(9, Guard.BOARD_SHRUNKEN), (10, None), (500, None)])
def test_a_board_with_less_than_a_fifth_of_its_usual_rows_has_shrunk(rows: int, guard: Guard | None) -> None:
    assert judged(read(30, rows), NIGHTS) is guard
    assert judged(read(30, rows), NIGHTS, ranked=False) is None
    assert judged(read(30, rows), NIGHTS, may_be_empty=True) is None


@pytest.mark.parametrize(("rows", "guard"), [(25, Guard.BOARD_SHORT), (44, Guard.BOARD_SHORT), (45, None), (50, None)])
def test_without_the_fields_that_say_where_it_ends_a_board_needs_its_usual_rows(rows: int, guard: Guard | None) -> None:
    assert judged(read(30, rows), NIGHTS, end_unstated=True) is guard
    assert judged(read(30, rows), NIGHTS) is None
    assert judged(read(0, rows), [], end_unstated=True) is None, "nothing is known of a first night"


@pytest.mark.parametrize(("foreign", "guard"), [(26, Guard.BOARD_FOREIGN), (25, None)])
def test_a_board_of_which_most_records_name_another_country_is_foreign_in_a_first_run_too(
    foreign: int, guard: Guard | None
) -> None:
    assert judged(read(0), [], foreign=foreign) is guard


def still(nights: int) -> list[BoardRead]:
    return [read(30 + night, digest="stuck") for night in range(nights)]


def test_a_board_is_frozen_once_it_stands_still_for_a_week() -> None:
    met = [judged(still(night + 1)[-1], [*NIGHTS, *still(night)]) for night in range(1, 12)]
    first = met.index(Guard.BOARD_FROZEN) + 1
    assert first == LEAST_STILL.days
    assert set(met[first:]) == {Guard.BOARD_FROZEN}
    assert judged(read(60), [*NIGHTS, *still(11)]) is None


@pytest.mark.parametrize("days", [3, 10])
def test_a_standstill_is_measured_by_the_longest_of_the_endpoint(days: int) -> None:
    nights = STILL_FACTOR * days
    longest = timedelta(days=days)
    assert judged(still(nights)[-1], [*NIGHTS, *still(nights - 1)], longest_still=longest) is None
    assert judged(still(nights + 1)[-1], [*NIGHTS, *still(nights)], longest_still=longest) is Guard.BOARD_FROZEN


def test_a_board_that_repeats_itself_by_habit_or_is_hardly_known_is_not_frozen() -> None:
    slow = [read(day, digest=f"of {day // 10}") for day in range(30)]
    week = [read(30 + night, digest="stuck") for night in range(9)]
    assert judged(week[-1], [*slow, *week[:-1]]) is None
    assert judged(week[-1], [*NIGHTS[-LEAST_READS + 1 :], *week[:-1]]) is None
    assert judged(week[-1], [*NIGHTS[-LEAST_READS:], *week[:-1]]) is Guard.BOARD_FROZEN
    assert judged(week[-1], [*NIGHTS, *week[:-1]], ranked=False) is None


def test_a_page_that_this_very_run_noted_before_it_was_resumed_is_judged_as_before() -> None:
    reads = [*NIGHTS, *still(12)]
    assert judged(reads[-1], reads) is None


# --- the test of an endpoint ------------------------------------------------------------------------------------------


@given(st.lists(st.booleans(), max_size=60))
def test_three_boards_in_a_row_always_stop_an_endpoint(before: list[bool]) -> None:
    watch = EndpointWatch()
    for suspicious in [*before, True, True, True]:
        watch.observe(suspicious=suspicious)
    assert watch.is_failing


@given(st.lists(st.booleans(), max_size=200))
def test_lone_suspects_with_two_healthy_boards_between_stop_nothing(seen: list[bool]) -> None:
    watch = EndpointWatch()
    for suspicious in seen:
        watch.observe(suspicious=suspicious)
        for _ in range(2 * suspicious):
            watch.observe(suspicious=False)
        assert not watch.is_suspected
        assert not watch.is_failing


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32))
def test_a_healthy_endpoint_is_stopped_less_than_once_in_its_threshold_of_boards(seed: int) -> None:
    chance, stops, boards = random.Random(seed), 0, 40_000
    watch = EndpointWatch()
    for _ in range(boards):
        watch.observe(suspicious=chance.random() < 0.01)
        if watch.is_failing:
            stops, watch = stops + 1, EndpointWatch()
    assert stops <= 6 * max(1.0, boards / THRESHOLD), "six times the bound: by Poisson less than once in 100,000 runs"


def test_an_endpoint_that_fails_nine_times_in_ten_is_stopped_within_a_few_boards() -> None:
    chance, taken = random.Random(7), list[int]()
    for _ in range(1_000):
        watch = EndpointWatch()
        taken.append(next(n for n in range(1, 1_000) if _observed(watch, chance.random() < 0.9).is_failing))
    assert min(taken) == 3
    assert sum(taken) / len(taken) < 4


def _observed(watch: EndpointWatch, suspicious: bool) -> EndpointWatch:
    watch.observe(suspicious=suspicious)
    return watch


# --- what a page shows ------------------------------------------------------------------------------------------------


def test_a_page_counts_the_countries_that_its_records_name() -> None:
    named = ["US", "us ", "GB", "UK", "United States", "", None, 7]
    rows = [{"hashtag_id": str(place), "country_info": {"id": code}} for place, code in enumerate(named)]
    facts = outcome_of(C_HASHTAGS, answer(board([*rows, {"hashtag_id": "9"}, 5]))).facts
    assert facts is not None
    assert facts.countries == {"US": 2, "GB": 2}
    assert [facts.foreign_to(country) for country in ("US", "GB", "FR", None)] == [2, 2, 4, 0]
    assert PageFacts.from_json(orjson.loads(orjson.dumps(facts.to_json()))) == facts


def test_pages_have_one_digest_where_they_list_the_same_ids_in_the_same_order() -> None:
    first, same, turned, shorter, empty = (facts_of(*ids).digest for ids in ("12", "12", "21", "1", ""))
    assert first == same
    assert len({first, turned, shorter, empty}) == 4
    assert empty == ""
