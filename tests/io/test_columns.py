"""Every field that a vendor documents or that was met in recorded answers has its column."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import orjson
import pyarrow as pa
import pytest

from scraper.core.drift.expected import Elements, Fields, Leaf, expected_of
from scraper.core.tables import table_select
from scraper.io.archive import ParquetArchive, table_faults
from scraper.io.archive.table_select import Selects
from tests.core.builders import catalogue_of
from tests.io.archive_fixtures import ENDPOINTS, TABLES, board, hashtag, page
from tests.io.test_archive import archive, rows

TABLE = {table.name: table for table in TABLES}

FIELDS: Final[Mapping[str, Mapping[str, str]]] = {
    "hashtags": {
        "hashtag_id": "VARCHAR", "hashtag_name": "VARCHAR", "is_promoted": "BOOLEAN", "publish_cnt": "BIGINT",
        "video_views": "BIGINT", "rank": "BIGINT", "rank_diff": "BIGINT", "rank_diff_type": "BIGINT",
        "trending_type": "BIGINT", "trend[].time": "BIGINT", "trend[].value": "DOUBLE",
        "creators[].nick_name": "VARCHAR", "creators[].avatar_url": "VARCHAR",
        **{f"{place}_info.{key}": "VARCHAR" for place in ("country", "industry") for key in ("id", "value", "label")},
    },
    "creators": {
        **dict.fromkeys(
            ("tcm_id", "user_id", "nick_name", "avatar_url", "country_code", "tt_link", "tcm_link", "items[].item_id",
             "items[].cover_url", "items[].tt_link"), "VARCHAR"),
        **dict.fromkeys(
            ("follower_cnt", "liked_cnt", "items[].vv", "items[].liked_cnt", "items[].create_time"), "BIGINT"),
    },
    "videos": {
        **dict.fromkeys(("country_code", "cover", "id", "item_id", "item_url", "region", "title"), "VARCHAR"),
        "duration": "BIGINT",
    },
    "posts": {
        **dict.fromkeys(
            ("id", "desc", "textLanguage", "AIGCDescription", "BAInfo", "diversificationId", "playlistId",
             "duetInfo.duetFromId", "author.id", "author.uniqueId", "author.nickname", "author.signature",
             "author.secUid", "author.avatarThumb", "author.avatarMedium", "author.avatarLarger", "music.id",
             "music.title", "music.authorName", "music.album", "music.playUrl", "music.coverThumb",
             "music.coverMedium", "music.coverLarge", "challenges[].id", "challenges[].title", "challenges[].desc",
             "textExtra[].hashtagId", "textExtra[].hashtagName", "textExtra[].userId", "textExtra[].userUniqueId",
             "textExtra[].secUid", "contents[].desc", "contents[].textExtra[].hashtagName", "video.id", "video.ratio",
             "video.format", "video.definition", "video.codecType", "video.videoQuality", "video.encodedType",
             "video.cover", "video.dynamicCover", "video.originCover", "video.playAddr", "video.downloadAddr",
             "video.shareCover[]", "video.zoomCover.240", "video.zoomCover.480", "video.zoomCover.720",
             "video.zoomCover.960", "effectStickers[].ID", "effectStickers[].name", "stickersOnItem[].stickerText[]",
             "anchors[].id", "anchors[].keyword", "anchors[].description"), "VARCHAR"),
        **dict.fromkeys(
            ("createTime", "CategoryType", "adLabelVersion", "aigcLabelType", "authorStats.followerCount",
             "authorStats.followingCount", "authorStats.heart", "authorStats.heartCount", "authorStats.videoCount",
             "authorStats.diggCount", "authorStats.friendCount", "authorStatsV2.followerCount",
             "authorStatsV2.followingCount", "authorStatsV2.heart", "authorStatsV2.heartCount",
             "authorStatsV2.videoCount", "authorStatsV2.diggCount", "authorStatsV2.friendCount", "stats.playCount",
             "stats.diggCount", "stats.commentCount", "stats.shareCount", "stats.collectCount", "statsV2.playCount",
             "statsV2.diggCount", "statsV2.commentCount", "statsV2.shareCount", "statsV2.collectCount",
             "statsV2.repostCount",
             "music.duration", "challenges[].stats.videoCount", "challenges[].stats.viewCount", "textExtra[].start",
             "textExtra[].end", "textExtra[].type", "textExtra[].subType", "video.duration", "video.height",
             "video.width", "video.bitrate", "video.size", "author.relation", "author.commentSetting",
             "author.duetSetting", "author.stitchSetting", "stickersOnItem[].stickerType", "anchors[].type"), "BIGINT"),
        **dict.fromkeys(
            ("isAd", "privateItem", "secret", "duetEnabled", "stitchEnabled", "shareEnabled", "forFriend", "digged",
             "originalItem", "officalItem", "itemMute", "showNotPass", "adAuthorization", "textTranslatable",
             "collected", "author.verified", "author.privateAccount", "author.ttSeller", "author.ftc",
             "author.secret", "author.openFavorite", "music.original", "music.isCopyrighted",
             "challenges[].isCommerce", "textExtra[].isCommerce"), "BOOLEAN"),
        **dict.fromkeys(("video.VQScore", "video.volumeInfo.Loudness", "video.volumeInfo.Peak"), "DOUBLE"),
        **dict.fromkeys(("video.claInfo", "item_control"), "JSON"),
        **dict.fromkeys(
            ("video.bitrateInfo", "video.subtitleInfos", "imagePost.images", "effectStickers[].stickerStats"), ""),
    },
    "sounds": {
        **dict.fromkeys(
            ("clip_id", "song_id", "author", "title", "country_code", "cover", "link", "id_str", "mid"), "VARCHAR"),
        **dict.fromkeys(
            ("rank", "rank_diff", "rank_diff_type", "duration", "on_list_times", "user_count"), "BIGINT"),
        **dict.fromkeys(("if_cml", "promoted", "is_commerce_music", "is_original_sound"), "BOOLEAN"),
    },
    "sound_details": {
        **dict.fromkeys(
            ("clip_id", "song_id", "author", "title", "country_code", "cover", "link",
             "audience_countries[].country_info.label", "audience_interests[].interest_info.value"), "VARCHAR"),
        **dict.fromkeys(("audience_countries[].score", "audience_interests[].score", "duration"), "BIGINT"),
    },
    "hashtag_details": {
        **dict.fromkeys(("challenge.id", "challenge.title", "challenge.desc", "challenge.coverLarger"), "VARCHAR"),
        **dict.fromkeys(("stats.videoCount", "stats.viewCount", "statsV2.videoCount", "statsV2.viewCount"), "BIGINT"),
    },
    "mobile_posts": {
        **dict.fromkeys(("aweme_id", "desc", "author.unique_id", "music.id_str", "cha_list[].cid"), "VARCHAR"),
        **dict.fromkeys(("create_time", "statistics.play_count", "video.duration"), "BIGINT"),
    },
    "mobile_categories": {
        **dict.fromkeys(("desc", "challenge_info.cid", "challenge_info.cha_name", "aweme_list[].aweme_id"), "VARCHAR"),
        **dict.fromkeys(("category_type", "challenge_info.user_count", "challenge_info.view_count"), "BIGINT"),
    },
    "top_ads": {
        **dict.fromkeys(
            ("id", "ad_title", "brand_name", "highlight", "highlight_text", "industry_key", "landing_page",
             "objective_key", "source", "country_code[]", "keyword_list[]", "video_info.vid", "video_info.cover",
             "objectives[].label", "objectives[].value", "pattern_label[].label"), "VARCHAR"),
        **dict.fromkeys(
            ("comment", "cost", "like", "share", "source_key", "video_info.height", "video_info.width"), "BIGINT"),
        **dict.fromkeys(("favorite", "has_summary", "voice_over"), "BOOLEAN"),
        **dict.fromkeys(("ctr", "video_info.duration"), "DOUBLE"),
    },
    "creator_profiles": {
        **dict.fromkeys(
            ("avatar_url", "bio", "bio_link", "country", "creator_uid", "first_seen", "language", "last_crawled",
             "last_post_at", "niche", "niche_classified", "nickname", "platform", "sec_uid", "source", "status",
             "unique_id", "post_stats.best_post_id", "post_stats.top_sounds[].music_id"), "VARCHAR"),
        **dict.fromkeys(
            ("avg_views", "follower_count", "following_count", "total_likes", "video_count",
             "post_stats.median_views", "post_stats.sampled_posts"), "BIGINT"),
        **dict.fromkeys(("engagement_rate", "post_stats.posts_per_week"), "DOUBLE"),
        "verified": "BOOLEAN",
    },
}  # fmt: skip
"""Table → path of a field in its records → what it is read as; nothing: as a list or an object."""


@pytest.mark.parametrize("table", FIELDS)
def test_every_documented_and_recorded_field_is_read_as_its_type(table: str) -> None:
    expected = expected_of(TABLE[table].sql)
    assert expected is not None
    read = expected.paths()
    assert {path: read.get(path) for path, kind in FIELDS[table].items() if not kind or read.get(path) != kind} == {
        path: read[path] for path, kind in FIELDS[table].items() if not kind
    }


@pytest.fixture(scope="module")
def schemas() -> Iterator[Mapping[str, pa.Schema]]:
    with Selects(TABLE) as selects:
        yield selects.schemas


@pytest.mark.parametrize("table", FIELDS)
def test_every_field_that_is_read_comes_out_in_a_column(table: str, tmp_path: Path) -> None:
    """A record with another value in every field: each value is in the row, but for sizes of the same picture."""
    endpoint = next(known for known in ENDPOINTS.values() if known.table == table and known.vendor != "reseller")
    expected = expected_of(TABLE[table].sql)
    assert expected is not None
    values: dict[str, object] = {}
    record = made(expected.record, "", values, THOUSANDTHS if table == "mobile_posts" else frozenset())
    body: Any = record if endpoint.pagination.shape == "object" else [record]
    for key in reversed(endpoint.records.path.split(".")):
        body = {key: body}
    bought = page(endpoint.full_name, orjson.dumps(body), country=None, parameters='{"id":"4711"}')
    ParquetArchive(tmp_path, [TABLE[table]], catalogue_of(ENDPOINTS)).write(1, [bought])
    [row] = rows(tmp_path, table)
    held = {str(value) for value in leaves(row)}
    assert {path for path, value in values.items() if str(value) not in held} == SMALLER.get(table, set())


SMALLER = {
    "videos": {"id"},
    "hashtags": {"publish_count", "popularity_curve[].timestamp", "popularity_curve[].value"},
    "sounds": {"id_str", "mid", "cover_large.url_list[]", "cover_medium.url_list[]", "cover_thumb.url_list[]"},
    "hashtag_details": {
        "challenge.profileMedium", "challenge.profileThumb", "challenge.coverLarger", "challenge.coverMedium",
        "challenge.coverThumb", "stats.videoCount", "stats.viewCount",
    },
    "mobile_posts": {"music.mid", "author.avatar_thumb.url_list[]", "video.cover.url_list[]"},
    "posts": {
        "author.avatarThumb", "author.avatarMedium", "music.coverThumb", "music.coverMedium",
        "challenges[].coverThumb", "challenges[].coverMedium", "video.zoomCover.240", "video.zoomCover.480",
        "video.zoomCover.720", *(f"stats.{name}" for name in
        ("playCount", "diggCount", "commentCount", "shareCount", "collectCount", "repostCount")),
        *(f"authorStats.{name}" for name in
        ("followerCount", "followingCount", "heart", "heartCount", "videoCount", "diggCount", "friendCount")),
    },
}  # fmt: skip
"""Read only where the better one is missing: the same id, a smaller picture, rounded counts, the other board's name."""


