"""Pages, limits, clamps and cursors as the vendors document them."""

from __future__ import annotations

from typing import Any

import pytest

from tests.sandbox.visits import (
    C_CREATORS,
    C_HASHTAGS,
    C_POSTS,
    K_HASHTAGS,
    K_VIDEOS,
    Opened,
    Visitor,
    opened,
    some_hashtag_id,
)

LISTS = {C_HASHTAGS: "list", C_CREATORS: "creators", K_HASHTAGS: "list", K_VIDEOS: "videos"}


def board(sandbox: Opened, path: str, **params: object) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Records and pagination of one page."""
    (body,) = sandbox.bodies(path, params)
    data = body["data"] if path.startswith("/v1") else body["data"]["data"]
    return data[LISTS[path]], data["pagination"]


def walk(sandbox: Opened, hashtag_id: str) -> list[dict[str, Any]]:
    """The `data` of every page of a hashtag's posts, cursor after cursor."""

    async def script(visitor: Visitor) -> list[dict[str, Any]]:
        pages = [(await visitor.get(C_POSTS, id=hashtag_id)).body["data"]]
        while pages[-1]["hasMore"]:
            pages.append((await visitor.get(C_POSTS, id=hashtag_id, cursor=pages[-1]["cursor"])).body["data"])
        return pages

    return sandbox.visit(script)


def test_crawlora_clamps_the_limit_to_100_without_a_word() -> None:
    records, pagination = board(opened(), C_HASHTAGS, limit=500)
    assert len(records) == 100
    assert pagination == {"page": 1, "size": 100, "total": 100, "has_more": False}


def test_crawlora_answers_page_11_with_page_10_again_for_full_price() -> None:
    sandbox = opened()
    tenth, eleventh = sandbox.bodies(C_HASHTAGS, {"page": 10, "limit": 5}, {"page": 11, "limit": 5})
    assert eleventh["data"]["data"] == tenth["data"]["data"]
    assert eleventh["data"]["data"]["pagination"] == {"page": 10, "size": 5, "total": 100, "has_more": True}
    assert sandbox.sandbox.account("crawlora")["credits_charged"] == 16


def test_crawlora_takes_page_0_for_the_first_and_20_records_for_no_limit() -> None:
    sandbox = opened()
    assert board(sandbox, C_HASHTAGS, page=0) == board(sandbox, C_HASHTAGS, page=1, limit=20)
    assert board(sandbox, C_HASHTAGS, page=-3, limit=0) == board(sandbox, C_HASHTAGS)


def test_keyapi_handles_a_limit_over_20_as_20() -> None:
    sandbox = opened()
    records, pagination = board(sandbox, K_HASHTAGS, limit=100)
    assert (len(records), pagination) == (20, {"page": 1, "size": 20, "total": 100, "has_more": True})
    videos, pagination = board(sandbox, K_VIDEOS, limit=21, page=25)
    assert (len(videos), pagination) == (20, {"page": 25, "limit": 20, "total_count": 500, "has_more": False})


def test_keyapi_answers_a_page_past_the_end_empty_and_charges_it() -> None:
    sandbox = opened()
    records, pagination = board(sandbox, K_VIDEOS, page=26)
    assert (records, pagination) == ([], {"page": 26, "limit": 20, "total_count": 500, "has_more": False})
    assert sandbox.sandbox.account("keyapi")["credits_charged"] == 2


@pytest.mark.parametrize(
    ("path", "asked"),
    [
        (C_HASHTAGS, {"period": 7}),
        (C_CREATORS, {"sort_by": "follower", "page": 1}),
        (K_HASHTAGS, {"page": 1, "limit": 20, "period": 7, "region": "all_regions", "industry_id": "nothing"}),
        (K_HASHTAGS, {"new_to_top_100": "false"}),
        (K_VIDEOS, {"page": 1, "limit": 20, "period": 7, "region": "US", "order_by": "vv"}),
    ],
)
def test_a_default_is_what_it_is_documented_to_be(path: str, asked: dict[str, object]) -> None:
    sandbox = opened()
    assert board(sandbox, path) == board(sandbox, path, **asked)


def test_audience_count_is_ignored() -> None:
    sandbox = opened()
    plain = board(sandbox, C_CREATORS, creator_country="US")
    assert all(board(sandbox, C_CREATORS, creator_country="US", audience_count=count) == plain for count in (1, 4, "x"))


