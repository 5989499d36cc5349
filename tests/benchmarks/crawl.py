"""A whole crawl against the script that people write instead: ``python -m tests.benchmarks.crawl``.

Three jobs on prepared answers (`served`): boards (750 requests, 75,000 rows), posts (501 requests, 15,000 rows) and
KeyAPI's small pages (500 requests, 10,000 rows). Each runs as a whole process, start-up included: `scraper run` with
full durability, the script and its orjson sibling, and the floor (`naive`). Nobody is paced. A ratio below 1 means that
ours took less than the script. Rounds alternate, and medians are compared.

``--jobs boards,posts --rounds 1 --times 10`` measures less, or ten times the job; ``--only scraper`` one program.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Final
from urllib.parse import urlencode

import pyarrow.parquet as pq

from tests.benchmarks import served
from tests.benchmarks.processes import Used, compiled_once, measured
from tests.benchmarks.startup import program

KEY: Final = "benchmark-key-1"
FAST: Final = 60_000
INDUSTRIES: Final = (10, 11, 12, 14, 15, 17, 18, 19, 21, 22)

ACCOUNT: Final = """
[accounts.{vendor}]
requests_per_minute = {fast}
credits_per_month = 1_000_000_000
{more}
"""


@dataclass(frozen=True, slots=True)
class Work:
    """A job as the script and the floor are given it."""

    boards: Sequence[Mapping[str, object]]
    feeds: str
    """Path of the feeds of the first board's hashtags, if they are wanted."""
    targets: Sequence[Sequence[str]]
    """Every request, by table."""


@dataclass(frozen=True, slots=True)
class Contest:
    """One job, for the program and for the others."""

    name: str
    job: str
    rows: int
    work: Work


def boards(times: int) -> Contest:
    industries = [f"{each}000000000" for each in INDUSTRIES[:times]] if times > 1 else []
    swept = f", industry_id = [{', '.join(industries)}]" if industries else ""
    job = f"""
[[crawl]]
endpoint = "crawlora.hashtags"
params = {{ country_code = {json.dumps(served.COUNTRIES)}, period = {json.dumps(served.PERIODS)}{swept} }}
"""
    walks: list[Mapping[str, object]] = [
        {
            "path": served.BOARD_PATH,
            "params": {"country_code": country, "period": str(period), "limit": "100", "industry_id": industry},
            "within": ["data", "data"],
            "list": "list",
            "pages": served.PAGES,
        }
        for country in served.COUNTRIES
        for period in served.PERIODS
        for industry in industries or [""]
    ]
    return Contest("boards", job, 75_000 * times, Work(walks, "", [_targets(walks)]))


def posts(times: int) -> Contest:
    job = f"""
[[crawl]]
endpoint = "crawlora.hashtags"
params = {{ country_code = "US", period = 7 }}
max_pages = {times}
[[crawl]]
endpoint = "crawlora.hashtag_posts"
each = "crawlora.hashtags"
top = {100 * times}
max_items = {served.FEED_PAGES * served.FEED_ROWS}
"""
    params = {"country_code": "US", "period": "7", "limit": "100"}
    walk = {"path": served.BOARD_PATH, "params": params, "within": ["data", "data"], "list": "list", "pages": times}
    ids = [7_000_000 + rank for rank in range(1, 100 * times + 1)]
    cursors = [page * served.FEED_ROWS for page in range(served.FEED_PAGES)]
    feeds = [f"{served.POSTS_PATH}?{urlencode({'id': tag, 'cursor': cursor})}" for tag in ids for cursor in cursors]
    return Contest("posts", job, 15_100 * times, Work([walk], served.POSTS_PATH, [_targets([walk]), feeds]))


def keyapi(_times: int) -> Contest:
    job = "".join(
        f"""
[[crawl]]
endpoint = "keyapi.{name}"
params = {{ region = {json.dumps(served.COUNTRIES)} }}
"""
        for name in ("hashtags", "videos")
    )
    walks: list[Mapping[str, object]] = [
        {
            "path": path,
            "params": {"region": country, "limit": "20"},
            "within": ["data"],
            "list": rows,
            "pages": served.PAGES,
        }
        for path, rows in ((served.KEYAPI_HASHTAGS_PATH, "list"), (served.KEYAPI_VIDEOS_PATH, "videos"))
        for country in served.COUNTRIES
    ]
    half = len(walks) // 2
    return Contest("keyapi", job, 10_000, Work(walks, "", [_targets(walks[:half]), _targets(walks[half:])]))


