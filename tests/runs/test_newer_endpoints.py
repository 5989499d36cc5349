"""The newer endpoints from a plan to tables and back; boards that have gone, and a job that moves to a successor."""

from __future__ import annotations

import asyncio
import shutil
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import pytest

from scraper.core.events import Ending, RunStatus
from scraper.core.planning import Known, plan
from scraper.sandbox.played import played_vendors, world_of
from scraper.wiring.files import load_job
from scraper.wiring.upkeep import rebuild_tables
from tests.hostile.night import in_a_night
from tests.runs.harness import Bench, bench

pytestmark = pytest.mark.own_instant

MOMENT: Final = datetime(2026, 11, 29, 12, 0, tzinfo=UTC)
NEWER: Final = """
[[crawl]]
endpoint = "crawlora.creative_hashtags"
params = { country_code = ["US", "GB"], period = 7 }
[[crawl]]
endpoint = "crawlora.hashtag_detail"
each = "crawlora.creative_hashtags"
top = 3
[[crawl]]
endpoint = "crawlora.mobile_hashtag_posts"
each = "crawlora.creative_hashtags"
top = 2
params = { sort = "fresh" }
max_items = 40
[[crawl]]
endpoint = "crawlora.mobile_music"
[[crawl]]
endpoint = "crawlora.mobile_effects"
max_pages = 2
[[crawl]]
endpoint = "crawlora.mobile_categories"
[[crawl]]
endpoint = "crawlora.top_ads"
params = { country_code = "US", order_by = "like" }
[[crawl]]
endpoint = "crawlora.top_ads_spotlight"
[[crawl]]
endpoint = "crawlora.top_ads_recommend"
each = "crawlora.top_ads_spotlight"
top = 2
[[crawl]]
endpoint = "crawlora.creator_search"
params = { country = "US", min_followers = 1_000_000 }
max_pages = 1
[[crawl]]
endpoint = "keyapi.music"
params = { region = "US" }
[[crawl]]
endpoint = "keyapi.music_detail"
each = "keyapi.music"
top = 3
"""
TABLES: Final = (
    *("hashtags", "hashtag_details", "mobile_posts", "mobile_categories", "sounds", "sound_details", "top_ads"),
    "creator_profiles",
)


