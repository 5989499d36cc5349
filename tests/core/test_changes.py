"""Boards bought by their rates of change: learning, choosing, and what a replay counts."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scraper.core.changes.gain import BoardRate, gain_over_stalest
from scraper.core.changes.order import LASTING_GAIN, RankedBoard, order_of
from scraper.core.changes.purse import FixedPurse
from scraper.core.changes.replay import WorldBoard, replay
from scraper.core.changes.residence import RESIDENCES, UNIFORM, GapCounts, fit, new_share, worth
from scraper.core.changes.spells import Reads, Seen, entries_seen, exits_seen, spells
from scraper.core.jobs import OrderName
from tests.core.panels import drawn_board, drawn_panel, replays
from tests.examples import examples


def counts_of(nights: list[frozenset[int]], gap: int) -> GapCounts:
    """Counts of a board that is read every `gap` nights."""
    counts = GapCounts()
    for earlier, later in pairwise(nights[::gap]):
        new = len(later - earlier)
        counts.add(gap, new, len(later) - new)
    return counts


@pytest.mark.parametrize("gap", [1, 3, 7])
def test_a_rate_is_learnt_at_any_gap(gap: int) -> None:
    nights = drawn_board(12.0, 0.0, 50, 600, random.Random(4))
    weights = fit(counts_of(nights, gap), UNIFORM, 5.0)
    measured = sum(len(later - earlier) for earlier, later in zip(nights, nights[gap:], strict=False))
    assert new_share(weights, gap) == pytest.approx(measured / (50 * (600 - gap)), abs=0.02)


def test_a_board_that_replaces_its_entries_in_turn_is_learnt_as_one() -> None:
    nights = [frozenset(range(4 * night, 4 * night + 20)) for night in range(300)]  # each entry stays five nights
    counts = counts_of(nights, 3)
    counts.merge(counts_of(nights, 6))
    weights = fit(counts, UNIFORM, 5.0)
    assert [new_share(weights, gap) for gap in (3, 6)] == pytest.approx([0.6, 1.0], abs=0.05)
    assert new_share(weights, 1) < 0.3


def test_rates_that_differ_by_chance_alone_gain_nothing() -> None:
    dice = random.Random(7)
    boards = [drawn_board(25.0, 0.25, 30, 120, dice) for _ in range(10)]
    halves = [[fit(counts_of(nights[first : first + 60], 5), UNIFORM, 5.0) for nights in boards] for first in (0, 60)]
    rates = [BoardRate(weights, 30.0, 1) for weights in halves[0]]
    assert gain_over_stalest(rates, halves[0], 2) > gain_over_stalest(rates, halves[1], 2)
    assert gain_over_stalest(rates, halves[1], 2) < LASTING_GAIN


def test_a_board_that_is_read_seldom_is_not_taken_for_a_quiet_one() -> None:
    nights = drawn_board(4.0, 0.0, 50, 600, random.Random(4))
    often, seldom = (fit(counts_of(nights, gap), UNIFORM, 5.0) for gap in (1, 8))
    assert new_share(seldom, 1) > new_share(often, 1) - 0.05


def test_without_reads_a_board_is_like_its_prior() -> None:
    prior = (0.5, 0.5, *(0.0 for _ in RESIDENCES[2:]))
    assert fit(GapCounts(), prior, 30.0) == pytest.approx(prior)


@given(st.lists(st.floats(0, 1), min_size=len(RESIDENCES), max_size=len(RESIDENCES)).filter(sum), st.integers(1, 200))
@examples(60)
def test_the_longer_a_board_waits_the_more_it_is_worth(shares: list[float], gap: int) -> None:
    weights = tuple(share / sum(shares) for share in shares)
    assert worth(weights, gap + 1) >= worth(weights, gap) - 1e-9
    assert 0 <= worth(weights, gap) <= new_share(weights, gap) + 1e-9 <= 1 + 2e-9


@given(
    st.lists(st.lists(st.frozensets(st.integers(0, 9), max_size=4), min_size=20, max_size=20), min_size=1, max_size=4),
    st.lists(st.integers(1, 5), min_size=4, max_size=4),
    st.lists(st.integers(0, 9), min_size=20, max_size=20),
    st.sampled_from(OrderName),
)
@examples(15)
def test_no_night_spends_more_than_its_budget_and_the_same_reads_lead_to_the_same_choice(
    boards: list[list[frozenset[int]]], costs: list[int], budgets: list[int], name: OrderName
) -> None:
    panel = [WorldBoard(RankedBoard(str(place), ("all",), costs[place]), nights) for place, nights in enumerate(boards)]
    ranked = [board.board for board in panel]
    found = replay(name, panel, order_of(name, ranked), FixedPurse(budgets), 0)
    again = replay(name, panel, order_of(name, ranked), FixedPurse(budgets), 0)
    assert found == again
    assert found.credits <= sum(budgets)
    order = order_of(name, ranked)
    for night, budget in enumerate(budgets):
        chosen = order.chosen(night, budget)
        assert len(set(chosen)) == len(chosen)
        assert sum(ranked[place].cost for place in chosen) <= budget
        for place in chosen:
            order.read(place, night, panel[place].nights[night])


def test_changes_sees_what_the_true_rates_see_on_boards_of_many_rates() -> None:
    found = replays(drawn_panel("mixed", 160, seed=1), 0.2, learn=50)
    assert found["changes"].entries.seen >= 0.95 * found["true rates"].entries.seen
    assert found["changes"].entries.seen > 1.2 * found["stalest"].entries.seen
    assert not found["changes"].fell_back


def test_changes_falls_back_to_the_stalest_on_boards_that_are_alike() -> None:
    found = replays(drawn_panel("alike", 160, seed=1), 0.2, learn=50)
    assert found["changes"].fell_back
    assert found["changes"].entries.seen >= found["stalest"].entries.seen - 0.01 * found["stalest"].entries.all


def test_no_board_waits_longer_than_max_staleness() -> None:
    panel = drawn_panel("mixed", 120, seed=2)
    order = order_of(OrderName.CHANGES, [board.board for board in panel], max_staleness=12)
    last: dict[int, int] = {}
    for night in range(120):
        for place in order.chosen(night, 5):
            order.read(place, night, panel[place].nights[night])
            last[place] = night
        # Boards that become due in one night share the budget of that night and the next ones.
        assert all(night - seen <= 12 + 3 for seen in last.values())


def test_a_quiet_board_is_read_again() -> None:
    panel = [
        *drawn_panel("mixed", 150, seed=3)[:9],
        WorldBoard(RankedBoard("still", ("still",)), [frozenset({1, 2, 3})] * 150),
    ]
    ranked = [board.board for board in panel]
    found = replay("changes", panel, order_of(OrderName.CHANGES, ranked), FixedPurse([2] * 150), 50)
    assert found.by_board[-1].reads >= 100 * 2 / 10 / len(panel) / 2


# --- counting ---------------------------------------------------------------------------------------------------------

BOARD = [frozenset(night) for night in ("a", "ab", "b", "bc", "c", "a")]


def test_spells_are_consecutive_nights() -> None:
    found = [(spell.first, spell.end, spell.ended) for spell in spells(BOARD)]
    assert sorted(found) == [(0, 2, True), (1, 4, True), (3, 5, True), (5, 6, False)]


def test_an_entry_is_seen_by_a_read_in_its_spell_and_dated_by_one_the_night_before() -> None:
    assert entries_seen(spells(BOARD), Reads([2, 3], 6), 0, 6) == Seen(all=3, seen=2, dated=1)


def test_a_spell_on_the_first_night_that_counts_is_no_entry() -> None:
    assert entries_seen(spells(BOARD), Reads([1], 6), 1, 6) == Seen(all=2, seen=0, dated=0)


def test_an_exit_is_seen_by_a_read_in_the_spell_and_one_after_it() -> None:
    assert exits_seen(spells(BOARD), Reads([1, 2], 6), 0, 6) == Seen(all=3, seen=1, dated=1)


def test_every_board_every_night_sees_and_dates_everything() -> None:
    panel = drawn_panel("mixed", 60, seed=5, size=4)
    found = replay("stalest", panel, order_of(OrderName.STALEST, [b.board for b in panel]), FixedPurse([4] * 60), 10)
    assert found.entries.all == found.entries.seen == found.entries.dated > 0
    assert found.exits.all == found.exits.seen == found.exits.dated > 0
    assert found.freshness == 1.0
    assert found.credits == 4 * 50