def _targets(walks: Sequence[Mapping[str, object]]) -> list[str]:
    return [
        f"{walk['path']}?{urlencode({**walk['params'], 'page': page})}"  # type: ignore[dict-item]
        for walk in walks
        for page in range(1, walk["pages"] + 1)  # type: ignore[operator]
    ]


CONTESTS: Final = {each.__name__: each for each in (boards, posts, keyapi)}


def ours(contest: Contest, url: str, place: Path) -> Used:
    """Run the job with the program as it is installed."""
    vendor = "keyapi" if contest.name == "keyapi" else "crawlora"
    more = "credits_per_day = 1_000_000_000" if vendor == "crawlora" else ""
    account = ACCOUNT.format(vendor=vendor, fast=FAST, more=more)
    job = place / "configs" / f"{contest.name}.toml"
    job.parent.mkdir()
    job.write_text(f'name = "{contest.name}"\nbudget = 10_000_000\nconfirm_above = 10_000_000\n{account}{contest.job}')
    base = f"{url}/api/v1" if vendor == "crawlora" else url
    words = [program(), "run", str(job), "--data", "data", "--vendor-url", f"{vendor}={base}"]
    return measured(words, place, {**compiled_once(), f"{vendor.upper()}_API_KEY": KEY})


def theirs(how: str, contest: Contest, url: str, place: Path) -> Used:
    (place / "work.json").write_text(json.dumps(asdict(contest.work)))
    (place / "out").mkdir()
    words = [sys.executable, "-m", "tests.benchmarks.naive", how, url, "work.json", "out"]
    paths = {**compiled_once(), "PYTHONPATH": str(Path(__file__).parents[2])}
    return measured(words, place, paths)


def rows_made(how: str, place: Path) -> int:
    if how == "scraper":
        files = place.glob("data/archive/*/vendor=*/date=*/*.parquet")
        tables = {"hashtags", "posts", "videos"}
        return sum(pq.read_metadata(file).num_rows for file in files if file.parts[-4] in tables)
    if how == "floor":
        return 0
    return sum(pq.read_metadata(file).num_rows for file in place.glob("out/*.parquet"))


def contend(contest: Contest, url: str, programs: Sequence[str], rounds: int) -> None:
    used: dict[str, list[Used]] = {how: [] for how in programs}
    for _ in range(rounds):
        for how in programs:
            place = Path(tempfile.mkdtemp(prefix="scraper-benchmark-"))
            try:
                done = ours(contest, url, place) if how == "scraper" else theirs(how, contest, url, place)
                made = rows_made(how, place)
                if made != contest.rows and how != "floor":
                    raise SystemExit(f"{how} made {made} rows of {contest.name}, not {contest.rows}")
                used[how].append(done)
            finally:
                shutil.rmtree(place)
    script = used.get("json")
    say(f"{contest.name}: {sum(map(len, contest.work.targets))} requests, {contest.rows} rows checked")
    for how, all_used in used.items():
        wall_s = median(each.wall_s for each in all_used)
        cpu_s = median(each.cpu_s for each in all_used)
        peak = median(each.peak_bytes for each in all_used) / 2**20
        ratio = f"{wall_s / median(each.wall_s for each in script):5.2f} ×" if script else ""
        say(f"  {_NAMES[how]:24}{wall_s:7.2f} s {ratio:8} {cpu_s:7.2f} s of CPU {peak:6.0f} MiB at its peak")


_NAMES: Final = {
    "floor": "the floor",
    "orjson": "the script with orjson",
    "json": "the script",
    "scraper": "scraper",
}


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--jobs", default=",".join(CONTESTS))
    parser.add_argument("--only", default=",".join(_NAMES), help="programs: floor, orjson, json, scraper")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--times", type=int, default=1, help="so many times the job, at most 10 (boards and posts)")
    told = parser.parse_args()
    with served.prepared_server() as url:
        for name in told.jobs.split(","):
            contend(CONTESTS[name](told.times), url, told.only.split(","), told.rounds)


if __name__ == "__main__":
    main()
