"""Boards that go blank, shrink, freeze or turn foreign, in whole runs."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import orjson
import pytest

from scraper.core.events import RunStatus
from scraper.core.outcomes import Answer, Reply
from scraper.core.pagination import Guard, WalkState, Why
from scraper.core.requests import Request
from scraper.runs.resume import Opening
from tests.runs.boards import Board, Found, Panel, play
from tests.runs.nights import LATENCY_S, Night, night, page

DAY_S = 86_400.0
COUNTRIES = [f"{a}{b}" for a in "ABCDEFGHI" for b in "ABCDEFGHI"]


def job(countries: Sequence[str], more: str = "") -> str:
    return f"""
budget = 10_000
every = "day"
[accounts.crawlora]
requests_per_minute = 300
credits_per_day = 100_000
credits_per_month = 100_000
[[crawl]]
endpoint = "crawlora.hashtags"
params = {{ country_code = {list(countries)}, period = 7 }}
{more}
"""


def listing(request: Request, rows: Sequence[Any]) -> Answer:
    """The page of a hashtag board with these records."""
    document = orjson.loads(page(request).body)
    told = {"page": 1, "size": 100, "total": len(rows), "has_more": False}
    document["data"]["data"] = {"list": list(rows), "pagination": told}
    return Answer(200, {}, orjson.dumps(document))


def blank(request: Request, _: float) -> Reply:
    return listing(request, [])


def blank_in(*countries: str) -> Callable[[Request, float], Reply | None]:
    return lambda request, _: listing(request, []) if request.walk.country in countries else None


def healthy(_: Request, __: float) -> None:
    return None


def noted(made: Night) -> dict[str, tuple[WalkState, Why | None, tuple[Guard, ...]]]:
    found = {orjson.loads(walk.params)["country_code"]: walk for walk in made.walks}
    return {country: (walk.state, walk.why, walk.notes) for country, walk in found.items()}


REJECTED = WalkState.TRUNCATED, Why.GUARD
LEFT_OVER = WalkState.NOT_ATTEMPTED, Why.OUT_OF_CHARACTER, ()


def a_world(nights: int, seed: int) -> dict[str, dict[int, list[int]]]:
    """Made-up boards: each night some of the places go to newcomers, and on every tenth night none."""
    chance, world = random.Random(seed), dict[str, dict[int, list[int]]]()
    for group, size, share in (("songs", 40, 0.1), ("tags", 10, 0.4)):
        for number in range(4):
            ids = list(range(size))
            world[f"{group}/{number}"] = board = {}
            for day in range(nights):
                if day % 10:
                    ids = [chance.randrange(10**9) if chance.random() < share else one for one in ids]
                board[day] = ids
    return world


def test_healthy_nights_raise_no_alarm_and_each_kind_of_failure_is_found_for_24_credits_at_most() -> None:
    world, found = a_world(40, seed=3), Found()
    boards = [Board(name, f"A{letter}", first=0) for name, letter in zip(world, "ABCDEFGH", strict=True)]
    failing = {"blank": "songs", "shrunken": "tags", "foreign": "songs", "frozen": "tags"}
    play(world, Panel(boards, sets_in=24, failing=failing), found)
    assert (found.false_alarms, found.false_stops, found.broken) == ([], [], []), found.report()
    assert found.failures[:3] == [
        "blank songs from night 24: 3 boards found in read 1 of 1 stated, 24 credits lost, endpoint closed",
        "shrunken tags from night 25: 3 boards found in read 1 of 1 stated, 24 credits lost, endpoint closed",
        "foreign songs from night 26: 3 boards found in read 1 of 1 stated, 24 credits lost, endpoint closed",
    ]
    assert found.failures[3].startswith("frozen tags from night 27: 3 boards found in read 7 of ")


def test_a_night_on_which_81_boards_are_blank_costs_24_credits_and_so_does_the_next(tmp_path: Path) -> None:
    text = job(COUNTRIES)
    assert night(tmp_path, text, healthy).result.status is RunStatus.COMPLETE
    for number in (1, 2):
        made = night(tmp_path, text, blank, begins_s=number * DAY_S)
        assert (made.result.status, made.result.status.exit_code, made.result.charged) == (RunStatus.FAILED, 6, 24)
        assert "crawlora.hashtags: 3 boards in a row came back empty, and had rows before (" in made.result.message
        assert "; 78 walks were not bought" in made.result.message
        assert made.result.warnings == (
            "crawlora.hashtags: 3 walks stopped by a guard: board blank: the board is empty, and had rows each time "
            "before",
        )
        found = list(noted(made).values())
        assert found.count((*REJECTED, (Guard.BOARD_BLANK,))) == 3
        assert found.count(LEFT_OVER) == 78
    assert noted(night(tmp_path, text, healthy, begins_s=3 * DAY_S))["AA"][0] is WalkState.COMPLETE


def without_pagination(rows: int) -> Callable[[Request, float], Reply | None]:
    def answered(request: Request, _: float) -> Answer:
        document = orjson.loads(page(request).body)
        document["data"]["data"] = {"list": document["data"]["data"]["list"][:rows]}
        return Answer(200, {}, orjson.dumps(document))

    return answered


def test_a_board_whose_pagination_is_gone_is_noted_and_guarded_where_it_is_shorter_than_before(tmp_path: Path) -> None:
    text = job(["US"])
    assert night(tmp_path, text, healthy).result.status is RunStatus.COMPLETE
    whole = night(tmp_path, text, without_pagination(60), begins_s=DAY_S)
    assert whole.result.status is RunStatus.COMPLETE
    assert Guard.FIELDS_MISSING in noted(whole)["US"][2]
    half = night(tmp_path, text, without_pagination(30), begins_s=2 * DAY_S)
    assert (half.result.status, half.result.status.exit_code) == (RunStatus.FAILED, 6)
    state, why, notes = noted(half)["US"]
    assert (state, why) == REJECTED
    assert Guard.BOARD_SHORT in notes


def test_the_walks_that_were_not_bought_come_first_in_the_next_night(tmp_path: Path) -> None:
    text = job(COUNTRIES[:9])
    night(tmp_path, text, healthy)
    left = {name for name, met in noted(night(tmp_path, text, blank, begins_s=DAY_S)).items() if met == LEFT_OVER}
    made = night(tmp_path, text, healthy, begins_s=2 * DAY_S)
    assert len(left) == 6
    assert {request.walk.country for _, request in made.sent[:6]} == left


@pytest.mark.parametrize(("suspects", "alone"), [((), 1), (("AA",), 3)])
def test_requests_go_one_at_a_time_until_a_board_with_a_history_has_come_and_while_its_endpoint_is_suspected(
    tmp_path: Path, suspects: Sequence[str], alone: int
) -> None:
    text = job(COUNTRIES[:12])
    night(tmp_path, text, healthy)
    made = night(tmp_path, text, blank_in(*suspects), begins_s=DAY_S)
    gaps = [later - earlier for (earlier, _), (later, _) in pairwise(made.sent)]
    assert min(gaps[:alone]) >= LATENCY_S
    assert max(gaps[alone:]) < LATENCY_S
    assert {name: met[2] for name, met in noted(made).items() if met[2]} == dict.fromkeys(
        suspects, (Guard.BOARD_BLANK,)
    )
    assert made.result.walks["complete"] == 12 - len(suspects)


def test_a_first_run_has_nothing_to_compare_with_and_sends_as_fast_as_it_may(tmp_path: Path) -> None:
    made = night(tmp_path, job(COUNTRIES[:20]), healthy)
    starts = [at for at, _ in made.sent]
    assert starts[3] - starts[1] < LATENCY_S
    assert made.result.status is RunStatus.COMPLETE


def test_an_endpoint_that_fails_leaves_the_others_of_its_vendor_open(tmp_path: Path) -> None:
    creators = '[[crawl]]\nendpoint = "crawlora.creators"\nparams = { creator_country = ["US", "GB", "DE", "FR"] }'
    text = job(COUNTRIES[:9], creators)
    night(tmp_path, text, healthy)
    made = night(
        tmp_path, text, lambda r, s: blank(r, s) if r.endpoint.name == "hashtags" else None, begins_s=DAY_S
    )  # fmt: skip
    assert [walk.state for walk in made.walks if walk.endpoint == "crawlora.creators"] == [WalkState.COMPLETE] * 4
    assert made.result.charged == 24 + 4 * 8


def test_a_resumed_run_ends_the_walks_of_its_first_process_as_that_did_and_tries_the_endpoint_again(
    tmp_path: Path,
) -> None:
    text = job(COUNTRIES[:9])
    night(tmp_path, text, healthy)
    first = night(tmp_path, text, blank, begins_s=DAY_S)
    again = night(tmp_path, text, healthy, opening=Opening.RESUME, begins_s=DAY_S + 600)
    rejected = {name for name, met in noted(first).items() if met == (*REJECTED, (Guard.BOARD_BLANK,))}
    assert {name for name, met in noted(again).items() if met == (*REJECTED, (Guard.BOARD_BLANK,))} == rejected
    assert len(again.sent) == 6
    assert sum(met[0] is WalkState.COMPLETE for met in noted(again).values()) == 6


# --- rows that were expected ------------------------------------------------------------------------------------------


def test_a_first_run_that_brings_nothing_at_all_fails_and_says_what_to_do(tmp_path: Path) -> None:
    made = night(tmp_path, job(["ZZ", "EN", "XX", "EU"]), blank)
    assert (made.result.status, made.result.charged, made.result.walks["empty"]) == (RunStatus.FAILED, 32, 4)
    assert made.result.message == (
        "crawlora.hashtags: 4 walks for 32 credits returned no rows, and there are no earlier ones to compare with: "
        "check its parameters, or set expect_rows = 0 if none are expected. 4 pages are kept. Start over: "
        "scraper run night --new"
    )


def test_a_crawl_whose_last_walks_were_empty_too_is_a_warning(tmp_path: Path) -> None:
    text = job(["ZZ", "EN"])
    night(tmp_path, text, blank)
    made = night(tmp_path, text, blank, begins_s=DAY_S)
    assert made.result.status is RunStatus.COMPLETE
    assert made.result.warnings == ("crawlora.hashtags: 2 walks for 16 credits returned no rows, as before",)


def test_a_country_without_rows_beside_one_with_rows_is_no_failure(tmp_path: Path) -> None:
    made = night(tmp_path, job(["US", "ZZ"]), blank_in("ZZ"))
    assert (made.result.status, made.result.warnings) == (RunStatus.COMPLETE, ())


@pytest.mark.parametrize(
    ("expected", "status"), [(0, RunStatus.COMPLETE), (120, RunStatus.COMPLETE), (121, RunStatus.FAILED)]
)
def test_expect_rows_is_the_fewest_over_all_walks_of_a_crawl(tmp_path: Path, expected: int, status: RunStatus) -> None:
    made = night(tmp_path, job(["US", "GB"], f"expect_rows = {expected}"), healthy)
    assert made.result.status is status
    missing = "crawlora.hashtags: 120 rows came, and expect_rows is 121"
    assert made.result.message.startswith(missing) is (expected == 121)


def test_with_expect_rows_0_no_row_is_fine_after_nights_with_rows_too(tmp_path: Path) -> None:
    text = job(COUNTRIES[:5], "expect_rows = 0")
    night(tmp_path, text, healthy)
    made = night(tmp_path, text, blank, begins_s=DAY_S)
    assert (made.result.status, made.result.charged, made.result.warnings) == (RunStatus.COMPLETE, 40, ())


def test_a_run_that_its_budget_ended_is_not_held_to_the_rows_of_a_whole_one(tmp_path: Path) -> None:
    text = job(COUNTRIES[:5], "expect_rows = 300").replace("10_000", "16")
    made = night(tmp_path, text, healthy)
    assert (made.result.status, made.result.warnings) == (RunStatus.BUDGET, ())
