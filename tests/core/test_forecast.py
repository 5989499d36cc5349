"""Ranges of a job's next run: `tests.core.forecasts` has more of them."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scraper.core.planning.forecast import expected, forecast
from scraper.core.planning.history import PastRun
from scraper.core.planning.ranges import Range
from tests.core.forecasts import held
from tests.examples import examples


def runs(*rows: int, budget: int = 1_000, credits: int = 80) -> list[PastRun]:
    return [PastRun(budget, credits, {"hashtags": count}) for count in rows]


def test_three_equal_nights_let_expect_a_fourth() -> None:
    found = forecast(runs(400, 400, 400), 1_000, 8, ["hashtags"])
    assert found is not None
    assert (found.rows, found.credits) == ({"hashtags": Range(400, 400, 400)}, Range(80, 80, 80))
    assert found.words == "by the last 3 runs (9 runs of 10)"


def test_two_runs_and_runs_that_another_budget_ended_forecast_nothing() -> None:
    assert forecast(runs(400, 400), 1_000, 8, ["hashtags"]) is None
    assert forecast(runs(400, 400, 400, budget=80), 1_000, 8, ["hashtags"]) is None
    assert forecast(runs(400, 400, 400, budget=500), 1_000, 8, ["hashtags"]) is not None


def test_no_forecast_is_above_the_budget() -> None:
    past = [PastRun(100, credits, {}) for credits in (60, 100, 80, 100)]
    found = forecast(past, 100, 8, ["hashtags"])
    assert found is not None
    assert found.credits.high == 100
    assert found.rows == {"hashtags": Range(0, 0, 0)}


@pytest.mark.parametrize("history", [3, 5, 14])
def test_the_ranges_hold_nine_next_runs_of_ten(history: int) -> None:
    found = held(1_000, history, seed=1)
    assert 0.87 <= found.rows <= 0.93
    assert 0.87 <= found.credits <= 0.935  # whole pages: a range ends at the next one
    assert found.median_width <= 0.15


@given(st.lists(st.integers(0, 10**6), min_size=2, max_size=20))
@examples(60)
def test_a_range_is_in_order_and_holds_what_is_likely(figures: Sequence[int]) -> None:
    found = expected(figures)
    assert 0 <= found.low <= found.likely <= found.high
    assert min(figures) <= found.likely <= max(figures)