def kept(made: Bench) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of the tables, as it stands."""
    in_order = "ORDER BY endpoint, walk_id, page, position"
    with made.archive(views=False) as archive:
        return {table: archive.execute(f"SELECT endpoint, * FROM {table} {in_order}").fetchall() for table in TABLES}


def hold_views(made: Bench, rows: dict[str, int]) -> None:
    """What the views over old and new boards show of one run: every walk is whole, and no list repeats an entry."""
    shown = {
        "sounds_latest": rows["sounds"],
        "top_ads_latest": rows["top_ads"],
        "mobile_posts_latest": rows["mobile_posts"],
        "creator_profiles_latest": rows["creator_profiles"],
        "creator_figures": rows["creator_profiles"],
        "hashtag_history": rows["hashtags"],
        "listed_posts": 80,
    }
    counted = " UNION ALL ".join(f"SELECT '{view}', count(*) FROM {view}" for view in shown)
    named = "SELECT count(*), count(handle), min(place) FROM hashtag_creators WHERE endpoint LIKE '%creative%'"
    entries = "SELECT DISTINCT endpoint FROM board_sightings WHERE endpoint IN ('keyapi.music', 'crawlora.top_ads')"
    with made.archive() as archive:
        assert dict(archive.execute(counted).fetchall()) == shown
        ((creators, handles, first),) = archive.execute(named).fetchall()
        assert (creators > 0, handles, first) == (True, creators, 1)
        assert len(archive.execute(entries).fetchall()) == 2


def test_each_newer_endpoint_goes_from_a_plan_to_its_table_and_is_rebuilt_row_for_row(tmp_path: Path) -> None:
    async def used() -> None:
        async with bench(tmp_path, moment=MOMENT) as made:
            job = made.write_job(NEWER)
            found, _ = load_job(job, None)
            planned = {each.endpoint: each for each in plan(found, Known(MOMENT)).crawls}
            result = await made.run(job)
            assert (result.status, result.charged) == (RunStatus.COMPLETE, made.charged())
            sold = {path: each.endpoint for vendor in played_vendors(world_of(0)) for path, each in vendor.sold.items()}
            asked = Counter(sold[each.endpoint] for each in made.sandbox.served)
            assert asked.keys() == planned.keys()
            for endpoint, requests in asked.items():
                assert planned[endpoint].requests.low <= requests <= planned[endpoint].requests.high, endpoint
            served = Counter[str]()
            for each in made.sandbox.served:
                served[sold[each.endpoint]] += len(each.records)
            before = kept(made)
            assert Counter(row[0] for rows in before.values() for row in rows) == served
            assert result.rows == {table: len(rows) for table, rows in before.items()}
            for table in TABLES:
                shutil.rmtree(made.data / "archive" / table)
            rebuilt = [each async for each in rebuild_tables(made.settings, job.parent, None, None)]
            assert {each.table: each.rows for each in rebuilt if each.rows} == result.rows
            assert kept(made) == before
            hold_views(made, {table: len(rows) for table, rows in before.items()})

    asyncio.run(used())


OLD: Final = """
[[crawl]]
endpoint = "crawlora.hashtags"
params = { country_code = "US" }
[[crawl]]
endpoint = "crawlora.creators"
params = { creator_country = "US" }
"""


def test_where_a_board_has_gone_the_run_says_so_for_nothing_and_names_the_successor(tmp_path: Path) -> None:
    async def use(made: Bench) -> None:
        result = await made.run(made.write_job(OLD))
        assert (result.status, result.charged, result.requests[Ending.REFUSED]) == (RunStatus.FAILED, 0, 2)
        for old, new in (("hashtags", "creative_hashtags"), ("creators", "creator_search")):
            gone = f"crawlora.{old} is no longer served by the vendor (HTTP 404: Not found)"
            assert f"{gone}; its successor is crawlora.{new} (scraper plan shows" in result.message

    in_a_night(tmp_path, use, ["gone:endpoint=crawlora.hashtags,crawlora.creators"])


def test_a_job_that_moves_to_the_successor_keeps_its_history(tmp_path: Path) -> None:
    moved = OLD.partition('[[crawl]]\nendpoint = "crawlora.creators"')[0].replace(".hashtags", ".creative_hashtags")

    async def use(made: Bench) -> None:
        await made.run(made.write_job(OLD, name="old"))
        made.clock.go_to(datetime(2026, 11, 23, 12, 0, tzinfo=UTC))
        assert (await made.run(made.write_job(moved, name="new"))).status is RunStatus.COMPLETE
        reads = made.rows(
            "SELECT DISTINCT endpoint, date::VARCHAR, places_shown FROM hashtag_history ORDER BY date",
        )
        assert reads == [
            ("crawlora.hashtags", "2026-11-21", 100), ("crawlora.creative_hashtags", "2026-11-23", 3),
        ]  # fmt: skip
        known = made.rows(
            """
            SELECT count(*), count(*) FILTER (first_seen_at::DATE = DATE '2026-11-21'), bool_and(trend IS NOT NULL),
              min(rank), max(rank), bool_and(publish_cnt > 0 AND video_views > 0)
            FROM hashtag_history WHERE endpoint = 'crawlora.creative_hashtags'
            """
        )
        ((shown, seen_before, curves, first, last, counted),) = known
        assert (shown, curves, first, last, counted) == (3, True, 1, 3, True)
        assert seen_before >= 1, "a hashtag of the newer board was on the old one two days before"

    in_a_night(tmp_path, use)
