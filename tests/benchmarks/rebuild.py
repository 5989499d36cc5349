"""A rebuild of stored bodies against the floor: ``python -m tests.benchmarks.rebuild``.

112 MB of boards and 90 MB of posts are archived first. Then `scraper rebuild TABLE` runs as a whole process, beside a
process that does the least: it reads the same bodies with pyarrow, and its JSON reader makes one Parquet file of them.
``--times 10``: ten times the bodies. ``--compact``: in many parts, which `scraper compact` makes one of.
"""

from __future__ import annotations

import argparse
import asyncio
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

from scraper.core.tables import PAGES_TABLE
from scraper.io.archive import ParquetArchive
from scraper.io.state import open_stores, state_url
from scraper.ports import SpooledPage
from scraper.wiring.files import load_catalogue, load_tables
from tests.benchmarks import served
from tests.benchmarks.processes import Used, measured
from tests.benchmarks.startup import program
from tests.io.archive_fixtures import page

FLOOR = """
import sys
from pathlib import Path
import pyarrow as pa, pyarrow.json as pj, pyarrow.parquet as pq
for number, part in enumerate(sorted(Path("data/archive/pages").glob("*/*/*.parquet"))):
    bodies = pq.read_table(part, columns=["endpoint", "body"], partitioning=None)
    bodies = bodies.filter(pa.compute.field("endpoint") == sys.argv[1])["body"].to_pylist()
    rows = pj.read_json(pa.BufferReader(b"\\n".join(bodies)), read_options=pj.ReadOptions(block_size=1 << 23))
    pq.write_table(rows, f"floor-{number}.parquet", compression="zstd")
"""

DRAINS = 2
"""A run archives these bodies in two drains: each takes 64 MiB of them (`runs.drain`)."""

FEEDING = {"hashtags": "crawlora.hashtags", "posts": "crawlora.hashtag_posts"}


def bought(table: str, answers: Mapping[served.Key, bytes], turn: int) -> Iterator[SpooledPage]:
    """The answers as pages of a run, in the order of a drain."""
    day = datetime(2026, 11, 20, tzinfo=UTC)
    for number, (key, body) in enumerate(sorted(answers.items())):
        made = page(FEEDING[table], body, page_id=number, parameters='{"id":"4321"}')
        walk = f"{turn}-{'-'.join(key[1:-1])}"
        country = key[1] if table == "hashtags" else None
        yield replace(made, run_id=f"run-{turn}", walk_id=walk, request_key=f"{walk}-{key[-1]}", country=country,
                      snapshot_at=day, observed_at=day)  # fmt: skip


def archived(data: Path, table: str, times: int, parts: int) -> None:
    """Archive the bodies so many times, each time in so many drains, and note the parts in the state."""
    answers = served.boards() if table == "hashtags" else served.feeds()
    archive = ParquetArchive(data, load_tables(None), load_catalogue(None))

    async def note() -> None:
        with open_stores(state_url(data), lambda: datetime.now(UTC), kind="real") as stores:
            for drain_id in range(times * parts):
                pages = list(bought(table, answers, drain_id // parts))
                pages = pages[len(pages) * (drain_id % parts) // parts : len(pages) * (drain_id % parts + 1) // parts]
                with archive.lock():
                    written = archive.write(drain_id + 1, iter(pages))
                await stores.journal.note_parts(written.parts)

    asyncio.run(note())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tables", default="hashtags,posts")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--times", type=int, default=1)
    parser.add_argument("--compact", action="store_true", help="measure compaction instead")
    told = parser.parse_args()
    for table in told.tables.split(","):
        place = Path(tempfile.mkdtemp(prefix="scraper-benchmark-"))
        try:
            archived(place / "data", table, told.times, 4 if told.compact else DRAINS)
            bodies = sum(file.stat().st_size for file in (place / "data" / "archive" / PAGES_TABLE).rglob("*.parquet"))
            say(f"{table}: {bodies / 2**20:.0f} MiB of bodies, compressed")
            if told.compact:
                tell("scraper compact", [measured([program(), "compact"], place)])
                continue
            floor = [measured([sys.executable, "-c", FLOOR, FEEDING[table]], place) for _ in range(told.rounds)]
            ours = [measured([program(), "rebuild", table], place) for _ in range(told.rounds)]
            tell("the floor", floor)
            tell(f"scraper rebuild {table}", ours, floor)
        finally:
            shutil.rmtree(place)


def tell(name: str, used: list[Used], floor: list[Used] | None = None) -> None:
    wall_s, cpu_s = median(each.wall_s for each in used), median(each.cpu_s for each in used)
    peak = median(each.peak_bytes for each in used) / 2**20
    ratio = f"{wall_s / median(each.wall_s for each in floor):5.2f} ×" if floor else ""
    say(f"  {name:24}{wall_s:7.2f} s {ratio:8} {cpu_s:7.2f} s of CPU {peak:6.0f} MiB at its peak")


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
