"""A resume of a large run: ``python -m tests.benchmarks.resume [--requests 10000 100000]``.

A run of so many settled requests lacks the last one; a walk has five pages, or as many more as keep the job's file
small. `scraper run JOB` resumes it as a whole process, and the time until its request arrives at a local server is
told, beside the same with a run of five requests: the yardstick. The ledger is written by SQL, after one walk that was
bought through the program's own state.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import resource
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson

from scraper.core.events import RunStatus
from scraper.core.pagination import PageFacts
from scraper.core.requests import Walk
from scraper.io.clock import SystemClock
from scraper.io.state import open_stores, state_url
from scraper.runs.resume import OpenedRun, Opening, open_run
from scraper.wiring.files import load_job
from tests.benchmarks.processes import compiled_once
from tests.benchmarks.startup import program
from tests.core.builders import facts
from tests.io.state_bench import HandClock, walked

PAGES = 5
MOST_WALKS = 50_000
ROWS = 30
LONGEST_S = 600
JOB = """
name = "resumed"
budget = 100_000_000
confirm_above = 100_000_000
[accounts.crawlora]
requests_per_minute = 60_000
credits_per_month = 1_000_000_000
credits_per_day = 1_000_000_000
[[crawl]]
endpoint = "crawlora.hashtag_posts"
params = {{ id = [{ids}] }}
max_items = {items}
"""


def pages_of(requests: int) -> int:
    """The pages of each walk of a run of so many requests."""
    return max(PAGES, -(-requests // MOST_WALKS))


def answers(number: int, pages: int) -> list[PageFacts]:
    """The pages of one walk, of 30 posts each."""
    return [
        facts(
            *(str(number * pages * ROWS + page * ROWS + row) for row in range(ROWS)),
            cursor=str((page + 1) * ROWS),
            has_more=page + 1 < pages,
        )
        for page in range(pages)
    ]


def made(place: Path, requests: int) -> Path:
    """Write the job and the state of its interrupted run; return the job's file."""
    pages = pages_of(requests)
    count = max(1, requests // pages)
    job_file = place / "configs" / "resumed.toml"
    job_file.parent.mkdir()
    ids = ", ".join(f'"{7_000_000 + number}"' for number in range(count))
    job_file.write_text(JOB.format(ids=ids, items=pages * ROWS))
    job, _ = load_job(job_file)
    walks = [job.crawls[0].walk(params) for params in job.crawls[0].sweep()]
    data = place / "data"

    async def begin() -> None:
        clock, still = SystemClock(), HandClock(datetime.now(UTC))
        with open_stores(state_url(data), clock.now, kind="real") as stores:
            run = await open_run(job, Opening.NEW, None, stores, clock, "made")
            if not isinstance(run, OpenedRun):
                raise TypeError(f"{run} is no new run")
            await stores.ledger.note_accounts([job.accounts["crawlora"]])
            await walked(stores, still, run.run_id, job.accounts["crawlora"], walks[0], *answers(0, pages)[:-1])
            await stores.runs.end_run(run.run_id, RunStatus.INTERRUPTED, clock.now(), 1.0, None, "stopped")

    asyncio.run(begin())
    with sqlite3.connect(data / "state.db") as database:
        database.execute("PRAGMA synchronous = OFF")
        database.execute("UPDATE pages SET stored = true, body = NULL")
        if len(walks) > 1:
            _multiply(database, walks[1:], pages)
    database.close()
    return job_file


def _multiply(database: sqlite3.Connection, walks: list[Walk], pages: int) -> None:
    """Add these walks, complete, in the image of the one that is there."""
    database.row_factory = sqlite3.Row
    tables = ("walks", "requests", "pages")
    marks = ", ".join("?" for _ in tables)
    indexes = f"SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql <> '' AND tbl_name IN ({marks})"
    dropped = database.execute(indexes, tables).fetchall()
    for name, _ in dropped:  # built at the end, which is quicker by far
        database.execute(f"DROP INDEX {name}")
    templates = {table: dict(database.execute(f"SELECT * FROM {table} LIMIT 1").fetchone()) for table in tables}
    for table, template in templates.items():
        names = ", ".join(f'"{name}"' for name in template)
        marks = ", ".join("?" for _ in template)
        rows = (list({**template, **changed}.values()) for changed in _changed(table, walks, pages))
        database.executemany(f"INSERT INTO {table} ({names}) VALUES ({marks})", rows)
    for _, statement in dropped:
        database.execute(statement)


def _changed(table: str, walks: list[Walk], pages: int) -> Iterator[dict[str, Any]]:
    attempt = 1_000
    found = [orjson.dumps(page.to_json()) for page in answers(1, pages)]  # of all: they take most of the time to make
    for walk in walks:
        of_walk = {"walk_id": walk.walk_id, "params": orjson.dumps(dict(walk.params)).decode()}
        if table == "walks":
            standing = {"state": "complete", "why": "as_asked", "pages": pages, "rows": pages * ROWS}
            yield {**of_walk, **standing, "distinct_rows": pages * ROWS}
            continue
        for page, facts_of_page in enumerate(found, start=1):
            attempt += 1
            request = walk.request(page, None if page == 1 else str((page - 1) * ROWS))
            own = {"attempt_id": attempt, "request_key": request.key, "walk_id": walk.walk_id}
            if table == "requests":
                yield {**own, "page": page, "params": orjson.dumps(dict(request.params)).decode()}
            else:
                yield {**own, "page_id": attempt, "facts": facts_of_page}


async def first_request(job_file: Path, place: Path) -> tuple[float, float, float]:
    """Resume the run and end it when its first request arrives; return seconds, seconds of CPU and MiB until then."""
    arrived = asyncio.Event()

    async def met(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        arrived.set()
        writer.close()

    server = await asyncio.start_server(met, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    began = time.perf_counter()
    words = [program(), "run", str(job_file), "--data", "data", "--vendor-url", f"crawlora=http://127.0.0.1:{port}"]
    process = subprocess.Popen(  # noqa: ASYNC220 - nothing else runs on this loop
        words,
        cwd=place,
        env={**compiled_once(), "CRAWLORA_API_KEY": "benchmark-key-1"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=(place / "said.txt").open("wb"),
    )
    try:
        await asyncio.wait_for(arrived.wait(), LONGEST_S)
    except TimeoutError:
        raise SystemExit(f"no request came: {(place / 'said.txt').read_text()[-2000:]}") from None
    finally:
        taken = time.perf_counter() - began
        cpu_s, memory = _used(process.pid)
        process.kill()
        process.wait()
        server.close()
    return taken, cpu_s, memory


def _used(pid: int) -> tuple[float, float]:
    """Return seconds of CPU and MiB of resident memory of a live process; zeros where there is no /proc."""
    place = Path(f"/proc/{pid}")
    if not place.exists():
        return 0.0, 0.0
    user, system = (place / "stat").read_text().rpartition(")")[2].split()[11:13]
    resident = int((place / "statm").read_text().split()[1]) * resource.getpagesize()
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK"), resident / 2**20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--requests", type=int, nargs="+", default=[10_000, 100_000])
    told = parser.parse_args()
    yardstick = None
    for requests in (PAGES, *told.requests):
        with tempfile.TemporaryDirectory() as directory:
            place = Path(directory)
            taken, cpu, memory = asyncio.run(first_request(made(place, requests), place))
            size = (place / "data" / "state.db").stat().st_size / 2**20
        yardstick = yardstick or (taken, cpu)
        ratios = f"{taken / yardstick[0]:6.2f} ×, {cpu:6.2f} s of CPU {cpu / max(yardstick[1], 0.01):6.2f} ×"
        sys.stdout.write(f"{requests:9,} settled requests, {size:6.0f} MiB of state: {taken:7.2f} s {ratios}")
        sys.stdout.write(f", {memory:4.0f} MiB\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