def test_columns_are_named_by_one_convention(schemas: Mapping[str, pa.Schema]) -> None:
    odd = []
    for table in FIELDS:
        for path, kind in fields(schemas[table]):
            name = path.rpartition(".")[2]
            is_instant = pa.types.is_timestamp(kind)
            if (
                name != name.lower()
                or (name.endswith("_at") and not is_instant)
                or (name.endswith("_s") and is_instant)
            ):
                odd.append(f"{table}.{path}")
            if "url" in name.split("_")[-1:] and kind != pa.string():
                odd.append(f"{table}.{path}")
    assert odd == []


def test_every_column_says_what_it_means(schemas: Mapping[str, pa.Schema]) -> None:
    assert [
        f"{table}.{name}" for table in FIELDS for name in schemas[table].names if not TABLE[table].meaning(name)
    ] == []


@pytest.mark.parametrize(
    ("url", "expires"),
    [
        ("https://cdn.example/a.jpeg?dr=1&x-expires=1770282000&x-signature=q", "2026-02-05 09:00:00"),
        ("https://cdn.example/a.mp4?expire=1770282000", "2026-02-05 09:00:00"),
        ("https://cdn.example/a.jpeg", "None"),
        ("https://cdn.example/a.jpeg?x-expires=soon", "None"),
        ("", "None"),
    ],
)
def test_a_signed_url_says_when_it_dies_and_what_stays_of_it(url: str, expires: str, tmp_path: Path) -> None:
    creators = [{"nick_name": "n", "avatar_url": url}]
    archive(tmp_path).write(1, [page("crawlora.hashtags", board(hashtag(1, creators=creators)))])
    [row] = rows(tmp_path, "hashtags")
    [creator] = row["creators"]
    assert (creator["avatar_url"], str(creator["avatar_url_expires_at"])) == (url, expires)
    assert creator["avatar_url_stable"] == url.partition("?")[0]


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ({}, (None, None, False)),
        ({"industry_id": "nothing"}, (None, None, False)),
        ({"industry_id": "22000000000"}, ("22000000000", "22000000000", False)),
        ({"filter_by": "new_on_board"}, (None, None, True)),
        ({"new_to_top_100": "true"}, (None, None, True)),
        ({"new_to_top_100": "false"}, (None, None, False)),
    ],
)
def test_what_the_record_does_not_say_comes_from_the_walk(
    parameters: dict[str, str], expected: tuple[str | None, str | None, bool], tmp_path: Path
) -> None:
    asked = orjson.dumps(parameters).decode()
    archive(tmp_path).write(1, [page("crawlora.hashtags", board(hashtag(1)), country="US", parameters=asked)])
    [row] = rows(tmp_path, "hashtags")
    assert (row["industry_id"], row["board_industry_id"], row["new_only"]) == expected
    assert (row["country"], row["period_days"]) == ("US", 7)


