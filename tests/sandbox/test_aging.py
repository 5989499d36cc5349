"""The sandbox's world ages: turnover as asked for, weekdays, spells of a day, overlaps, returns; or given lists."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scraper.core.changes.spells import spells
from scraper.sandbox.records.aging import Aging, places_of
from scraper.sandbox.records.creators import CreatorBoards
from scraper.sandbox.records.given import GivenLists
from scraper.sandbox.records.hashtags import HashtagBoards
from scraper.sandbox.records.posts import PostFeeds
from scraper.sandbox.records.turnover import Turnover, UnreachableTurnoverError, shares
from scraper.sandbox.records.videos import VideoBoards
from tests.benchmarks.turnover import ASKED, measured
from tests.examples import examples

FROM = date(2026, 3, 2)
BOARDS = HashtagBoards(0)


@cache
def us_board() -> list[frozenset[str]]:
    """The hashtags of a board on 210 days."""
    boards = (BOARDS.board("US", 7, FROM + timedelta(days=day)) for day in range(210))
    return [frozenset(record["hashtag_id"] for record in board) for board in boards]


@pytest.mark.parametrize("asked", ASKED)
def test_turnover_after_1_7_and_30_days_is_what_was_asked_for(asked: Turnover) -> None:
    got = measured(asked, boards=2, days=60)
    assert all(abs(one - other) < 0.02 for one, other in zip(got, asked.stated, strict=True)), got


@given(st.tuples(*[st.floats(0, 1)] * 3).map(sorted))
@examples(4)
def test_a_turnover_is_reached_or_refused(stated: list[float]) -> None:
    try:
        parts = shares(Turnover(*stated))
    except UnreachableTurnoverError:
        return
    assert sum(parts) == pytest.approx(1)
    assert min(parts) >= 0


def test_a_refused_turnover_comes_with_one_near_it() -> None:
    with pytest.raises(UnreachableTurnoverError, match=r"no board has this turnover; .* % is near it"):
        shares(Turnover(0.02, 0.9, 0.95))


def test_a_turnover_that_falls_with_time_is_refused() -> None:
    with pytest.raises(UnreachableTurnoverError, match="must rise"):
        shares(Turnover(0.5, 0.4, 0.6))


def test_a_day_is_the_same_whatever_days_were_asked_for_before() -> None:
    asked = Turnover(0.2, 0.7, 0.93)
    days = [FROM + timedelta(days=day) for day in range(0, 60, 7)]
    forward, backward = (places_of(1, "kind", "US", 7, 50, asked) for _ in range(2))
    assert [forward.on(day) for day in days] == [backward.on(day) for day in reversed(days)][::-1]


def test_sundays_bring_three_times_fridays_entries() -> None:
    new = Counter[int]()
    for place in range(8):
        boards = places_of(0, "kind", place, 7, 100, Turnover(0.05, 0.3, 0.8))
        for week in range(12):
            for weekday in (4, 6):
                today = FROM + timedelta(days=7 * week + weekday)
                before, after = ({(h.key, h.spell) for h in boards.on(day)} for day in (today - timedelta(1), today))
                new[weekday] += len(after - before)
    assert 2.5 < new[6] / new[4] < 3.5


def test_some_spells_last_a_day_and_some_hashtags_come_back() -> None:
    found = [spell for spell in spells(us_board()) if spell.ended and spell.first > 0]
    one_day = sum(spell.end == spell.first + 1 for spell in found) / len(found)
    assert 0.2 < one_day < 0.45
    came = Counter(entry for before, after in pairwise(us_board()) for entry in after - before)
    assert sum(times > 1 for times in came.values()) > 20


def test_ranks_drift() -> None:
    today, tomorrow, later = (
        {r["hashtag_id"]: r["rank"] for r in BOARDS.board("US", 7, FROM + timedelta(days=day))} for day in (0, 1, 7)
    )

    def moves(then: dict[str, int]) -> float:
        both = today.keys() & then.keys()
        return sum((abs(today[one] - then[one]) for one in both), 0.0) / len(both)

    assert 1 < moves(tomorrow) < 12
    assert moves(tomorrow) < moves(later) < 33


def test_countries_and_periods_overlap() -> None:
    us = {r["hashtag_id"] for r in BOARDS.board("US", 7, FROM)}
    for country, period in (("GB", 7), ("JP", 7), ("US", 30)):
        shared = us & {r["hashtag_id"] for r in BOARDS.board(country, period, FROM)}
        assert 12 < len(shared) < 60, (country, period)


def test_longer_periods_and_creators_change_less() -> None:
    def new(ids_on: list[set[str]]) -> float:
        return sum(len(after - before) for before, after in pairwise(ids_on)) / sum(map(len, ids_on))

    days = [FROM + timedelta(days=day) for day in range(10)]
    by_period = [new([{r["hashtag_id"] for r in BOARDS.board("DE", p, day)} for day in days]) for p in (7, 30, 120)]
    creators = CreatorBoards(0)
    at = [datetime.combine(day, time(), UTC) for day in days]
    of_creators = new([{r["user_id"] for r in creators.page("DE", "follower", day, 0, 999)} for day in at[:3]])
    assert by_period == sorted(by_period, reverse=True)
    assert by_period[2] < 0.06
    assert of_creators < 0.04


def test_posts_gather_views_and_new_ones_come_into_a_feed() -> None:
    feeds = PostFeeds(0, BOARDS.pool, BOARDS.by_id)

    def seen(day: int) -> dict[str, tuple[int, int]]:
        at = datetime.combine(FROM + timedelta(days=day), time(), UTC)
        found: dict[str, tuple[int, int]] = {}
        for index in range(4):
            feed = feeds.feed(BOARDS.pool[index].hashtag_id, at.date())
            assert feed is not None
            items = [item for start in range(0, len(feed.posts), 30) for item in feeds.items(feed, start, at)]
            found |= {item["id"]: (item["stats"]["playCount"], int(item["createTime"])) for item in items}
            assert all(int(item["createTime"]) < at.timestamp() for item in items)
        return found

    first, week = seen(0), seen(7)
    both = first.keys() & week.keys()
    assert 0.1 < 1 - len(both) / len(week) < 0.35
    assert all(week[one][0] >= first[one][0] and week[one][1] == first[one][1] for one in both)
    assert sum(week[one][0] > first[one][0] for one in both) > len(both) / 4


# --- given lists ------------------------------------------------------------------------------------------------------

LISTS = GivenLists(
    {
        "songs/uk": [["11", "12", "13"], ["12", "11", "14"]],
        "songs/jp": [["21", "22"], ["23", "22"], ["22"]],
    }
)


def test_a_board_replays_a_list_by_rank_night_by_night() -> None:
    boards = HashtagBoards(0, lists=LISTS)
    days = [date(2026, 1, 1) + timedelta(days=day) for day in range(3)]
    told = [[record["hashtag_id"] for record in boards.board("US", 7, day)] for day in days]
    name = "songs/uk" if told[0][0] == "11" else "songs/jp"
    nights = {"songs/uk": [["11", "12", "13"], ["12", "11", "14"]], "songs/jp": [["21", "22"], ["23", "22"], ["22"]]}
    assert told == [nights[name][number % len(nights[name])] for number in range(3)]
    tomorrow = {record["hashtag_id"]: record for record in boards.board("US", 7, days[1])}
    assert sum(record["rank_diff_type"] == 4 for record in tomorrow.values()) == 1
    assert PostFeeds(0, boards.pool, boards.by_id).feed(told[0][0], days[0]) is not None


def test_creators_and_videos_replay_lists_as_well() -> None:
    at = datetime(2026, 1, 1, tzinfo=UTC)
    creators, videos = CreatorBoards(0, lists=LISTS), VideoBoards(0, lists=LISTS)
    for ids in (
        [record["user_id"] for record in creators.page("US", "follower", at, 0, 9)],
        [record["item_id"] for record in videos.page("US", 7, "vv", at, 0, 9)],
    ):
        assert ids in (["11", "12", "13"], ["21", "22"])
    assert creators.total("US", at.date()) in {2, 3}


def test_a_board_plays_the_list_of_its_own_name() -> None:
    lists = GivenLists({"hashtags/GB/30": [["1"]], "crawlora.hashtags/GB": [["2"]], "creators/US": [["3"]]})
    boards = HashtagBoards(0, Aging(), lists)
    assert [record["hashtag_id"] for record in boards.board("GB", 30, FROM)] == ["1"]
    assert [record["hashtag_id"] for record in boards.board("GB", 7, FROM)] == ["2"]
    assert "3" not in boards.by_id
    assert len(VideoBoards(0, Aging(), lists).page("US", 7, "vv", datetime.combine(FROM, time(), UTC), 0, 99)) == 99