@pytest.mark.parametrize(
    ("path", "size", "params"),
    [
        (C_HASHTAGS, 30, {"country_code": "JP"}),
        (C_CREATORS, 100, {"creator_country": "JP"}),
        (K_HASHTAGS, 20, {"region": "JP"}),
        (K_VIDEOS, 20, {"region": "JP"}),
    ],
)
def test_the_pages_of_a_board_make_up_its_total_without_a_repeat(
    path: str, size: int, params: dict[str, object]
) -> None:
    sandbox = opened()
    identity = {"list": "hashtag_id", "creators": "user_id", "videos": "item_id"}[LISTS[path]]
    found: list[str] = []
    page, more = 1, True
    while more:
        records, pagination = board(sandbox, path, page=page, limit=size, **params)
        found += [record[identity] for record in records]
        more, page = pagination["has_more"], page + 1
        assert len(records) == size or not more
    assert len(found) == len(set(found)) == pagination.get("total", pagination.get("total_count"))


@pytest.mark.parametrize(
    ("path", "params"),
    [
        (C_HASHTAGS, {"country_code": "UK"}),
        (C_HASHTAGS, {"country_code": "us"}),
        (C_HASHTAGS, {"country_code": "all_regions"}),
        (C_HASHTAGS, {"industry_id": 13_000_000_000}),
        (C_CREATORS, {"creator_country": "ZA"}),
        (K_HASHTAGS, {"region": "RU"}),
        (K_HASHTAGS, {"industry_id": "30000000000"}),
        (K_VIDEOS, {"region": "TW"}),
    ],
)
def test_a_board_that_does_not_exist_is_an_empty_success_and_charged(path: str, params: dict[str, object]) -> None:
    sandbox = opened()
    records, pagination = board(sandbox, path, **params)
    assert records == []
    assert (pagination.get("total", pagination.get("total_count")), pagination["has_more"]) == (0, False)
    vendor, price = ("crawlora", 8) if path.startswith("/api") else ("keyapi", 2)
    assert sandbox.sandbox.account(vendor)["credits_charged"] == price


def test_filters_leave_fewer_records() -> None:
    sandbox = opened()
    whole, _ = board(sandbox, C_HASHTAGS, country_code="US", limit=100)
    new, pagination = board(sandbox, C_HASHTAGS, country_code="US", limit=100, filter_by="new_on_board")
    assert new == [record for record in whole if record["rank_diff_type"] == 4]
    assert pagination["total"] == len(new) < 100
    first_time, _ = board(sandbox, K_HASHTAGS, region="US", new_to_top_100="true")
    assert {record["rank_diff_type"] for record in first_time} == {4}
    pets, pagination = board(sandbox, K_HASHTAGS, region="US", industry_id=19_000_000_000)
    assert {record["industry_info"]["value"] for record in pets} == {"Pets"}
    assert 0 < pagination["total"] < 100


def test_a_posts_cursor_goes_in_as_an_integer_and_comes_out_as_a_string() -> None:
    sandbox = opened()
    pages = walk(sandbox, some_hashtag_id(sandbox))
    assert [page["cursor"] for page in pages[:-1]] == [str(31 * (n + 1)) for n in range(len(pages) - 1)]
    assert [page["hasMore"] for page in pages] == [True] * (len(pages) - 1) + [False]


def test_a_walk_of_posts_meets_each_post_once_in_pages_of_30() -> None:
    sandbox = opened()
    for seen in board(sandbox, C_HASHTAGS, limit=8)[0]:
        pages = walk(sandbox, seen["hashtag_id"])
        ids = [item["id"] for page in pages for item in page["itemList"]]
        assert 12 <= len(ids) == len(set(ids)) <= 240
        assert {len(page["itemList"]) for page in pages[:-1]} <= {30}
        assert 1 <= len(pages[-1]["itemList"]) <= 30


def test_an_unknown_hashtag_is_an_empty_success_without_a_list_and_charged() -> None:
    sandbox = opened()
    (body,) = sandbox.bodies(C_POSTS, {"id": "3242"})
    data = body["data"]
    assert (data["statusCode"], data["hasMore"], data["cursor"]) == (0, False, "0")
    assert "itemList" not in data
    assert sandbox.sandbox.account("crawlora")["credits_charged"] == 8


def test_a_cursor_past_the_end_is_an_empty_success_too() -> None:
    sandbox = opened()
    (body,) = sandbox.bodies(C_POSTS, {"id": some_hashtag_id(sandbox), "cursor": 800})
    assert (body["data"]["cursor"], body["data"]["hasMore"], "itemList" in body["data"]) == ("800", False, False)


def test_ids_of_either_hashtag_board_feed_the_posts() -> None:
    sandbox = opened()
    for path, country in ((C_HASHTAGS, "country_code"), (K_HASHTAGS, "region")):
        for record in board(sandbox, path, limit=5, **{country: "TH"})[0]:
            assert sandbox.bodies(C_POSTS, {"id": record["hashtag_id"]})[0]["data"]["itemList"]