def test_both_vendors_feed_one_table_of_hashtags(tmp_path: Path) -> None:
    body = orjson.dumps({"data": {"list": [hashtag(2)]}})
    pages = [page("crawlora.hashtags", board(hashtag(1)), page_id=1), page("keyapi.hashtags", body, page_id=2)]
    archive(tmp_path).write(1, pages)
    assert [(row["vendor"], row["hashtag_id"]) for row in rows(tmp_path, "hashtags")] == [
        ("crawlora", "1"),
        ("keyapi", "2"),
    ]


# --- records made from a structure ------------------------------------------------------------------------------------


def made(structure: Any, path: str, values: dict[str, object], thousandths: AbstractSet[str]) -> Any:
    """A value of this structure, with a number of its own in every leaf."""
    match structure:
        case Fields(of):
            return {key: made(each, f"{path}.{key}".lstrip("."), values, thousandths) for key, each in of.items()}
        case Elements(of):
            return [made(of, f"{path}[]", values, thousandths)]
        case Leaf("BOOLEAN"):
            return True
        case _:
            number = len(values) + 1_000_000
            sent, values[path] = _leaf(structure.type, path, number, thousandths)
            return sent


def _leaf(kind: str, path: str, number: int, thousandths: AbstractSet[str]) -> tuple[object, object]:
    """What is sent, and what a row holds of it."""
    instant = datetime.fromtimestamp(number, UTC).replace(tzinfo=None)
    if path in INSTANTS:
        return number, instant
    if path in TEXTS_OF_INSTANTS:
        return f"{instant}Z", instant
    of_kind: Mapping[str, tuple[object, object]] = {
        "BIGINT": (number, number / 1000 if path in thousandths else number),
        "DOUBLE": (number + 0.5, number + 0.5),
        "JSON": ({"n": number}, f'{{"n":{number}}}'),
        "MAP(VARCHAR, VARCHAR)": ({"720p": f"text {number}"}, f"text {number}"),
    }
    return of_kind.get(kind, (f"text {number}", f"text {number}"))


