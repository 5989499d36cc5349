"""How long a drain takes, against the least that Python needs for rows of the same JSON.

The yardstick parses the same bodies with orjson and writes their records as one untyped Parquet file, without the raw
pages, fsync or partitions: ``python -m tests.benchmarks.drain``.
"""

from __future__ import annotations

import random
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from scraper.io.archive import ParquetArchive
from scraper.ports import SpooledPage
from tests.core.builders import catalogue_of
from tests.io.archive_fixtures import ENDPOINTS, TABLES, page

Record = Mapping[str, object]


def hashtag(chance: random.Random, rank: int) -> Record:
    return {
        "hashtag_id": str(chance.randrange(10**6, 10**15)),
        "hashtag_name": f"made up tag {chance.randrange(10**6)}",
        "country_info": {"id": "US", "value": "United States", "label": "US"},
        "industry_info": {"id": 22_000_000_000, "value": "Apparel & Accessories", "label": "label_22000000000"},
        "is_promoted": False,
        "trend": [{"time": 1_776_729_600 + day * 86_400, "value": chance.random()} for day in range(7)],
        "creators": [{"nick_name": f"creator {n}", "avatar_url": url(chance)} for n in range(3)],
        "publish_cnt": chance.randrange(10**6),
        "video_views": chance.randrange(10**11),
        "rank": rank,
        "rank_diff_type": 4,
    }


def post(chance: random.Random) -> Record:
    """About 5 KB, most of it signed URLs, as real items are."""
    return {
        "id": str(chance.randrange(10**18, 10**19)),
        "desc": "An invented caption 🌊 #made #up " * 3,
        "createTime": chance.randrange(1_600_000_000, 1_790_000_000),
        "author": {
            "id": str(chance.randrange(10**18)),
            "uniqueId": f"user{chance.randrange(10**6)}",
            "nickname": "Somebody",
            "signature": "words " * 10,
            "verified": False,
            **{f"avatar{size}": url(chance) for size in ("Thumb", "Medium", "Larger")},
        },
        "authorStats": {"followerCount": chance.randrange(10**7), "heartCount": chance.randrange(10**9)},
        "stats": {"playCount": chance.randrange(10**8), "diggCount": 5, "commentCount": 7, "shareCount": 9},
        "statsV2": {"playCount": str(chance.randrange(10**8)), "diggCount": "5", "collectCount": "3"},
        "music": {"id": "7", "title": "a song", "duration": 30, "playUrl": url(chance), "coverLarge": url(chance)},
        "challenges": [{"id": str(n), "title": f"tag{n}", "desc": ""} for n in range(4)],
        "textExtra": [{"hashtagId": str(n), "hashtagName": f"tag{n}", "start": n, "end": n + 4} for n in range(4)],
        "video": {
            "id": "7",
            "duration": 15,
            "height": 1024,
            "width": 576,
            "bitrate": 1_200_000,
            **{name: url(chance) for name in ("cover", "dynamicCover", "originCover", "playAddr", "downloadAddr")},
            "bitrateInfo": [{"Bitrate": 9, "PlayAddr": {"UrlList": [url(chance), url(chance)]}} for _ in range(2)],
        },
        "isAd": False,
        "privateItem": False,
    }


def url(chance: random.Random) -> str:
    return f"https://cdn.example/{chance.randbytes(40).hex()}.jpeg?x-expires=1770282000&x-signature={chance.randbytes(60).hex()}"


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
