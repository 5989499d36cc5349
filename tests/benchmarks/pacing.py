"""Real time as vendors see it, in a sliding window, at several rates: ``python -m tests.benchmarks.pacing``.

Prints which share of the rate was used, the most requests in any window as a share of it, and how many the vendor
turned away. The yardstick is the rate itself. The slow network makes a connection of 200 ms for each request and
answers after 120 ± 60 ms; the last account's requests go to a server over loopback, through the program's transport.
"""

from __future__ import annotations

import asyncio
import bisect
import tempfile
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from aiohttp import web

from scraper.core.jobs import Job
from scraper.io.clock import SystemClock
from scraper.io.collection import rare_collections
from scraper.io.http_transport import Access, HttpTransport
from scraper.io.pacing import SmoothPacer
from scraper.ports import Transport
from scraper.runs.context import RunContext
from scraper.runs.crawl import CrawlProcess
from scraper.runs.resume import OpenedRun, Opening, open_run
from scraper.sandbox.metering import MINUTE, SECOND, Sliding
from scraper.wiring.files import load_job
from tests.databases import database_in
from tests.runs.counting import CountingVendor, Network, NoArchive
from tests.runs.harness import Heard

SECONDS = 75
LEARNED_S = 30
"""The first answers of an account that may start one a second show what they are like."""
SLOW = Network(connect_s=0.2, way_s=(0.0, 0.02), answer_s=(0.06, 0.18))


@dataclass(frozen=True, slots=True)
class Case:
    name: str
    limit: str
    most: int
    window: timedelta
    network: Network | None
    """``None``: a server over loopback."""


CASES = (
    Case("300 a minute", "requests_per_minute = 300", 300, MINUTE, Network()),
    Case("1,000 a minute", "requests_per_minute = 1_000", 1_000, MINUTE, Network()),
    Case("300 a minute, slow connections", "requests_per_minute = 300", 300, MINUTE, SLOW),
    Case(
        "1 a second, steady answers of 300 ms", "requests_per_second = 1", 1, SECOND, Network(0, (0, 0.005), (0.3, 0.3))
    ),
    Case(
        "1 a second, answers of 120 ± 60 ms", "requests_per_second = 1", 1, SECOND, Network(0, (0, 0.02), (0.06, 0.18))
    ),
    Case("1 a second, slow connections", "requests_per_second = 1", 1, SECOND, SLOW),
    Case("1 a second, over loopback", "requests_per_second = 1", 1, SECOND, None),
)


@asynccontextmanager
async def served(vendor: CountingVendor, job: Job, access: Access) -> AsyncIterator[Transport]:
    """The counting vendor behind a port of this machine, and a way to it."""

    async def answer(asked: web.Request) -> web.Response:
        body = vendor.arrive(asked.query_string, int(asked.query["page"]))
        return web.Response(body=body, content_type="application/json")

    app = web.Application()
    app.router.add_get(job.crawls[0].endpoint.path, answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    there = Access(access.vendor, f"http://127.0.0.1:{port}", access.key)
    async with HttpTransport({access.vendor.name: there}, "benchmark") as transport:
        yield transport
    await runner.cleanup()


async def measured(directory: Path, case: Case) -> tuple[CountingVendor, float]:
    path = directory / "j.toml"
    path.write_text(
        f'name = "pace"\nbudget = 1_000_000\n[accounts.keyapi]\n{case.limit}\n'
        '[[crawl]]\nendpoint = "keyapi.videos"\nparams = { region = ["US", "GB", "JP", "DE", "FR", "BR", "IT", "ES"], '
        'order_by = ["vv", "like", "comment"] }\n'
    )
    job, catalogue = load_job(path)
    clock = SystemClock()
    vendor = CountingVendor(Sliding(case.most, case.window), clock, seed=case.most, network=case.network)
    with ExitStack() as opened:
        stores = opened.enter_context(database_in(directory).opened(clock.now))
        pacers = {"keyapi": SmoothPacer(job.accounts["keyapi"].subscription)}
        await stores.ledger.note_accounts(list(job.accounts.values()))
        run = await open_run(job, Opening.NEW, None, stores, clock, "0000")
        assert isinstance(run, OpenedRun)
        access = Access(catalogue.vendors["keyapi"], "", "a key")
        async with served(vendor, job, access) as over_loopback:
            transport = over_loopback if case.network is None else vendor
            context = RunContext(stores, NoArchive(), transport, pacers, clock, Heard(), lambda: 0.5)
            crawl = asyncio.ensure_future(CrawlProcess(job, catalogue.vendors, run, context).run())
            began = clock.monotonic()
            await asyncio.sleep(SECONDS)
            took_s = clock.monotonic() - began
            crawl.cancel()
            await asyncio.wait({crawl})
    return vendor, took_s


def share_used(case: Case, arrivals: list[float], took_s: float) -> float:
    if case.window == MINUTE:  # the first one goes alone, the last ones are still on the way
        return len(arrivals) / (case.most * (took_s - 1.8) / 60)
    learned = arrivals[bisect.bisect_left(arrivals, arrivals[0] + LEARNED_S) :]
    return (len(learned) - 1) / (learned[-1] - learned[0]) / case.most


async def all_cases(directories: list[Path]) -> None:
    """Side by side: none of them uses much of a core."""
    found = await asyncio.gather(*map(measured, directories, CASES))
    for case, (vendor, took_s) in zip(CASES, found, strict=True):
        arrivals, window_s = vendor.arrivals, case.window.total_seconds()
        most = max(bisect.bisect_left(arrivals, at + window_s) - place for place, at in enumerate(arrivals))
        print(  # noqa: T201
            f"{case.name}: {share_used(case, arrivals, took_s):.4f} of the rate used, at most {most / case.most:.4f} "
            f"in any window, {vendor.turned_away} turned away"
        )


def main() -> None:
    with tempfile.TemporaryDirectory() as directory:
        places = [Path(directory) / str(n) for n in range(len(CASES))]
        for place in places:
            place.mkdir()
        with rare_collections():  # as a run does; those of seven runs take a fifth of a second
            asyncio.run(all_cases(places))


if __name__ == "__main__":
    main()