INSTANTS = {
    *("createTime", "create_time", "items[].create_time", "trend[].time", "popularity_curve[].timestamp"),
    "video.subtitleInfos[].UrlExpire",
}
TEXTS_OF_INSTANTS = {
    *("first_seen", "last_crawled", "last_post_at"),
    *("post_stats.analyzed_at", "post_stats.first_post_at", "post_stats.last_post_at"),
}
"""They come as ISO 8601."""
THOUSANDTHS = {"video.duration"}
"""Of a second in the app's schema, and there alone: posts have seconds."""


def leaves(value: object) -> Iterator[object]:
    match value:
        case dict():
            for each in value.values():
                yield from leaves(each)
        case list():
            for each in value:
                yield from leaves(each)
        case _:
            yield value


def fields(schema: Any, path: str = "") -> Iterator[tuple[str, pa.DataType]]:
    """Every field of a schema, those inside lists and structs as well."""
    for field in schema:
        yield from _below(f"{path}{field.name}", field.type)


def _below(path: str, kind: pa.DataType) -> Iterator[tuple[str, pa.DataType]]:
    if pa.types.is_list(kind):
        yield from _below(path, kind.value_type)
    elif pa.types.is_struct(kind):
        yield from fields(list(kind), f"{path}.")
    else:
        yield path, kind


def test_a_common_column_of_another_type_is_a_fault_before_anything_is_bought() -> None:
    [fault] = table_faults([table_select("music", "SELECT endpoint, page, 1 AS position FROM pages")])
    assert str(fault) == "tables/music.sql: position is BIGINT in every table, not int32: write …::BIGINT"
    assert list(table_faults([table_select("music", "SELECT endpoint, page, 1::BIGINT AS position FROM pages")])) == []
