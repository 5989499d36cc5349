"""Crawlora's own package crawls the sandbox, and gets what our tables hold, row for row.

`crawlora-tiktok` 0.4.0 knows ten of the endpoints that our files describe. It validates what it asks for against the
vendor's contract, so a parameter that the sandbox alone accepts would be refused here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, TypeAlias

from crawlora_tiktok import TikTokClient

from scraper.core.events import RunStatus
from scraper.sandbox.records.hashtags import HashtagBoards
from tests.runs.harness import KEYS, bench

MOMENT: Final = datetime(2026, 11, 29, 12, 0, tzinfo=UTC)
FEED: Final = "36058491"
"""A hashtag of the sandbox's seed 0 with few posts."""
Row: TypeAlias = tuple[Any, ...]

JOB: Final = f"""
[[crawl]]
endpoint = "crawlora.creative_hashtags"
params = {{ country_code = "JP", period = [7, 90] }}
[[crawl]]
endpoint = "crawlora.hashtag_detail"
params = {{ name = "NAME" }}
[[crawl]]
endpoint = "crawlora.hashtag_posts"
params = {{ id = "{FEED}" }}
[[crawl]]
endpoint = "crawlora.mobile_hashtag_posts"
params = {{ name = "NAME", sort = "fresh" }}
[[crawl]]
endpoint = "crawlora.mobile_music"
[[crawl]]
endpoint = "crawlora.mobile_effects"
[[crawl]]
endpoint = "crawlora.mobile_categories"
[[crawl]]
endpoint = "crawlora.top_ads"
params = {{ period = 7, order_by = "like", objective = "2" }}
[[crawl]]
endpoint = "crawlora.top_ads_spotlight"
[[crawl]]
endpoint = "crawlora.top_ads_recommend"
each = "crawlora.top_ads_spotlight"
top = 1
"""


# --- the vendor's client ----------------------------------------------------------------------------------------------


def by_cursor(call: Callable[..., Any], where: str, **params: Any) -> Iterator[Any]:
    """The records of a list by cursor, as the package's users follow one."""
    cursor: Any = None
    while True:
        data = call(**params, **({} if cursor is None else {"cursor": int(cursor)}))["data"]
        yield from data[where]
        if not data.get("has_more", data.get("hasMore")):
            return
        cursor = data["cursor"]


def by_page(call: Callable[..., Any], **params: Any) -> Iterator[Any]:
    """The records of a list of top ads."""
    page, more = 1, True
    while more:
        data = call(**params, page=page, limit=100)["data"]["data"]
        yield from data["materials"]
        page, more = page + 1, data.get("pagination", {}).get("has_more", False)


def crawled(client: Any, name: str, ad_id: str) -> dict[str, list[Row]]:
    """Endpoint → what the client finds there, in the columns of `OURS`."""
    boards = [
        (period, record)
        for period in (7, 90)
        for record in client.creative_center_hashtags(country_code="JP", period=period)["data"]["hashtags"]
    ]
    detail = client.challenge(name=name)["data"]["challengeInfo"]
    return {
        "crawlora.creative_hashtags": [
            (
                *("JP", period, record["rank"], record["hashtag_id"], record["hashtag_name"]),
                *(record["publish_count"], record["video_views"], len(record["top_creators"])),
                [point["value"] for point in record["popularity_curve"]],
            )
            for period, record in boards
        ],
        "crawlora.hashtag_detail": [
            (
                *(detail["challenge"]["id"], detail["challenge"]["title"]),
                *(int(detail["statsV2"]["videoCount"]), int(detail["statsV2"]["viewCount"])),
            )
        ],
        "crawlora.hashtag_posts": [
            (post["id"], post["desc"], int(post["createTime"]), post["music"]["id"], len(post["challenges"]))
            for post in by_cursor(client.challenge_list, "itemList", id=FEED)
        ],
        "crawlora.mobile_hashtag_posts": [
            ("fresh", *app_post(post))
            for post in by_cursor(client.mobile_hashtag_posts, "aweme_list", name=name, sort="fresh")
        ],
        "crawlora.mobile_effects": [
            (post["sticker_detail"]["name"], *app_post(post))
            for post in by_cursor(client.mobile_trending_effects, "aweme_list")
        ],
        "crawlora.mobile_music": [
            (one["id_str"], one["title"], one["author"], one["user_count"], one["duration"], one["is_commerce_music"])
            for one in by_cursor(client.mobile_music_trending, "music_list")
        ],
        "crawlora.mobile_categories": [
            (one["challenge_info"]["cid"], one["challenge_info"]["cha_name"], one["challenge_info"]["view_count"])
            for one in by_cursor(client.mobile_trending_categories, "category_list")
            if one["challenge_info"]
        ],
        "crawlora.top_ads": [ad(one) for one in by_page(client.top_ads_list, period=7, order_by="like", objective="2")],
        "crawlora.top_ads_spotlight": [ad(one) for one in by_page(client.top_ads_spotlight)],
        "crawlora.top_ads_recommend": [ad(one) for one in by_page(client.top_ads_recommend, material_id=ad_id)],
    }


