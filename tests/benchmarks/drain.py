"""How long a drain takes, against the least that Python needs for rows of the same JSON.

The yardstick parses the same bodies with orjson and writes their records as one untyped Parquet file, without the raw
pages, fsync or partitions: ``python -m tests.benchmarks.drain``.
"""

from __future__ import annotations

import random
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from scraper.io.archive import ParquetArchive
from scraper.ports import SpooledPage
from tests.benchmarks.served import Record, hashtag, post
from tests.core.builders import catalogue_of
from tests.io.archive_fixtures import ENDPOINTS, TABLES, page


def spool(chance: random.Random, hashtag_pages: int, post_pages: int) -> list[SpooledPage]:
    boards = [
        orjson.dumps({"data": {"data": {"list": [hashtag(chance, rank + 1) for rank in range(20)]}}}) for _ in range(50)
    ]
    feeds = [orjson.dumps({"data": {"itemList": [post(chance) for _ in range(30)]}}) for _ in range(20)]
    posts = [
        page("crawlora.hashtag_posts", feeds[n % 20], page_id=n, parameters='{"id":"4321"}') for n in range(post_pages)
    ]
    hashtags = [page("crawlora.hashtags", boards[n % 50], page_id=post_pages + n) for n in range(hashtag_pages)]
    return posts + hashtags


def yardstick(pages: list[SpooledPage], directory: Path) -> int:
    for endpoint in ("crawlora.hashtag_posts", "crawlora.hashtags"):
        path = ENDPOINTS[endpoint].records.path.split(".")
        rows: list[Record] = []
        for bought in pages:
            if bought.endpoint == endpoint:
                value = orjson.loads(bought.body)
                for key in path:
                    value = value[key]
                rows += value
        pq.write_table(pa.Table.from_pylist(rows), directory / f"{endpoint}.parquet", compression="zstd")
    return sum(pq.read_metadata(file).num_rows for file in directory.glob("*.parquet"))


def timed(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def main() -> None:
    pages = spool(random.Random(7), hashtag_pages=2_000, post_pages=300)
    megabytes = sum(len(bought.body) for bought in pages) / 1e6
    ratios = []
    for _ in range(3):
        with tempfile.TemporaryDirectory() as place:
            archive = ParquetArchive(Path(place), TABLES, catalogue_of(ENDPOINTS))
            plain = Path(place) / "yardstick"
            plain.mkdir()
            drained = timed(lambda archive=archive: archive.write(1, iter(pages)))  # type: ignore[misc]
            measured = timed(lambda plain=plain: yardstick(pages, plain))  # type: ignore[misc]
        ratios.append(drained / measured)
        sys.stdout.write(
            f"{megabytes:.0f} MB: drain {drained:.2f} s ({megabytes / drained:.0f} MB/s), "
            f"yardstick {measured:.2f} s, ratio {ratios[-1]:.2f}\n"
        )
    sys.stdout.write(f"best ratio {min(ratios):.2f}\n")


if __name__ == "__main__":
    main()
