"""A whole crawl against what a user would write without us, on the same sandbox: ``python -m tests.benchmarks.crawl``.

Two yardsticks, both without ledger, spool, resume or budget: a loop that asks for one page after the other, and a
script with 64 requests in flight; each parses with orjson and writes one Parquet file. The sandbox runs in a process of
its own and waits before each answer, as a vendor far away does. A ratio below 1 means that ours took less time.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import tempfile
import time
from collections.abc import Awaitable, Callable
from multiprocessing.connection import Connection
from pathlib import Path

import aiohttp
import orjson
import pyarrow as pa
import pyarrow.parquet as pq
from aiohttp import web

from scraper.core.jobs import Job
from scraper.core.subscriptions import Subscription
from scraper.runs.crawl import CrawlProcess
from scraper.sandbox import Sandbox
from scraper.wiring.files import load_job
from scraper.wiring.run import RunOrder, run_job
from scraper.wiring.sandboxes import sandbox_urls
from scraper.wiring.settings import Settings
from tests.runs.harness import FAST, KEYS, Heard

LATENCY_S = 0.05
COUNTRIES = ["US", "FR", "DE", "IT", "ES", "GB", "AR", "AU", "BR", "CA", "CO", "EG", "ID", "IL", "JP", "KR"]
PERIODS = [7, 30, 120]
ROUNDS = 3

JOB = f"""
name = "bench"
budget = 1_000_000
[accounts.crawlora]
requests_per_minute = {FAST}
credits_per_month = 100_000_000
credits_per_day = 100_000_000
[[crawl]]
endpoint = "crawlora.creators"
params = {{ creator_country = {orjson.dumps(COUNTRIES).decode()} }}
[[crawl]]
endpoint = "crawlora.hashtags"
params = {{ country_code = {orjson.dumps(COUNTRIES).decode()}, period = {PERIODS} }}
"""


def play(told: Connection) -> None:
    """Serves a sandbox without limits until the process is ended; tells its port."""

    async def serve() -> None:
        sandbox = Sandbox(subscriptions={vendor: Subscription("none") for vendor in KEYS}, keys=KEYS)
        application = sandbox.application()

        @web.middleware
        async def far_away(
            request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
        ) -> web.StreamResponse:
            await asyncio.sleep(LATENCY_S)
            return await handler(request)

        application.middlewares.insert(0, far_away)
        runner = web.AppRunner(application, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        told.send(runner.addresses[0][1])
        await asyncio.Event().wait()

    asyncio.run(serve())


async def script(url: str, job: Job, in_flight: int, out: Path) -> int:
    """What a user writes: every walk, page after page, so many walks at a time."""
    gate, rows = asyncio.Semaphore(in_flight), list[object]()
    async with aiohttp.ClientSession(headers={"x-api-key": KEYS["crawlora"]}) as session:

        async def walk(path: str, params: dict[str, str], key: str) -> None:
            page, more = 1, True
            while more:
                async with gate, session.get(url + path, params={**params, "page": page, "limit": 100}) as answer:
                    body = orjson.loads(await answer.read())["data"]["data"]
                rows.extend(body[key])
                page, more = page + 1, body["pagination"]["has_more"]

        tasks = []
        for crawl in job.crawls:
            key = crawl.endpoint.records.path.rpartition(".")[2]
            tasks += [walk("/api/v1" + crawl.endpoint.path, dict(params), key) for params in crawl.sweep()]
        await asyncio.gather(*tasks)
    pq.write_table(pa.Table.from_pylist(rows), out / "rows.parquet", compression="zstd")
    return len(rows)


async def ours(url: str, path: Path, data: Path) -> int:
    """The same job, through the program."""
    job, catalogue = load_job(path)
    environment = {"CRAWLORA_API_KEY": KEYS["crawlora"]}
    settings = Settings(data=data, vendor_urls=sandbox_urls(url), environment=environment)
    order = RunOrder(job, catalogue, path.parent)
    result = await run_job(order, settings, Heard(), _nothing)
    assert result.status.exit_code == 0, result
    return sum(result.rows.values())


def _nothing(_: CrawlProcess) -> None: ...


def main() -> None:
    ours_told, theirs = multiprocessing.Pipe()
    server = multiprocessing.get_context("spawn").Process(target=play, args=(theirs,), daemon=True)
    server.start()
    url = f"http://127.0.0.1:{ours_told.recv()}"
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "bench.toml"
        path.write_text(JOB)
        job, _ = load_job(path)
        for number in range(ROUNDS):
            spent = {}
            for name, run in (
                ("a loop", script(url, job, 1, Path(directory))),
                ("a script with 64 in flight", script(url, job, 64, Path(directory))),
                ("scraper", ours(url, path, Path(directory) / f"data-{number}")),
            ):
                began = time.perf_counter()
                rows = asyncio.run(run)
                spent[name] = time.perf_counter() - began
                print(f"{name}: {rows} rows in {spent[name]:.2f} s")  # noqa: T201
            for name in ("a loop", "a script with 64 in flight"):
                print(f"ratio scraper / {name}: {spent['scraper'] / spent[name]:.2f}")  # noqa: T201
    server.terminate()


if __name__ == "__main__":
    main()
