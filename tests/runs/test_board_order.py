"""Runs of a job with order = "changes": what is bought, what is left and why, and that a decision stands."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import orjson
import pytest

from scraper.core.events import RunStatus
from scraper.core.outcomes import Answer, Reply
from scraper.core.pagination import WalkState, Why
from scraper.core.planning import Plan
from scraper.core.planning.board_order import board_walks
from scraper.core.requests import Request
from scraper.ports import WalkRecord
from scraper.runs.plan import plan
from scraper.runs.resume import Opening
from scraper.wiring.files import load_job
from tests.clock import begins_at
from tests.databases import database_in
from tests.runs.nights import Night, killed_night, night, runs_in

DAY_S = 86_400.0
COUNTRIES = ("US", "GB", "JP", "DE", "FR", "BR")
LIVELY = ("US",)
"""All their entries are new each night; the other boards change one entry in twenty nights."""
JOB = f"""
budget = 4
every = "day"
order = "changes"
[accounts.keyapi]
requests_per_second = 50
[[crawl]]
endpoint = "keyapi.hashtags"
params = {{ region = {list(COUNTRIES)} }}
max_pages = 1
"""
"""Two boards of six a night."""


def entries(country: str, day: int) -> Sequence[str]:
    changed = day if country in LIVELY else (day + COUNTRIES.index(country)) // 20
    return (
        [f"{country}-{changed}-{place}" for place in range(20)]
        if country in LIVELY
        else [f"{country}-{place}" for place in range(changed, changed + 20)]
    )


def lists(request: Request, second: float) -> Reply | None:
    asked = dict(request.params)
    rows = [{"hashtag_id": one} for one in entries(asked["region"], int(second // DAY_S))]
    told = {"page": 1, "size": 20, "total": 20, "has_more": False}
    return Answer(200, {}, orjson.dumps({"code": 0, "message": "ok", "data": {"list": rows, "pagination": told}}))


def region(walk: WalkRecord) -> str:
    return str(orjson.loads(walk.params)["region"])


def bought(found: Night) -> list[str]:
    return [dict(request.params)["region"] for _, request in found.sent]


def nights(directory: Path, number: int, text: str = JOB) -> list[Night]:
    return [night(directory, text, lists, begins_s=day * DAY_S) for day in range(number)]


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Night]]:
    directory = tmp_path_factory.mktemp("many")
    return directory, nights(directory, 20)


def test_boards_are_bought_by_expected_new_entries_once_their_rates_are_known(many: tuple[Path, list[Night]]) -> None:
    _, found = many
    late = [country for each in found[14:] for country in bought(each)]
    assert all(late.count(country) >= 5 for country in LIVELY)
    assert len(set(late)) >= 4  # the quiet ones in turn


def test_what_the_order_leaves_is_not_attempted_because_of_it_and_the_run_ends_at_its_budget(
    many: tuple[Path, list[Night]],
) -> None:
    _, found = many
    last = found[-1]
    assert last.result.status is RunStatus.BUDGET
    assert '4 boards are left to a later night (order = "changes")' in last.result.message
    left = {region(walk) for walk in last.walks if walk.state is WalkState.NOT_ATTEMPTED and walk.why is Why.ORDER}
    assert left == set(COUNTRIES) - set(bought(last))
    assert len(left) == 4


def plan_of(directory: Path, text: str, day: float) -> Plan:
    path = directory / "night.toml"
    path.write_text(f'name = "night"\n{text}')
    job, _ = load_job(path)
    now = begins_at() + timedelta(days=day)

    async def read() -> Plan:
        with database_in(directory / "data").opened(lambda: now, threaded=False) as stores:
            return await plan(job, stores, now)

    return asyncio.run(read())


def test_the_plan_says_of_each_board_why_it_is_bought_or_left_and_the_run_buys_just_that(
    many: tuple[Path, list[Night]],
) -> None:
    directory, found = many
    planned = plan_of(directory, JOB, len(found))
    assert planned.tonight is not None
    named = {choice.name: choice for choice in planned.tonight.choices}
    assert set(named) == {f"region={country}" for country in COUNTRIES}
    lively = named["region=US"]
    assert (lively.is_bought, lively.nights) == (True, 1)
    assert lively.expected == pytest.approx(20, abs=2)
    assert planned.dropped == ("keyapi.hashtags: 4 of 6 boards left to a later night: 4 of 6 requests",)
    assert plan_of(directory, JOB, len(found)).tonight == planned.tonight
    following = night(directory, JOB, lists, begins_s=len(found) * DAY_S)
    assert [f"region={country}" for country in bought(following)] == [choice.name for choice in planned.tonight.bought]


@pytest.mark.parametrize("lost", [False, True], ids=["kept", "lost with its ledger"])
def test_a_run_that_goes_on_keeps_the_order_that_it_began_with(tmp_path: Path, lost: bool) -> None:
    nights(tmp_path, 4)
    planned = plan_of(tmp_path, JOB, 4)
    killed_night(tmp_path, JOB, 4 * DAY_S, after=1, answers=lists)
    record = runs_in(tmp_path)[-1]
    if lost:
        database_in(tmp_path / "data").change("UPDATE runs SET board_order = ''")
    after = night(tmp_path, JOB, lists, begins_s=4 * DAY_S + 3600)
    assert after.result.run_id == record.run_id
    assert runs_in(tmp_path)[-1].board_order == record.board_order != ""
    assert planned.tonight is not None
    stood = {f"region={region(walk)}" for walk in after.walks if walk.why is not Why.ORDER}
    assert stood == {choice.name for choice in planned.tonight.bought}
    more = night(tmp_path, JOB, lists, Opening.RESUME, begins_s=4 * DAY_S + 7200, ceiling=8)
    stood = {f"region={region(walk)}" for walk in more.walks if walk.why is not Why.ORDER}
    assert stood == {choice.name for choice in planned.tonight.choices[:4]}


# --- by a page of what is new -----------------------------------------------------------------------------------------

BY_DELTA = """
budget = 100
every = "day"
[accounts.keyapi]
requests_per_second = 50
[[crawl]]
endpoint = "keyapi.hashtags"
params = { region = ["US", "GB"] }
max_pages = 2
delta = "new_to_top_100"
"""


def new_each_day(request: Request, second: float) -> Reply | None:
    """Boards of two pages with four new entries a day; the page of new entries of GB shows none."""
    asked, day = dict(request.params), int(second // DAY_S)
    board = [f"{asked['region']}-{place}" for place in range(4 * day, 4 * day + 40)]
    if asked["new_to_top_100"] == "true":
        board = board[-4:] if asked["region"] == "US" else []
    size, number = 20, int(asked["page"])
    rows = [{"hashtag_id": one} for one in board[(number - 1) * size : number * size]]
    told = {"page": number, "size": size, "total": len(board), "has_more": number * size < len(board)}
    return Answer(200, {}, orjson.dumps({"code": 0, "message": "ok", "data": {"list": rows, "pagination": told}}))


def test_a_board_by_delta_is_a_page_a_night_and_whole_once_a_week_and_is_given_up_where_its_pages_miss(
    tmp_path: Path,
) -> None:
    found = [night(tmp_path, BY_DELTA, new_each_day, begins_s=day * DAY_S) for day in range(9)]
    spent = [each.result.charged + each.result.presumed for each in found]  # an empty page is presumed to cost
    assert spent == [8, 4, 4, 4, 4, 4, 4, 8, 6]
    assert [each.result.status for each in found] == [RunStatus.COMPLETE] * 9
    assert found[1].result.warnings[0] == "2 of 2 boards as a page of new entries, the others whole"
    assert found[8].result.warnings[1] == (
        "keyapi.hashtags region=GB: delta is switched off, as its pages missed 28 of the 28 entries that were new "
        f"between {begins_at():%Y-%m-%d} and {begins_at() + timedelta(days=7):%Y-%m-%d}; the board is bought whole "
        "each night"
    )
    planned = plan_of(tmp_path, BY_DELTA, 9)
    assert planned.credits.likely == 6
    told = planned.to_json()
    assert told["coverage"] == {"share": 0.9, "runs": 9}
    assert told["worst"]["credits"] == 6
    assert told["credits"]["low"] < told["credits"]["likely"] <= told["credits"]["high"]


def test_only_complete_reads_at_least_as_deep_as_asked_are_learnt_from(tmp_path: Path) -> None:
    text = BY_DELTA.replace('delta = "new_to_top_100"', "").replace("budget = 100", "budget = 6")
    night(tmp_path, text, new_each_day)

    def reads(pages: int) -> dict[str, tuple[int, int]]:
        (tmp_path / "night.toml").write_text(f'name = "night"\n{text.replace("max_pages = 2", f"max_pages = {pages}")}')
        walks = board_walks(load_job(tmp_path / "night.toml")[0])
        with database_in(tmp_path / "data").opened(lambda: begins_at() + timedelta(days=1), threaded=False) as stores:
            found = stores.runs.history().reads(list(walks.values()))
        return {walks[each].country or "": (len(of[0].entries), of[0].pages) for each, of in found.items() if of}

    assert reads(2) == {"US": (40, 2)}  # the budget cut GB short
    assert reads(1) == {"US": (40, 2)}
