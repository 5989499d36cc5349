"""The latest instant at which a request can have arrived, by its answer and by those before it."""

from __future__ import annotations

import random

import pytest

from scraper.core.arrivals import ENOUGH, ON_THE_WAY_S, Arrivals


def test_a_request_arrived_before_its_answer_and_within_its_way() -> None:
    arrivals = Arrivals()
    assert [arrivals.latest_s("a", latency_s) for latency_s in (0.01, 0.2, 0.9)] == [0.01, 0.2, ON_THE_WAY_S]


def test_answers_that_take_the_same_time_tell_that_nothing_was_held_up() -> None:
    arrivals = Arrivals()
    told = [arrivals.latest_s("a", 0.5) for _ in range(ENOUGH)]
    assert told == [ON_THE_WAY_S] * (ENOUGH - 1) + [0.0]
    assert arrivals.latest_s("a", 0.6) >= 0.1
    assert arrivals.latest_s("b", 0.5) == ON_THE_WAY_S


@pytest.mark.parametrize("way_s", [0.005, 0.05, 0.2])
@pytest.mark.parametrize("spread_s", [0.0, 0.03, 0.5])
def test_hardly_a_request_arrived_later_than_is_told(way_s: float, spread_s: float) -> None:
    """What counts is how much longer a way is than the shortest that there is: the next request may have that one."""
    short_s: list[float] = []
    for seed in range(20):
        chance, arrivals = random.Random(seed), Arrivals()
        for _ in range(200):
            way = chance.uniform(0.01, 0.01 + way_s)
            told_s = arrivals.latest_s("a", way + chance.uniform(0.3, 0.3 + spread_s))
            short_s.append(way - 0.01 - told_s)
    assert sum(each > 0 for each in short_s) <= 0.005 * len(short_s)
    assert max(short_s) <= way_s / 4
