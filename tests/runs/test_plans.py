"""A plan is held against what the run that it speaks of was charged: by the sandbox, for any job."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import strategies as st

from scraper.core.catalogue import Basis
from scraper.core.events import RunStatus
from scraper.core.planning import Plan
from scraper.runs.resume import Opening
from scraper.wiring.files import load_job
from scraper.wiring.plan import plan_job
from tests.examples import examples
from tests.runs.counting import Discarded
from tests.runs.harness import Bench, bench
from tests.runs.mortal import ledger

pytestmark = pytest.mark.own_instant

MOMENT = datetime(2026, 11, 21, 2, tzinfo=UTC)
"""The sandbox's time stands still: two runs meet the same boards."""
BOARDS = {"crawlora.hashtags": "country_code", "crawlora.creators": "creator_country", "keyapi.hashtags": "region"}
CHEAP = {"keyapi.videos": "region", "keyapi.hashtags": "region"}


def toml(**values: Any) -> str:
    return "".join(f"{key} = {value}\n" for key, value in values.items() if value is not None)


@st.composite
def crawls(draw: st.DrawFn) -> str:
    """One to three boards, some with posts of what they list."""
    found = []
    for number, name in enumerate(draw(st.lists(st.sampled_from([*BOARDS, *CHEAP]), min_size=1, max_size=3))):
        countries = draw(st.lists(st.sampled_from(["US", "GB", "JP", "DE"]), min_size=1, max_size=3, unique=True))
        parameter = {**BOARDS, **CHEAP}[name]
        board = {"name": f'"b{number}"', "endpoint": f'"{name}"', "params": f"{{ {parameter} = {countries} }}"}
        limits = {"max_pages": draw(st.none() | st.integers(1, 6)), "priority": draw(st.integers(1, 2))}
        found.append(toml(**board, **limits))
        if name.endswith("hashtags") and draw(st.booleans()):
            best = draw(st.sampled_from(["top", "top_per_board"]))
            posts = {"name": f'"p{number}"', "endpoint": '"crawlora.hashtag_posts"', "each": f'"b{number}"'}
            found.append(toml(**posts, **{best: draw(st.integers(1, 6))}, max_items=draw(st.integers(1, 100))))
    return "".join(f"[[crawl]]\n{text}" for text in found)


async def planned(made: Bench, job: Path) -> Plan:
    found, _ = load_job(job)
    return await plan_job(found, made.settings)


def on_still_bench(directory: Path, use: Callable[[Bench], Awaitable[None]]) -> None:
    async def used() -> None:
        async with bench(directory, moment=MOMENT) as made:
            await use(made)

    asyncio.run(used())


@examples(3, suppress_health_check=[HealthCheck.too_slow])
@given(crawls(), st.integers(60, 400))
def test_a_run_costs_what_was_planned_and_the_second_plan_is_closer(text: str, budget: int) -> None:
    async def use(made: Bench) -> None:
        job = made.write_job(text, budget=budget)
        first = await planned(made, job)
        result = await made.run(job, archive=Discarded())
        charged = made.charged()
        assert result.charged == charged <= budget
        assert first.credits.low <= charged <= first.credits.high
        if all(crawl.basis is Basis.KNOWN for crawl in first.crawls):
            assert first.credits.low in {charged, first.credits.high} or charged + 8 > budget

        second = await planned(made, job)
        assert all(crawl.basis is not Basis.ASSUMED for crawl in second.crawls) or result.status is RunStatus.BUDGET
        await made.run(job, archive=Discarded(), opening=Opening.NEW)
        again = made.charged() - charged
        assert second.credits.low <= again <= second.credits.high
        assert second.credits.low >= 0.8 * again
        assert second.credits.high <= 1.25 * again

    with TemporaryDirectory() as directory:
        on_still_bench(Path(directory), use)


THREE_COUNTRIES = """
[[crawl]]
endpoint = "crawlora.hashtags"
params = { country_code = ["US", "GB", "JP"] }
max_pages = 1
[[crawl]]
name = "posts"
endpoint = "crawlora.hashtag_posts"
each = "crawlora.hashtags"
top = 6
max_items = 90
"""


def test_half_the_budget_keeps_every_board_and_drops_the_deepest_pages_of_the_lowest_parents(tmp_path: Path) -> None:
    async def use(made: Bench) -> None:
        whole = await bought(made, made.write_job(THREE_COUNTRIES, name="whole"))
        half = sum(8 for _ in whole) // 2
        job = made.write_job(THREE_COUNTRIES, name="short", budget=half)
        plan = await planned(made, job)
        short = await bought(made, job)
        assert len(short) == half // 8
        boards = [each for each in whole if each[0] == "crawlora.hashtags"]
        assert [each for each in short if each[0] == "crawlora.hashtags"] == boards

        # By depth, then by the parents' rank: the first so many of the pages that the whole run bought.
        parents = [ident for _, ident, page in whole if page == 1 and ident]
        by_value = sorted((each for each in whole if each[1]), key=lambda each: (each[2], parents.index(each[1])))
        assert set(short) - set(boards) == set(by_value[: len(short) - len(boards)])
        missing = len(whole) - len(short)
        assert [f": {missing} of {len(whole) - len(boards)} requests" in each for each in plan.dropped] == [True]

    on_still_bench(tmp_path, use)


async def bought(made: Bench, job: Path) -> list[tuple[str, str, int]]:
    """Endpoint, hashtag and page of what a run bought, in the order in which it was asked for."""
    result = await made.run(job, archive=Discarded())
    asked = f"SELECT endpoint, params, page FROM requests WHERE run_id = '{result.run_id}' ORDER BY attempt_id"
    return [(endpoint, json.loads(params).get("id", ""), page) for endpoint, params, page in ledger(made.data, asked)]
