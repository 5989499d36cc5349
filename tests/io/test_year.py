"""A short year: the manual's recipes on it, and what they say against a mark_run_outdated in plain Python."""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from scraper.io.query import open_archive, query
from scraper.wiring.files import load_tables, load_views
from tests.benchmarks.year import NIGHTLY, ColumnsRead, derive_nights, recipes, run_nights

NIGHTS = 3
OF_FEW_POSTS = NIGHTLY.replace("top = 20", "top = 4")
Row = dict[str, Any]


@pytest.fixture(scope="module")
def year(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A night through the program, and those before it made of it."""
    data = tmp_path_factory.mktemp("year") / "data"
    asyncio.run(run_nights(data, 1, OF_FEW_POSTS))
    derive_nights(data, NIGHTS - 1)
    return data


def rows(data: Path, table: str) -> list[Row]:
    """All rows, without DuckDB."""
    found: list[Row] = pq.read_table(data / "archive" / table).to_pylist()
    return found


def asked(data: Path, sql: str) -> list[Row]:
    with open_archive(data, load_tables(None), load_views(None), sql) as connection:
        found: list[Row] = query(connection, sql).read_all().to_pylist()
    return found


def recipe(title: str) -> str:
    (found,) = [fence.body for fence in recipes() if fence.title == title]
    return found


def test_every_recipe_reads_columns(year: Path) -> None:
    """Each answers with rows: see tests/docs."""
    columns_of = ColumnsRead(year)
    for fence in recipes():
        read = columns_of(fence.body)
        assert read, fence.title
        assert all(read.values()), fence.title


def test_the_boards_as_they_stand_are_those_of_the_last_night(year: Path) -> None:
    hashtags = rows(year, "hashtags")
    last = max(row["snapshot_at"].date() for row in hashtags)
    ranked = [row for row in hashtags if row["snapshot_at"].date() == last and row["rank"] <= 10]
    names = ("vendor", "country", "period_days", "rank", "hashtag_name", "video_views")
    expected = [{name: row[name] for name in names} for row in ranked]
    expected.sort(key=lambda row: (row["vendor"], row["country"], row["period_days"], row["rank"]))
    assert len(expected) == 30
    assert asked(year, recipe("The boards as they stand")) == expected


def test_every_nights_board_can_be_had_as_of_then(year: Path) -> None:
    by_night: dict[Any, set[tuple[str, str, int]]] = defaultdict(set)
    for row in rows(year, "hashtags"):
        by_night[row["date"]].add((row["walk_id"], row["hashtag_id"], row["video_views"]))
    assert len(by_night) == NIGHTS
    for day, board in by_night.items():
        found = asked(year, f"FROM hashtags_as_of(TIMESTAMP '{day} 23:59:59.999999')")
        assert {(row["walk_id"], row["hashtag_id"], row["video_views"]) for row in found} == board


def test_the_history_of_a_hashtag_is_a_row_a_night_and_board(year: Path) -> None:
    hashtags = rows(year, "hashtags")
    found = asked(year, "SELECT walk_id, hashtag_id, snapshot_at, rank, first_seen_at, last_seen_at FROM hashtag_ranks")
    seen: dict[tuple[str, str], list[Any]] = defaultdict(list)
    for row in hashtags:
        seen[row["walk_id"], row["hashtag_id"]].append(row["snapshot_at"])
    expected = Counter(
        (row["walk_id"], row["hashtag_id"], row["snapshot_at"], row["rank"], min(times), max(times))
        for row in hashtags
        for times in [seen[row["walk_id"], row["hashtag_id"]]]
    )
    assert Counter(tuple(row.values()) for row in found) == expected


def test_lists_are_counted_as_they_stand_in_the_rows(year: Path) -> None:
    hashtags, creators, posts = rows(year, "hashtags"), rows(year, "creators"), rows(year, "posts")
    counted = {
        "hashtag_trend": sum(len(row["trend"] or ()) for row in hashtags),
        "hashtag_creators": sum(len(row["creators"] or ()) for row in hashtags),
        "creator_items": sum(
            len(row["items"] or ())
            for row in {(row["run_id"], row["walk_id"], row["user_id"]): row for row in reversed(creators)}.values()
        ),
        "post_hashtags": sum(
            len({row["hashtag_id"], *(tag["id"] for tag in row["challenges"] or ()), *_in_text(row)})
            for row in {(row["run_id"], row["walk_id"], row["post_id"]): row for row in posts}.values()
        ),
    }
    found = {view: asked(year, f"SELECT count(*) AS n FROM {view}")[0]["n"] for view in counted}
    assert found == counted


def _in_text(row: Row) -> set[str]:
    return {mark["hashtag_id"] for mark in row["text_extra"] or () if mark["hashtag_id"]}


def test_spend_is_the_sum_of_the_attempts(year: Path) -> None:
    sums: dict[tuple[Any, str], Counter[str]] = defaultdict(Counter)
    for row in rows(year, "requests"):
        sums[row["day"], row["vendor"]].update(requests=1, credits=row["credits"], rows=row["rows"])
    found = asked(year, recipe("Credits by day, and what a row cost"))
    assert {(row["day"], row["vendor"]): (row["requests"], row["credits"], row["rows"]) for row in found} == {
        key: (total["requests"], total["credits"], total["rows"]) for key, total in sums.items()
    }
