"""Answers that are not what they seem (vendor facts, sections 5 and 6), in whole runs: what is asked, kept and told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest

from scraper.core.events import RunStatus
from scraper.core.outcomes import Answer, Reply
from scraper.core.pagination import Guard, WalkState, Why
from scraper.core.requests import Request
from tests.runs.nights import Night, night, page, status

POSTS = """
budget = 10_000
[accounts.crawlora]
requests_per_minute = 300
[[crawl]]
endpoint = "crawlora.hashtag_posts"
params = { id = ["1001", "1002", "1003", "1004"] }
"""
VIDEOS = """
budget = 10_000
[accounts.keyapi]
requests_per_minute = 300
[[crawl]]
endpoint = "keyapi.videos"
params = { region = ["US", "GB", "JP"] }
"""

UNAVAILABLE = Answer(200, {}, orjson.dumps({"code": 200, "data": {"statusCode": 10201, "status_code": 10201}}))


def walk_of(made: Night, value: str) -> tuple[WalkState, Why | None, int, int, int, tuple[Guard, ...]]:
    (walk,) = (walk for walk in made.walks if value in walk.params)
    return walk.state, walk.why, walk.pages, walk.gaps, walk.overlaps, walk.notes


def changed(request: Request, **pagination: Any) -> Answer:
    """The page of videos with another list, or other words on what follows."""
    document = orjson.loads(page(request).body)
    rows = pagination.pop("rows", document["data"]["videos"])
    document["data"] = {"videos": rows, "pagination": document["data"]["pagination"] | pagination}
    return Answer(200, {}, orjson.dumps(document))


@pytest.mark.parametrize(("times", "state"), [(1, WalkState.COMPLETE), (99, WalkState.FAILED)])
def test_a_refusal_inside_a_200_right_after_a_page_with_more_is_asked_again(
    tmp_path: Path, times: int, state: WalkState
) -> None:
    left = iter(range(times))

    def second_page(request: Request, _: float) -> Reply | None:
        fails = dict(request.params)["id"] == "1002" and request.page == 2
        return UNAVAILABLE if fails and next(left, None) is not None else None

    made = night(tmp_path, POSTS, second_page)
    assert made.asked(id="1002") == [1, 2, 2] if times == 1 else [1, 2, 2, 2, 2]
    failed = state is WalkState.FAILED
    why = Why.REQUEST_FAILED if failed else Why.END
    assert walk_of(made, "1002") == (state, why, 1 if failed else 2, int(failed), 0, ())
    assert made.result.walks["complete"] == 3 + (not failed)
    assert ("in band error: HTTP 200 with data.statusCode = 10201" in made.result.message) is failed
    assert made.result.retried == min(times, 3) * 8


def test_a_cursor_that_is_rejected_right_after_it_was_handed_out_fails_its_walk_and_is_asked_once(
    tmp_path: Path,
) -> None:
    def rejecting(request: Request, _: float) -> Reply | None:
        return status(400) if dict(request.params).items() >= {"id": "1003", "cursor": "30"}.items() else None

    made = night(tmp_path, POSTS, rejecting)
    assert made.asked(id="1003") == [1, 2]
    assert walk_of(made, "1003") == (WalkState.FAILED, Why.REQUEST_FAILED, 1, 1, 0, ())
    assert (made.result.status, made.result.walks["complete"]) == (RunStatus.FAILED, 3)


def test_parameters_that_are_refused_cost_their_walk_one_request_and_the_others_go_on(tmp_path: Path) -> None:
    def refusing(request: Request, _: float) -> Reply | None:
        return status(400) if request.walk.country == "GB" else None

    made = night(tmp_path, VIDEOS, refusing)
    assert made.asked(region="GB") == [1]
    assert walk_of(made, "GB") == (WalkState.FAILED, Why.REQUEST_FAILED, 0, 1, 0, ())
    assert made.result.walks["complete"] == 2


def test_an_empty_page_in_the_middle_is_passed_over_and_its_rows_are_missing(tmp_path: Path) -> None:
    def hole(request: Request, _: float) -> Reply | None:
        return changed(request, rows=[]) if (request.walk.country, request.page) == ("US", 2) else None

    made = night(tmp_path, VIDEOS, hole)
    assert made.asked(region="US") == [1, 2, 3]
    notes = (Guard.EMPTY_PAGE, Guard.ROWS_MISSING)
    assert walk_of(made, "US") == (WalkState.TRUNCATED, Why.GUARD, 3, 0, 0, notes)
    assert (made.result.status, made.result.status.exit_code) == (RunStatus.FAILED, 6)
    assert "1 walk stopped by a guard (rows missing)" in made.result.message
    assert any("empty page" in warning for warning in made.result.warnings)


def test_a_list_that_comes_again_after_a_cap_ends_the_walk_and_the_run_says_which_guard_it_was(tmp_path: Path) -> None:
    def capped(request: Request, _: float) -> Reply | None:
        told = {"total_count": 0, "has_more": True}
        if request.walk.country != "JP":
            return None
        first = {"rows": orjson.loads(page(request.walk.request(1)).body)["data"]["videos"]}
        return changed(request, **told, **(first if request.page > 2 else {}))

    made = night(tmp_path, VIDEOS, capped)
    assert made.asked(region="JP") == [1, 2, 3]
    assert walk_of(made, "JP") == (WalkState.TRUNCATED, Why.GUARD, 3, 0, 20, (Guard.PAGE_REPEATED,))
    assert (made.result.status, made.result.status.exit_code) == (RunStatus.FAILED, 6)
    assert any("page repeated" in warning for warning in made.result.warnings)


def test_a_board_that_moved_between_two_pages_is_complete_and_says_how_much_it_overlaps(tmp_path: Path) -> None:
    def moved(request: Request, _: float) -> Reply | None:
        if (request.walk.country, request.page) != ("US", 2):
            return None
        shifted = [{"item_id": f"{request.walk.walk_id}-{row}"} for row in range(17, 37)]
        return changed(request, rows=shifted)

    made = night(tmp_path, VIDEOS, moved)
    assert walk_of(made, "US") == (WalkState.COMPLETE, Why.END, 3, 0, 3, (Guard.BOARD_MOVED,))
    assert made.result.status is RunStatus.COMPLETE
