"""One real minute of a run as a vendor sees it, at 300 and at 1,000 a minute: ``python -m tests.benchmarks.pacing``.

Prints which share of the rate was used, the most requests in any sliding minute as a share of it, and how many the
vendor turned away. The yardstick is the rate itself.
"""

from __future__ import annotations

import asyncio
import bisect
import tempfile
from contextlib import ExitStack
from pathlib import Path

from scraper.io.clock import SystemClock
from scraper.io.pacing import SmoothPacer
from scraper.runs.context import RunContext
from scraper.runs.crawl import CrawlProcess
from scraper.runs.resume import OpenedRun, Opening, open_run
from scraper.sandbox.metering import RateWindow, minute_rule
from scraper.wiring.files import load_job
from tests.databases import database_in
from tests.runs.counting import CountingVendor, NoArchive
from tests.runs.harness import Heard

SECONDS = 75


async def measured(directory: Path, kind: RateWindow, per_minute: int) -> tuple[CountingVendor, float]:
    path = directory / "j.toml"
    path.write_text(
        f'name = "pace"\nbudget = 1_000_000\n[accounts.keyapi]\nrequests_per_minute = {per_minute}\n'
        '[[crawl]]\nendpoint = "keyapi.videos"\nparams = { region = ["US", "GB", "JP", "DE", "FR", "BR"] }\n'
    )
    job, catalogue = load_job(path)
    clock = SystemClock()
    vendor = CountingVendor(minute_rule(kind, per_minute), clock, seed=per_minute)
    opened = ExitStack()
    stores = opened.enter_context(database_in(directory / f"{kind}-{per_minute}").opened(clock.now))
    pacers = {"keyapi": SmoothPacer(job.accounts["keyapi"].subscription)}
    context = RunContext(stores, NoArchive(), vendor, pacers, clock, Heard(), lambda: 0.5)
    await stores.ledger.note_accounts(list(job.accounts.values()))
    run = await open_run(job, Opening.NEW, None, stores, clock, "0000")
    assert isinstance(run, OpenedRun)
    crawl = asyncio.ensure_future(CrawlProcess(job, catalogue.vendors, run, context).run())
    began = clock.monotonic()
    await asyncio.sleep(SECONDS)
    crawl.cancel()
    await asyncio.wait({crawl})
    opened.close()
    return vendor, clock.monotonic() - began


def main() -> None:
    with tempfile.TemporaryDirectory() as directory:
        for per_minute in (300, 1000):
            vendor, seconds = asyncio.run(measured(Path(directory), "sliding", per_minute))
            arrivals = vendor.arrivals
            most = max(bisect.bisect_left(arrivals, at + 60) - place for place, at in enumerate(arrivals))
            share = len(arrivals) / (per_minute * (seconds - 1.8) / 60)
            print(  # noqa: T201
                f"{per_minute} a minute: {share:.4f} of the rate used, at most {most / per_minute:.4f} in any 60 s, "
                f"{vendor.turned_away} turned away"
            )


if __name__ == "__main__":
    main()
