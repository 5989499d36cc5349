"""The answers hold what the vendors' documented examples hold (their pages, read 2026-11-21; retyped here by hand)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.sandbox.visits import C_CREATORS, C_HASHTAGS, C_POSTS, K_HASHTAGS, K_VIDEOS, opened, some_hashtag_id

NUMBER = (int, float)
PAGINATION = {"page": int, "size": int, "total": int, "has_more": bool}
C_HASHTAG = {
    "hashtag_id": str,
    "hashtag_name": str,
    "country_info": {"id": str, "value": str, "label": str},
    "industry_info": {"id": int, "value": str, "label": str},
    "is_promoted": bool,
    "trend": [{"time": int, "value": NUMBER}],
    "publish_cnt": int,
    "video_views": int,
    "rank": int,
    "rank_diff": int,
    "rank_diff_type": int,
    "creators": [{"nick_name": str, "avatar_url": str}],  # in the schema, not in the example
}
K_HASHTAG = {name: kind for name, kind in C_HASHTAG.items() if name != "rank_diff"}
CREATOR = {
    "tcm_id": str,
    "user_id": str,
    "nick_name": str,
    "avatar_url": str,
    "country_code": str,
    "follower_cnt": int,
    "liked_cnt": int,
    "tt_link": str,
    "tcm_link": str,
    "items": [
        {"item_id": str, "cover_url": str, "tt_link": str, "vv": int, "liked_cnt": int, "create_time": int},
    ],
}
VIDEO = {
    "country_code": str,
    "cover": str,
    "duration": int,
    "id": str,
    "item_id": str,
    "item_url": str,
    "region": str,
    "title": str,
}
POST = {
    "AIGCDescription": str,
    "BAInfo": str,
    "CategoryType": int,
    "adAuthorization": bool,
    "adLabelVersion": int,
    "aigcLabelType": int,
}


def crawlora_board(where: str, record: dict[str, Any]) -> dict[str, Any]:
    inner = {"code": int, "msg": str, "request_id": str, "data": {where: [record], "pagination": PAGINATION}}
    return {"code": int, "msg": str, "data": inner}


DOCUMENTED: dict[str, tuple[dict[str, object], dict[str, Any]]] = {
    C_HASHTAGS: ({"limit": 50, "country_code": "US"}, crawlora_board("list", C_HASHTAG)),
    C_CREATORS: ({"limit": 50, "creator_country": "US"}, crawlora_board("creators", CREATOR)),
    C_POSTS: (
        {},
        {
            "code": int,
            "msg": str,
            "data": {
                "cursor": str,
                "extra": {"fatal_item_ids": list, "logid": str, "now": int},
                "hasMore": bool,
                "itemList": [POST],
                "log_pb": {"impr_id": str},
                "statusCode": int,
                "status_code": int,
                "status_msg": str,
            },
        },
    ),
    K_HASHTAGS: (
        {
            "page": "1",
            "limit": "20",
            "period": "7",
            "region": "all_regions",
            "industry_id": "nothing",
            "new_to_top_100": "false",
        },
        {"code": int, "message": str, "data": {"list": [K_HASHTAG], "pagination": PAGINATION}, "requestId": str},
    ),
    K_VIDEOS: (
        {"page": "1", "period": "7", "limit": "20", "region": "US", "order_by": "vv"},
        {
            "code": int,
            "message": str,
            "data": {
                "pagination": {"has_more": bool, "limit": int, "page": int, "total_count": int},
                "videos": [VIDEO],
            },
            "requestId": str,
        },
    ),
}


def departures(documented: Any, met: list[Any], where: str = "$") -> list[str]:
    """Where the values met at one place depart from what is documented there.

    A documented key has to be in at least one of the objects met, and of the documented type wherever it is: the
    vendors require no field.
    """
    if isinstance(documented, dict):
        odd = [f"{where} is {type(value).__name__}" for value in met if not isinstance(value, dict)]
        for name, kind in documented.items():
            found = [value[name] for value in met if isinstance(value, dict) and name in value]
            odd += departures(kind, found, f"{where}.{name}") if found else [f"{where}.{name} is never there"]
        return odd
    if isinstance(documented, list):
        odd = [f"{where} is {type(value).__name__}" for value in met if not isinstance(value, list)]
        return odd + departures(documented[0], [each for value in met for each in value], f"{where}[]")
    kinds = documented if isinstance(documented, tuple) else (documented,)
    return [f"{where} is {type(value).__name__}" for value in met if type(value) not in kinds]


@pytest.mark.parametrize("path", DOCUMENTED)
def test_an_answer_holds_the_documented_keys_and_types(path: str) -> None:
    sandbox = opened()
    params, documented = DOCUMENTED[path]
    if path == C_POSTS:
        params = {"id": some_hashtag_id(sandbox)}
    reply = sandbox.get(path, **params)
    assert (reply.status, reply.headers["Content-Type"]) == (200, "application/json; charset=utf-8")
    assert departures(documented, [reply.body]) == []


@pytest.mark.parametrize("path", [C_HASHTAGS, C_CREATORS, K_HASHTAGS, K_VIDEOS])
def test_envelopes_and_pagination_have_no_other_keys_than_the_documented(path: str) -> None:
    params, documented = DOCUMENTED[path]
    met = opened().get(path, **params).body
    assert met.keys() == documented.keys()
    while "pagination" not in documented:
        met, documented = met["data"], documented["data"]
        assert met.keys() == documented.keys()
    assert met["pagination"].keys() == documented["pagination"].keys()


def test_success_is_said_in_each_envelope_in_its_own_way() -> None:
    sandbox = opened()
    crawlora = sandbox.get(C_HASHTAGS).body
    posts = sandbox.get(C_POSTS, id="nobody").body
    keyapi = sandbox.get(K_VIDEOS).body
    assert (crawlora["code"], crawlora["msg"]) == (200, "OK")
    assert (crawlora["data"]["code"], crawlora["data"]["msg"]) == (0, "OK")
    assert (posts["code"], posts["data"]["statusCode"], posts["data"]["status_code"]) == (200, 0, 0)
    assert (keyapi["code"], keyapi["message"]) == (0, "success")


def test_what_departs_from_a_documented_shape_is_seen() -> None:
    documented = {"id": str, "counts": [{"n": int}], "share": NUMBER}
    assert departures(documented, [{"id": "1", "counts": [{"n": 1}, {}], "share": 1}]) == []
    assert departures(documented, [{"id": 1, "counts": [{"n": True}]}]) == [
        "$.id is int",
        "$.counts[].n is bool",
        "$.share is never there",
    ]
