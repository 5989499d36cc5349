"""What SQL answers over the archive, against what the sandbox served, row by row."""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import UTC, datetime
from pathlib import Path

from tests.runs.harness import ALL_FIVE, ROUTES, Bench, on_bench


def test_counts_joins_and_unnested_lists_are_what_was_served(tmp_path: Path) -> None:
    async def use(bench: Bench) -> None:
        await bench.run(bench.write_job(ALL_FIVE))
        boards = [s for s in bench.sandbox.served if ROUTES[s.endpoint][0].endswith(".hashtags")]
        feeds = [s for s in bench.sandbox.served if ROUTES[s.endpoint][0] == "crawlora.hashtag_posts"]

        countries = Counter(
            served.params.get("country_code") or served.params["region"] for served in boards for _ in served.records
        )
        assert dict(bench.rows("SELECT country, count(*) FROM hashtags GROUP BY 1")) == dict(countries)

        names = {str(r["hashtag_id"]): r["hashtag_name"] for served in boards for r in served.records}
        posts: dict[str, set[str]] = defaultdict(set)
        for served in feeds:
            posts[names[served.params["id"]]] |= {str(record["id"]) for record in served.records}
        joined = bench.rows(
            """
            SELECT hashtag_name, list(DISTINCT post_id) FROM posts
            JOIN (SELECT DISTINCT hashtag_id, hashtag_name FROM hashtags) USING (hashtag_id) GROUP BY 1
            """
        )
        assert {name: set(ids) for name, ids in joined} == posts

        points = Counter(
            (str(record["hashtag_id"]), datetime.fromtimestamp(point["time"], UTC), float(point["value"]))
            for served in boards
            for record in served.records
            for point in record["trend"]
        )
        unnested = bench.rows(
            "SELECT hashtag_id, p.time, p.value FROM (SELECT hashtag_id, unnest(trend) p FROM hashtags)"
        )
        assert Counter((name, time.replace(tzinfo=UTC), value) for name, time, value in unnested) == points

        fields = {
            (str(r["hashtag_id"]), r["rank"], r["video_views"], r["publish_cnt"]) for s in boards for r in s.records
        }
        assert set(bench.rows("SELECT hashtag_id, rank, video_views, publish_cnt FROM hashtags")) == fields

    on_bench(tmp_path, use)
