"""Engines that analysts have agree about an archive, by the recipes of ``scraper/docs/engines.md``.

chDB and Spark are asked by a script, `python -m tests.fleet.engines`: neither is installed for the tests.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd  # type: ignore[import-untyped]
import polars as pl
import pyarrow.dataset as ds
import pytest

from scraper.io.archive.bucket import BucketTree
from scraper.io.archive.tree import Places
from scraper.io.manifest import read_manifest
from scraper.io.objects import open_objects
from tests.clock import NOON
from tests.docs.markdown import DOCS, fences
from tests.fleet.object_server import ObjectServer
from tests.fleet.readers import HIVE, IN_A_BUCKET, READERS, by_duckdb, figures_of_arrow, s3_files, tables_of
from tests.io.archive_fixtures import TABLES, hashtag
from tests.io.history import History, night
from tests.plain_duckdb import plain_duckdb

DAYS = 4
USED = [table for table in TABLES if table.name in {"hashtags", "creators", "videos", "posts", "sounds"}]
SINCE = date(2026, 11, 3)


def nights() -> History:
    """Some nights of two vendors, with nulls in whole numbers, and of which tables have no rows."""
    history = History()
    for day in range(1, DAYS + 1):
        at, run = night(day), f"night-{day}"
        board = [hashtag(rank, rank_diff=None if rank % 3 else rank, publish_cnt=2**40 + rank) for rank in range(1, 31)]
        history.walk(run, at, [board[:20], board[20:]])
        history.walk(run, at, [[{"user_id": str(day)}]], endpoint="crawlora.creators", walk_id="creators")
        history.walk(run, at, [[{"item_id": str(day)}]], endpoint="keyapi.videos", walk_id="videos")
        history.attempt(run, at, rows=20, credits=day, attempt_id=None)
    return history


def written(data: Path) -> Path:
    """The directory of an archive of these nights."""
    nights().write(data, tables=USED)
    return data / "archive"


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(tmp_path_factory.mktemp("engines") / "data")


def test_the_archive_has_what_engines_stumble_over(root: Path) -> None:
    hashtags, sounds = by_duckdb(root, "hashtags"), by_duckdb(root, "sounds")
    assert (hashtags.rows, hashtags.sums["rank_diff"][0]) == (30 * DAYS, 10 * DAYS)
    assert (sounds.rows, sounds.vendors, sounds.sums) == (0, (), {})
    assert {"pages", "coverage", "requests", "posts", "videos"} < set(tables_of(root))


@pytest.mark.parametrize("engine", [name for name in READERS if name != "duckdb"])
def test_an_engine_finds_the_figures_that_duckdb_finds(root: Path, engine: str) -> None:
    for table in tables_of(root):
        assert READERS[engine](root, table) == by_duckdb(root, table), table


def test_pandas_has_days_texts_and_whole_numbers_with_nulls(root: Path) -> None:
    frame = pd.read_parquet(root / "hashtags", partitioning=HIVE, dtype_backend="pyarrow")
    types = [str(frame[name].dtype) for name in ("date", "rank_diff", "snapshot_at")]
    assert types == ["date32[day][pyarrow]", "int64[pyarrow]", "timestamp[us][pyarrow]"]
    assert (frame["vendor"].min(), frame["date"].min()) == ("crawlora", date(2026, 11, 1))
    plain = pd.read_parquet(root / "hashtags")
    assert [str(plain[name].dtype) for name in ("vendor", "date", "rank_diff")] == ["category", "category", "float64"]


def test_a_filter_on_the_day_reads_the_files_of_those_days(root: Path) -> None:
    since = [("date", ">=", SINCE)]
    frame = pd.read_parquet(root / "hashtags", partitioning=HIVE, dtype_backend="pyarrow", filters=since)
    lazy = pl.scan_parquet(f"{root}/hashtags/**/*.parquet", hive_partitioning=True).filter(pl.col("date") >= SINCE)
    fragments = list(ds.dataset(root / "hashtags", partitioning=HIVE).get_fragments(ds.field("date") >= SINCE))
    assert (len(frame), lazy.select(pl.len()).collect().item(), len(fragments)) == (60, 60, 2)


# --- in a bucket ------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def bucket(object_server: ObjectServer, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The URL of the same nights on an S3 server."""
    url, data = object_server.new_place(), tmp_path_factory.mktemp("writer")
    objects = open_objects(url, object_server.environment)
    nights().write(data, BucketTree(objects, Places.of(data), lambda: NOON), USED)
    return url


@pytest.mark.parametrize("engine", IN_A_BUCKET)
def test_an_engine_finds_the_same_figures_in_a_bucket_by_its_list(
    root: Path, bucket: str, object_server: ObjectServer, engine: str
) -> None:
    files, prefix = s3_files(bucket, object_server.environment)
    listed = read_manifest(open_objects(bucket, object_server.environment)).tables
    for table in tables_of(root):
        paths = [f"{prefix}/{part.path}" for part in listed[table]]
        assert IN_A_BUCKET[engine](files, paths) == by_duckdb(root, table), table


def test_the_documents_recipes_read_a_bucket_by_its_list(
    root: Path, bucket: str, object_server: ObjectServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in object_server.environment.items():
        monkeypatch.setenv(name, value)
    _, section = (DOCS / "engines.md").read_text(encoding="utf-8").split("\n## An archive on S3\n")
    _, python, sql = (fence.body for fence in fences(section, "text"))
    names: dict[str, Any] = {}
    amazons, place = 'fs.S3FileSystem(region="eu-central-1")', bucket.removeprefix("s3://")
    here = f'fs.S3FileSystem(region="us-east-1", endpoint_override="{object_server.endpoint}")'
    assert amazons in python
    exec(python.replace(amazons, here).replace("bucket/prefix", place), names)  # noqa: S102 - the manual's own code
    expected = by_duckdb(root, "hashtags")
    assert figures_of_arrow(names["hashtags"].to_table()) == expected
    objects = open_objects(bucket, object_server.environment)  # DuckDB's httpfs is not there: a copy stands for it
    for name in ("_manifest.json", *(part.path for part in read_manifest(objects).tables["hashtags"])):
        objects.fetch(name, tmp_path / name)
    with plain_duckdb() as connection:
        for statement in sql.replace("s3://bucket/prefix", str(tmp_path)).split(";\n")[:2]:
            found = connection.execute(statement).fetchall()
    assert found == [("crawlora", expected.rows)]
