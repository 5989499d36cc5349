"""The made-up records: the same for ever, and as untidy as real ones."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from functools import cache
from itertools import chain

import orjson
import pytest

from scraper.sandbox.records import Record
from scraper.sandbox.records.creators import SORT_ORDERS, CreatorBoards
from scraper.sandbox.records.hashtags import HashtagBoards
from scraper.sandbox.records.posts import PostFeeds
from scraper.sandbox.records.videos import VideoBoards
from scraper.sandbox.records.words import CREATOR_COUNTRIES, HASHTAG_COUNTRIES
from tests.sandbox.visits import NOON

TODAY = NOON.date()
BOARDS = HashtagBoards(0)
FEEDS = PostFeeds(0, BOARDS.pool, BOARDS.by_id)
CREATORS = CreatorBoards(0)
VIDEOS = VideoBoards(0)


def posts_of(index: int) -> list[Record]:
    """Every post of a hashtag of the pool."""
    feed = FEEDS.feed(BOARDS.pool[index].hashtag_id, TODAY)
    assert feed is not None
    return [item for start in range(0, len(feed.posts), 30) for item in FEEDS.items(feed, start, NOON)]


@cache
def posts() -> list[Record]:
    return list(chain.from_iterable(posts_of(index) for index in range(0, 1_500, 50)))


@cache
def records() -> list[Record]:
    return list(chain.from_iterable(BOARDS.board(country, 7, TODAY) for country in HASHTAG_COUNTRIES))


FINGERPRINT = """
import hashlib, orjson
from datetime import UTC, datetime
from scraper.sandbox.records.creators import CreatorBoards
from scraper.sandbox.records.hashtags import HashtagBoards
from scraper.sandbox.records.posts import PostFeeds
from scraper.sandbox.records.videos import VideoBoards
at = datetime(2026, 11, 21, 12, tzinfo=UTC)
boards = HashtagBoards(5)
feeds = PostFeeds(5, boards.pool, boards.by_id)
feed = feeds.feed(boards.pool[7].hashtag_id, at.date())
print(hashlib.sha256(orjson.dumps([
    boards.board("JP", 30, at.date()), CreatorBoards(5).page("US", "engagement", at, 0, 50),
    VideoBoards(5).page("US", 7, "like", at, 0, 20), feeds.items(feed, 0, at),
])).hexdigest())
"""


def test_another_process_draws_the_same_records() -> None:
    prints = {
        subprocess.run([sys.executable, "-c", FINGERPRINT], check=True, capture_output=True, env=env, text=True).stdout
        for env in ({"PYTHONHASHSEED": "1"}, {"PYTHONHASHSEED": "2"})
    }
    assert len(prints) == 1


def test_another_seed_draws_other_records() -> None:
    assert HashtagBoards(1).board("US", 7, TODAY) != BOARDS.board("US", 7, TODAY)


def test_fields_are_missing_as_often_as_in_counted_payloads() -> None:
    names = set(chain.from_iterable(records()))
    share = {name: sum(name in record for record in records()) / len(records()) for name in names}
    counted = {"industry_info": 26 / 50, "creators": 32 / 50, "trending_type": 8 / 50}
    for name, expected in counted.items():
        assert share[name] == pytest.approx(expected, abs=0.1), name
    assert {name for name, part in share.items() if part < 1} == {*counted, "rank_diff"}


def test_rank_diff_is_missing_exactly_where_a_hashtag_is_new_on_the_board() -> None:
    assert all(("rank_diff" in record) is (record["rank_diff_type"] != 4) for record in records())
    assert Counter(record["rank_diff_type"] for record in records()).keys() == {1, 2, 3, 4}


def test_rank_diff_tells_of_yesterdays_board() -> None:
    yesterday = {r["hashtag_id"]: r["rank"] for r in BOARDS.board("US", 7, TODAY - timedelta(days=1))}
    sign = {1: 1, 2: 0, 3: -1}
    for record in BOARDS.board("US", 7, TODAY):
        if record["rank_diff_type"] == 4:
            assert record["hashtag_id"] not in yesterday
        else:
            moved = sign[record["rank_diff_type"]] * record["rank_diff"]
            assert yesterday[record["hashtag_id"]] - record["rank"] == moved


def test_a_trend_has_seven_midnights_and_mixes_ints_and_floats() -> None:
    kinds: Counter[type] = Counter()
    for period in (7, 30, 120):
        for record in BOARDS.board("US", period, TODAY):
            times, values = zip(*((point["time"], point["value"]) for point in record["trend"]), strict=True)
            assert len(times) == 7
            assert sorted(set(times)) == list(times)
            assert all(time_s % 86_400 == 0 for time_s in times)
            assert max(values) == 1
            assert min(values) >= 0
            kinds.update(map(type, values))
    assert 0.1 < kinds[int] / kinds.total() < 0.25


def test_views_pass_31_bits_and_ids_have_4_to_19_digits() -> None:
    assert max(record["video_views"] for record in records()) > 2**31
    assert {len(hashtag.hashtag_id) for hashtag in BOARDS.pool} >= {4, 19}
    assert all(4 <= len(hashtag.hashtag_id) <= 19 and hashtag.hashtag_id.isdigit() for hashtag in BOARDS.pool)


def test_a_hashtag_has_one_name_and_some_names_have_two_ids() -> None:
    assert len(BOARDS.by_id) == len(BOARDS.pool)
    assert all(BOARDS.by_id[record["hashtag_id"]].name == record["hashtag_name"] for record in records())
    assert 2 in Counter(hashtag.name for hashtag in BOARDS.pool).values()


def test_boards_differ_and_overlap() -> None:
    base = [record["hashtag_id"] for record in BOARDS.board("US", 7, TODAY)]
    for country, period, day in (("GB", 7, TODAY), ("US", 30, TODAY), ("US", 7, TODAY + timedelta(days=1))):
        other = [record["hashtag_id"] for record in BOARDS.board(country, period, day)]
        assert other != base
        assert 10 < len(set(other) & set(base)) < 90


def test_a_board_of_all_regions_names_each_records_own_country() -> None:
    countries = {record["country_info"]["id"] for record in BOARDS.board(None, 7, TODAY)}
    assert 5 < len(countries & set(HASHTAG_COUNTRIES)) == len(countries)


def test_creator_totals_differ_a_little_and_stay_over_400() -> None:
    totals = [CREATORS.total(country, TODAY) for country in (None, *CREATOR_COUNTRIES)]
    assert len(set(totals)) > 10
    assert all(400 < total < 520 for total in totals)
    assert all(len(CREATORS.page(c, "follower", NOON, 0, 999)) == CREATORS.total(c, TODAY) for c in (None, "US", "VN"))


def test_creators_stand_in_the_order_asked_for() -> None:
    followers = [record["follower_cnt"] for record in CREATORS.page("US", "follower", NOON, 0, 100)]
    assert followers == sorted(followers, reverse=True)
    orders = [[r["user_id"] for r in CREATORS.page("US", sort_by, NOON, 0, 50)] for sort_by in SORT_ORDERS]
    assert len({tuple(order) for order in orders}) == 3


def test_a_creators_item_links_to_nobody() -> None:
    for record in CREATORS.page("US", "follower", NOON, 0, 100):
        for item in record["items"]:
            assert item["tt_link"] == f"https://www.tiktok.com/@author/video/{item['item_id']}"


def test_a_videos_two_ids_are_one_and_boards_share_videos() -> None:
    us, gb = VIDEOS.page("US", 7, "vv", NOON, 0, 500), VIDEOS.page("GB", 7, "vv", NOON, 0, 500)
    assert all(record["id"] == record["item_id"] in record["item_url"] for record in us)
    assert {record["region"] for record in us} == {"United States"}
    assert 50 < len({r["id"] for r in us} & {r["id"] for r in gb}) < 450


def test_a_post_names_the_hashtag_it_is_listed_for() -> None:
    for index in range(6):
        hashtag = BOARDS.pool[index]
        for item in posts_of(index):
            assert (hashtag.hashtag_id, hashtag.name) in {(c["id"], c["title"]) for c in item["challenges"]}
            named = {extra["hashtagName"] for extra in item["textExtra"]}
            assert hashtag.name in named or item["desc"] == ""


def test_text_extra_says_where_a_hashtag_stands_in_utf16_units() -> None:
    for item in posts()[:300]:
        units = item["desc"].encode("utf-16-le")
        for extra in item["textExtra"]:
            text = units[2 * extra["start"] : 2 * extra["end"]].decode("utf-16-le")
            assert text == ("@" + extra["userUniqueId"] if extra["type"] == 0 else "#" + extra["hashtagName"])


def test_a_post_of_two_hashtags_is_the_same_under_both() -> None:
    first, second = ({item["id"]: item for item in posts_of(index)} for index in (0, 1))
    shared = first.keys() & second.keys()
    assert shared
    assert [first[post_id] for post_id in shared] == [second[post_id] for post_id in shared]


def test_some_posts_are_in_the_older_style() -> None:
    old = [item for item in posts() if isinstance(item["createTime"], str)]
    assert 0.02 < len(old) / len(posts()) < 0.2
    assert {type(item.get("author")) for item in old} == {str, type(None)}


def test_exact_counts_are_strings_and_rounded_ones_ints() -> None:
    newer = [item for item in posts() if "statsV2" in item]
    assert 0.2 < len(newer) / len(posts()) < 0.8
    assert all(isinstance(count, str) for item in newer for count in item["statsV2"].values())
    plays = [(item["stats"]["playCount"], int(item["statsV2"]["playCount"])) for item in newer]
    assert any(shown != exact for shown, exact in plays)
    assert all(abs(shown - exact) <= 50_000 for shown, exact in plays)
    assert {type(item["stats"].get("collectCount")) for item in posts()} == {int, str, type(None)}


def test_a_photo_post_has_no_video() -> None:
    photos = [item for item in posts() if "imagePost" in item]
    assert photos
    assert all(("video" in item) is ("imagePost" not in item) for item in posts())


def test_posts_come_in_no_time_order() -> None:
    times = [int(item["createTime"]) for item in posts_of(3)]
    assert times not in (sorted(times), sorted(times, reverse=True))


def test_texts_hold_every_script_and_unseen_characters() -> None:
    text = "".join(item["desc"] for item in posts())
    for kind in ("見", "끝", "ร", "ا", "ש", "🐈", "\u200d", "\u200c", "\u200b"):
        assert kind in text, f"U+{ord(kind[0]):04X}"
    assert "" in {item["desc"] for item in posts()}


def test_signed_urls_die_within_hours() -> None:
    for item in posts()[:50]:
        music_url = item["music"]["playUrl"]
        expires_s = int(music_url.partition("x-expires=")[2].partition("&")[0])
        assert 4 * 3600 < expires_s - NOON.timestamp() <= 6 * 3600


def test_a_post_is_some_5_kilobytes() -> None:
    sizes = sorted(len(orjson.dumps(item)) for item in posts())
    assert 4_500 < sizes[len(sizes) // 2] < 6_500
    assert sizes[0] > 2_500
    assert sizes[-1] < 10_000


@pytest.mark.parametrize("day", [date(2020, 2, 29), date(2024, 7, 1), date(2031, 12, 31)])
def test_counts_are_never_negative_whatever_the_day(day: date) -> None:
    at = datetime.combine(day, NOON.time(), UTC)
    feed = FEEDS.feed(BOARDS.pool[0].hashtag_id, day)
    assert feed is not None
    assert all(min(map(int, item["stats"].values())) >= 0 for item in FEEDS.items(feed, 0, at))
    assert all(record["follower_cnt"] > 0 for record in CREATORS.page("US", "follower", at, 0, 100))
    assert len(BOARDS.board("US", 7, day)) == 100
