"""Many nights of a job whose budget never suffices: all of it is spent, left-overs first, and nothing starves."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from scraper.core.events import RunStatus
from tests.examples import thorough
from tests.runs.counting import Discarded
from tests.runs.harness import Bench, Heard, on_bench

NIGHTS = 30 if thorough() else 15
COUNTRIES = ("US", "GB", "JP", "DE", "FR", "BR", "MX")
PRICE = 2
BUDGET = 2 * PRICE + 1
"""Two boards a night, and a credit that buys nothing."""
ROUND = math.ceil(len(COUNTRIES) / (BUDGET // PRICE))
"""Nights in which every board can be bought once."""
LONGEST_WAIT = 2 * ROUND - 1
"""Nights between two purchases of a board that comes first in one round and last in the next."""

JOB = f"""
[[crawl]]
endpoint = "keyapi.hashtags"
params = {{ region = {list(COUNTRIES)} }}
max_pages = 1
"""


@dataclass(frozen=True, slots=True)
class Night:
    """What one night bought, in order."""

    status: RunStatus
    charged: int
    bought: Sequence[str]


async def nights(bench: Bench) -> list[Night]:
    job, found = bench.write_job(JOB, budget=BUDGET), []
    for _ in range(NIGHTS):
        heard = Heard()
        result = await bench.run(job, heard=heard, archive=Discarded())
        labels = [dict(word.split("=") for word in each.label.split() if "=" in word) for each in heard.settled]
        found.append(Night(result.status, result.charged, [label["region"] for label in labels]))
        await bench.clock.sleep(86_400)
    assert sum(night.charged for night in found) == bench.charged()
    return found


@pytest.fixture(scope="module")
def every_night(tmp_path_factory: pytest.TempPathFactory) -> Sequence[Night]:
    """The same nights for all who look at them."""
    return on_bench(tmp_path_factory.mktemp("nights"), nights)


@pytest.mark.combined
def test_each_night_spends_its_budget_to_the_last_page_and_first_on_what_the_night_before_left_over(
    every_night: Sequence[Night],
) -> None:
    for night in every_night:
        assert night.status is RunStatus.BUDGET
        assert BUDGET - PRICE < night.charged <= BUDGET
    for night, following in itertools.pairwise(every_night):
        assert set(night.bought).isdisjoint(following.bought)


@pytest.mark.combined
def test_no_board_starves(every_night: Sequence[Night]) -> None:
    for first in range(NIGHTS - LONGEST_WAIT + 1):
        some = {board for night in every_night[first : first + LONGEST_WAIT] for board in night.bought}
        assert some == set(COUNTRIES), f"nights {first + 1} to {first + LONGEST_WAIT} bought only {sorted(some)}"


def test_boards_of_several_pages_are_made_whole_one_after_the_other(tmp_path: Path) -> None:
    """Five boards of three pages, four pages a night: breadth first for ever would complete none of them."""
    boards = ("US", "GB", "JP", "DE", "FR")
    text = JOB.replace(str(list(COUNTRIES)), str(list(boards))).replace("max_pages = 1", "max_pages = 3")

    async def use(bench: Bench) -> None:
        job = bench.write_job(text, budget=4 * PRICE)
        for _ in range(2 * len(boards) + 1):
            await bench.run(job)
            await bench.clock.sleep(86_400)
        whole = bench.rows("SELECT country, count(DISTINCT run_id) FROM hashtags WHERE page = 3 GROUP BY country")
        assert {country for country, _ in whole} == set(boards)

    on_bench(tmp_path, use)