def app_post(post: Any) -> Row:
    return (
        *(post["aweme_id"], post["desc"], post["create_time"], post["statistics"]["play_count"]),
        *(post["author"]["unique_id"], post["music"]["mid"], [tag["cid"] for tag in post["cha_list"]]),
    )


def ad(material: Any) -> Row:
    return (
        *(material["id"], material["ad_title"], material["like"], material["ctr"], material["country_code"]),
        *(material["video_info"]["duration"], material["video_info"]["video_url"]["720p"]),
        [one["value"] for one in material["objectives"]],
    )


# --- our tables -------------------------------------------------------------------------------------------------------

_APP_POST: Final = """post_id, description, epoch(created_at)::BIGINT, stats.play_count, author.unique_id, music.id,
    list_transform(challenges, lambda tag: tag.id)"""
_AD: Final = """ad_id, title, likes, ctr, country_codes, duration_s, video_url,
    list_transform(objectives, lambda one: one.name)"""
OURS: Final = {
    "crawlora.creative_hashtags": (
        "hashtags",
        """country, period_days, rank, hashtag_id, hashtag_name, publish_cnt, video_views, len(top_creators),
        list_transform(trend, lambda point: point.value)""",
    ),
    "crawlora.hashtag_detail": ("hashtag_details", "hashtag_id, hashtag_name, video_count, view_count"),
    "crawlora.hashtag_posts": (
        "posts",
        "post_id, description, epoch(created_at)::BIGINT, music.id, len(challenges)",
    ),
    "crawlora.mobile_hashtag_posts": ("mobile_posts", f"sort_by, {_APP_POST}"),
    "crawlora.mobile_effects": ("mobile_posts", f"effect_name, {_APP_POST}"),
    "crawlora.mobile_music": ("sounds", "sound_id, title, author_name, post_count, duration_s, is_commercial"),
    "crawlora.mobile_categories": ("mobile_categories", "hashtag_id, hashtag_name, view_count"),
    "crawlora.top_ads": ("top_ads", _AD),
    "crawlora.top_ads_spotlight": ("top_ads", _AD),
    "crawlora.top_ads_recommend": ("top_ads", _AD),
}
"""Endpoint → its table, and the columns that both sides are compared in."""


MANY_WALKS: Final = {"crawlora.creative_hashtags"}
"""Its walks land in any order; within one walk rows are compared in its."""


def in_order(endpoint: str, rows: Sequence[Row]) -> list[Row]:
    return sorted(rows, key=repr) if endpoint in MANY_WALKS else list(rows)


def test_the_vendors_own_client_finds_the_rows_of_our_tables_on_every_endpoint_that_both_know(tmp_path: Path) -> None:
    async def used() -> None:
        async with bench(tmp_path, moment=MOMENT) as made:
            with TikTokClient(api_key=KEYS["crawlora"], base_url=f"{made.url}/api/v1") as client:
                name = HashtagBoards(0).by_id[FEED].name
                result = await made.run(made.write_job(JOB.replace("NAME", name)))
                assert result.status is RunStatus.COMPLETE
                ours = {
                    endpoint: made.rows(
                        f"SELECT {columns} FROM {table} WHERE endpoint = '{endpoint}' ORDER BY walk_id, page, position",
                        views=False,
                    )
                    for endpoint, (table, columns) in OURS.items()
                }
                (beside,) = {row[0] for row in made.rows("SELECT DISTINCT beside_ad_id FROM top_ads", views=False)} - {
                    None
                }
                theirs = await asyncio.to_thread(crawled, client, name, beside)
            assert {endpoint: len(rows) for endpoint, rows in ours.items()} == {
                endpoint: len(rows) for endpoint, rows in theirs.items()
            }
            for endpoint, rows in theirs.items():
                assert rows, endpoint
                assert in_order(endpoint, ours[endpoint]) == in_order(endpoint, rows), endpoint

    asyncio.run(used())
