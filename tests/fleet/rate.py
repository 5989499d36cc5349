"""Several processes share the rate of one account, one of them with a clock of its own: ``python -m tests.fleet.rate``.

Each is a real run over HTTP, on a database of PostgreSQL. Prints the most requests that the vendor counted in any
window, and how long the last one came after the first.
"""

from __future__ import annotations

import argparse
import asyncio
import bisect
import sys
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from aiohttp import web

from scraper.core.subscriptions import Subscription
from scraper.io.clock import SystemClock
from scraper.io.http_transport import Access, HttpTransport
from scraper.io.pacing import SmoothPacer
from scraper.io.state import open_stores
from scraper.runs.context import RunContext
from scraper.runs.crawl import CrawlProcess
from scraper.runs.resume import OpenedRun, Opening, open_run
from scraper.sandbox.metering import MINUTE, RateRule, Sliding
from scraper.wiring.files import load_job
from tests.fleet.postgres_server import postgres_server
from tests.runs.counting import CountingVendor, NoArchive
from tests.runs.harness import KEYS, Heard

REGIONS = ("US", "GB", "JP", "DE", "FR", "BR", "IT", "ES", "CA", "AU", "MX", "ID", "TH", "VN", "KR")
ORDERS = ("vv", "like", "comment")
REQUESTS = len(REGIONS) * len(ORDERS)
"""Requests of one process."""


async def run_beside(
    directory: Path, state: str, sandbox: str, name: str, limit: str, ahead_s: float, regions: Sequence[str] = REGIONS
) -> None:
    """Run a job on the account, in a process whose machine's clock is ahead by so much."""
    path = directory / f"{name}.toml"
    path.write_text(
        f'name = "{name}"\nbudget = 1_000_000\n[accounts.keyapi]\n{limit}\n[[crawl]]\nendpoint = "keyapi.videos"\n'
        f"params = {{ region = {list(regions)}, order_by = {list(ORDERS)} }}\nmax_pages = 1\n"
    )
    job, catalogue = load_job(path)
    clock = SystemClock(lambda: datetime.now(UTC) + timedelta(seconds=ahead_s))
    vendor, wanted = catalogue.vendors["keyapi"], len(regions) * len(ORDERS)
    with open_stores(state, clock.now, kind="real", follow=clock) as stores:
        await stores.ledger.note_accounts(list(job.accounts.values()))
        run = await open_run(job, Opening.NEW, None, stores, clock, "0000")
        assert isinstance(run, OpenedRun)
        unpaced = {"keyapi": SmoothPacer(Subscription("none"))}  # slots alone keep the rate
        async with HttpTransport({"keyapi": Access(vendor, sandbox, KEYS["keyapi"])}, "rate") as transport:
            bought = asyncio.Event()
            heard = Heard(lambda _: bought.set() if len(heard.settled) == wanted else None)
            context = RunContext(stores, NoArchive(), transport, unpaced, clock, heard, lambda: 0.5)
            crawl = asyncio.ensure_future(CrawlProcess(job, catalogue.vendors, run, context).run())
            await asyncio.wait({crawl, asyncio.ensure_future(bought.wait())}, return_when=asyncio.FIRST_COMPLETED)
            crawl.cancel()  # nothing is drained here
            await asyncio.wait({crawl})


@asynccontextmanager
async def watched(rule: RateRule) -> AsyncIterator[tuple[str, CountingVendor]]:
    """A vendor that counts, behind a port of this machine; its address."""
    vendor = CountingVendor(rule, SystemClock(), seed=0)

    async def answer(asked: web.Request) -> web.Response:
        return web.Response(body=vendor.arrive(asked.query_string, 1), content_type="application/json")

    app = web.Application()
    app.router.add_get("/{path:.*}", answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}", vendor
    finally:
        await runner.cleanup()


def most_in(arrivals: Sequence[float], window_s: float) -> int:
    """The most arrivals in any window."""
    return max(bisect.bisect_left(arrivals, at + window_s) - place for place, at in enumerate(arrivals))


async def processes(count: int, ahead_s: float, most: int) -> list[float]:
    with postgres_server() as server:
        state = server.new_database()
        async with watched(Sliding(most, MINUTE)) as (url, vendor):
            words = [sys.executable, "-m", "tests.fleet.rate", "--state", state, "--sandbox", url, "--most", str(most)]
            started = [
                await asyncio.create_subprocess_exec(
                    *words, "--name", f"job-{number}", "--ahead", str(ahead_s if number == 0 else 0)
                )
                for number in range(count)
            ]
            codes = await asyncio.gather(*(each.wait() for each in started))
            assert not any(codes), codes
    return sorted(vendor.arrivals)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--processes", type=int, default=8)
    parser.add_argument("--most", type=int, default=240, help="requests a minute")
    for option in ("--state", "--sandbox", "--name"):
        parser.add_argument(option, help=argparse.SUPPRESS)
    parser.add_argument("--ahead", type=float, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.name is not None:
        limit = f"requests_per_minute = {options.most}"
        with tempfile.TemporaryDirectory() as scratch:
            of = (Path(scratch), options.state, options.sandbox, options.name, limit, options.ahead)
            asyncio.run(run_beside(*of))
        return 0
    faults = 0
    for ahead_s in (0.0, 20.0):
        arrivals = asyncio.run(processes(options.processes, ahead_s, options.most))
        most, took_s = most_in(arrivals, 60), arrivals[-1] - arrivals[0]
        faults += most > options.most or len(arrivals) != options.processes * REQUESTS
        print(  # noqa: T201
            f"{options.processes} processes, one {ahead_s:.0f} s ahead: {len(arrivals)} requests, at most {most} in "
            f"any 60 s, the last one {took_s:.1f} s after the first"
        )
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
