"""The answers hold what the vendors document of the newer endpoints, retyped here by hand (read 2026-11-29).

Crawlora's are the types of its packages crawlora-tiktok 0.4.0 and crawlora 1.50.0.dev1 and of its OpenAPI document; it
requires no field and types the records of the app's lists as anything. KeyAPI's are its pages' example answers.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.sandbox.test_contract import NUMBER, PAGINATION, departures
from tests.sandbox.visits import (
    C_ADS,
    C_APP_CATEGORIES,
    C_APP_EFFECTS,
    C_APP_MUSIC,
    C_APP_POSTS,
    C_CREATIVE,
    C_CREATORS,
    C_HASHTAG,
    C_HASHTAGS,
    C_INDEX,
    C_POSTS,
    C_RECOMMEND,
    C_SPOTLIGHT,
    K_MUSIC,
    K_SOUND,
    Opened,
    opened,
)

NOTHING = type(None)
ITEM = {"id": (int, str), "label": str, "value": str}
AD = {
    "ad_title": str,
    "brand_name": str,
    "comment": int,
    "cost": int,
    "country_code": [str],
    "ctr": NUMBER,
    "favorite": bool,
    "has_summary": bool,
    "highlight": str,
    "highlight_text": str,
    "id": str,
    "industry_key": str,
    "is_search": bool,
    "keyword_list": [str],
    "landing_page": str,
    "like": int,
    "objective_key": str,
    "objectives": [ITEM],
    "pattern_label": [ITEM],
    "share": int,
    "source": str,
    "source_key": int,
    "video_info": {"cover": str, "duration": NUMBER, "height": int, "vid": str, "video_url": dict, "width": int},
    "voice_over": bool,
}
ADS_PAGE = {**PAGINATION, "total_count": int}
POST_STATS = {
    **dict.fromkeys(("analyzed_at", "best_post_id", "first_post_at", "last_post_at"), str),
    **dict.fromkeys(("avg_comments", "avg_likes", "avg_saves", "avg_shares", "avg_views", "best_post_views"), int),
    **dict.fromkeys(("distinct_sounds", "median_likes", "median_views", "sampled_posts"), int),
    **dict.fromkeys(("avg_video_duration_sec", "engagement_rate_by_follower", "engagement_rate_by_view"), NUMBER),
    **dict.fromkeys(("original_sound_ratio", "posts_per_week", "views_to_follower_ratio"), NUMBER),
    "top_hashtags": [str],
    "top_sounds": [{"author": str, "music_id": str, "original": bool, "title": str, "uses": int}],
}
CREATOR = {
    **dict.fromkeys(("avatar_url", "bio", "bio_link", "country", "creator_uid", "first_seen", "language"), str),
    **dict.fromkeys(("last_crawled", "last_post_at", "niche", "niche_classified", "nickname", "platform"), str),
    **dict.fromkeys(("sec_uid", "source", "status", "unique_id"), str),
    **dict.fromkeys(("avg_views", "follower_count", "following_count", "total_likes", "video_count"), int),
    "brand_affiliations": list,
    "engagement_rate": NUMBER,
    "verified": bool,
    "post_stats": POST_STATS,
}
SOUND = {
    **dict.fromkeys(("author", "clip_id", "country_code", "cover", "link", "song_id", "title", "url_title"), str),
    **dict.fromkeys(("duration", "rank", "rank_diff", "rank_diff_type"), int),
    **dict.fromkeys(("if_cml", "is_search", "promoted"), bool),
    "on_list_times": NOTHING,
    "related_items": NOTHING,
    "trend": [{"time": int, "value": NUMBER}],
}
SHARE = {"id": str, "label": str, "value": str}


def crawlora(data: dict[str, Any]) -> dict[str, Any]:
    return {"code": int, "msg": str, "data": data}


def ads(**data: Any) -> dict[str, Any]:
    return crawlora({"code": int, "msg": str, "request_id": str, "data": {"materials": [AD], **data}})


def app(where: str) -> dict[str, Any]:
    return crawlora({where: [dict], "cursor": int, "has_more": bool, "status_code": int, "status_msg": str})


def keyapi(data: dict[str, Any]) -> dict[str, Any]:
    return {"code": int, "message": str, "data": data, "requestId": str}


TOP_CREATOR = {
    **dict.fromkeys(("avatar_url", "country_code", "creator_id", "handle", "nickname", "tiktok_uid"), str),
    **dict.fromkeys(("follower_count", "rank"), int),
}
HASHTAG = {
    "hashtag_id": str,
    "hashtag_name": str,
    "industry_ids": [int],
    "popularity_curve": [{"timestamp": int, "value": NUMBER}],
    "publish_count": int,
    "rank": int,
    "top_creators": [TOP_CREATOR],
    "video_views": int,
}
DETAIL = {
    "challengeInfo": dict,
    "extra": {"fatal_item_ids": list, "logid": str, "now": int},
    "log_pb": {"impr_id": str},
    "shareMeta": {"desc": str, "title": str},
    "statusCode": int,
    "status_code": int,
    "status_msg": str,
}
DOCUMENTED: dict[str, tuple[dict[str, object], dict[str, Any]]] = {
    C_CREATIVE: (
        {"country_code": "TR", "period": 90},
        crawlora({"hashtags": [HASHTAG], "total_count": int}),
    ),
    C_HASHTAG: ({}, crawlora(DETAIL)),
    C_APP_POSTS: ({"sort": "fresh", "count": 5}, app("aweme_list")),
    C_APP_MUSIC: ({}, app("music_list")),
    C_APP_EFFECTS: ({"count": 5}, app("aweme_list")),
    C_APP_CATEGORIES: ({"count": 5}, app("category_list")),
    C_ADS: ({"period": 180, "order_by": "ctr", "limit": 60}, ads(pagination=ADS_PAGE)),
    C_SPOTLIGHT: ({"page": 1, "limit": 45}, ads(pagination=ADS_PAGE)),
    C_RECOMMEND: ({}, ads()),
    C_INDEX: (
        {"sort": "engagement_desc", "country": "US"},
        crawlora(
            {"dataset": str, "items": [CREATOR], "page": int, "page_size": int, "sort": str, "total": int},
        ),
    ),
    K_MUSIC: (
        {"page": "1", "limit": "20", "period": "7", "region": "US", "new_to_top_100": "false"},
        keyapi({"pagination": PAGINATION, "sound_list": [SOUND]}),
    ),
    K_SOUND: (
        {"period": "7", "region": "US"},
        keyapi(
            {
                "disliked": NOTHING,
                "like_count": NOTHING,
                "liked": NOTHING,
                "sound": {
                    **SOUND,
                    "audience_ages": NOTHING,
                    "audience_countries": [{"country_info": SHARE, "score": int}],
                    "audience_interests": [{"interest_info": SHARE, "score": int}],
                },
            }
        ),
    ),
}


def filled(sandbox: Opened, path: str) -> tuple[str, dict[str, object]]:
    """The path and what it requires, as the other routes tell it."""
    if path in {C_HASHTAG, C_APP_POSTS}:
        name = sandbox.get(C_CREATIVE, country_code="US").body["data"]["hashtags"][0]["hashtag_name"]
        return (f"{path}/{name}", {}) if path == C_HASHTAG else (path, {"name": name})
    if path == C_RECOMMEND:
        return path, {"material_id": sandbox.get(C_SPOTLIGHT).body["data"]["data"]["materials"][0]["id"]}
    if path == K_SOUND:
        return path, {"clip_id": sandbox.get(K_MUSIC).body["data"]["sound_list"][0]["clip_id"]}
    return path, {}


@pytest.mark.parametrize("path", DOCUMENTED)
def test_an_answer_holds_the_documented_keys_and_types(path: str) -> None:
    sandbox = opened()
    params, documented = DOCUMENTED[path]
    route, required = filled(sandbox, path)
    reply = sandbox.get(route, **params, **required)
    assert (reply.status, departures(documented, [reply.body])) == (200, [])


def test_documented_limits_are_kept_and_what_lies_past_them_is_refused() -> None:
    sandbox = opened()
    board = sandbox.get(C_CREATIVE, country_code="US").body["data"]
    assert (len(board["hashtags"]), board["total_count"]) == (3, 100)
    assert [record["rank"] for record in board["hashtags"]] == [1, 2, 3]
    assert sandbox.get(C_CREATIVE).status == 400, "country_code is required"
    assert sandbox.get(C_CREATIVE, country_code="US", period=120).status == 400
    assert sandbox.get(C_CREATIVE, country_code="US", industry_id="16000000000").status == 400
    assert len(sandbox.get(C_ADS, limit=500).body["data"]["data"]["materials"]) == 100
    last = sandbox.get(C_INDEX, page=100, page_size=100).body["data"]
    assert (len(last["items"]), last["total"] > 10_000) == (100, True)
    assert sandbox.get(C_INDEX, page=101, page_size=100).status == 400
    assert sandbox.get(C_INDEX, page=201, page_size=50).status == 400
    assert "email" not in last["items"][0]


def test_a_cursor_of_the_app_comes_back_as_a_number_and_leads_to_the_next_entries() -> None:
    sandbox = opened()
    first = sandbox.get(C_APP_MUSIC, count=50).body["data"]
    assert (len(first["music_list"]), first["cursor"], first["has_more"]) == (50, 50, True)
    rest = sandbox.get(C_APP_MUSIC, count=50, cursor=first["cursor"]).body["data"]
    assert (len(rest["music_list"]), rest["has_more"]) == (20, False)
    ids = [one["id_str"] for one in (*first["music_list"], *rest["music_list"])]
    assert len(set(ids)) == 70


def test_the_same_hashtag_has_one_id_on_the_web_in_the_app_and_on_its_page_and_its_posts_are_the_same() -> None:
    sandbox = opened()
    tag = sandbox.get(C_CREATIVE, country_code="US").body["data"]["hashtags"][0]
    detail = sandbox.get(f"{C_HASHTAG}/{tag['hashtag_name']}").body["data"]["challengeInfo"]["challenge"]
    assert (detail["id"], detail["title"]) == (tag["hashtag_id"], tag["hashtag_name"])
    web = {post["id"] for post in sandbox.get(C_POSTS, id=tag["hashtag_id"]).body["data"]["itemList"]}
    fresh = sandbox.get(C_APP_POSTS, name=tag["hashtag_name"], sort="fresh", count=50).body["data"]["aweme_list"]
    assert web & {post["aweme_id"] for post in fresh}
    times = [post["create_time"] for post in fresh]
    assert times == sorted(times, reverse=True)


def test_what_nobody_knows_is_an_empty_success() -> None:
    sandbox = opened()
    assert sandbox.get(f"{C_HASHTAG}/nobodyasked").body["data"]["challengeInfo"] == {}
    assert sandbox.get(C_APP_POSTS, name="nobodyasked").body["data"]["aweme_list"] == []
    assert sandbox.get(C_RECOMMEND, material_id="1").body["data"]["data"]["materials"] == []
    assert sandbox.get(K_SOUND, clip_id="1").body["data"]["sound"] is None
    assert sandbox.get(C_ADS, country_code="XX").body["data"]["data"]["materials"] == []


def test_where_the_old_boards_have_gone_they_answer_404_for_nothing_and_the_rest_goes_on() -> None:
    sandbox = opened(retired=True)
    assert [sandbox.get(path).status for path in (C_HASHTAGS, C_CREATORS)] == [404, 404]
    assert sandbox.get(C_CREATIVE, country_code="US").status == 200
    account = sandbox.sandbox.account("crawlora")
    assert (account["credits_charged"], account["requests_by_status"]) == (8, {"200": 1, "404": 2})
