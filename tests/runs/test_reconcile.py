"""Settling what is unknown, against a vendor whose books are the truth."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from aiohttp import web

from scraper.core.catalogue import Charge
from scraper.core.events import RunStatus
from scraper.core.subscriptions import day_of
from scraper.runs.reconcile import Reconciled
from scraper.wiring.files import load_job
from scraper.wiring.inspect import status_of
from scraper.wiring.reconcile import reconcile_job
from scraper.wiring.run import RunOrder
from tests.clock import NOON
from tests.runs.harness import Bench, Fault, HurriedClock, on_bench
from tests.runs.test_faults import BOARDS, hang_up


async def reconciled(bench: Bench, job: Path, **how: Charge | None) -> Reconciled:
    found, catalogue = load_job(job)
    order = RunOrder(found, catalogue, job.parent)
    (account,) = await reconcile_job(order, bench.settings, assume=how.get("assume"), used={})
    return account


def on_the(*numbers: int) -> Fault:
    """Hangs up on the n-th boards request, counted from 1."""
    count = iter(range(1, 1000))

    async def sometimes(request: web.Request) -> web.StreamResponse | None:
        if "popular-trend" not in request.path:
            return None
        return await hang_up(request) if next(count) in numbers else None

    return sometimes


def test_billing_events_tell_lost_answers_that_were_charged_from_those_that_were_not(tmp_path: Path) -> None:
    async def use(bench: Bench) -> None:
        job = bench.write_job(BOARDS)
        result = await bench.run(job)
        assert result.status is RunStatus.COMPLETE
        assert (result.charged, result.unknown) == (24, 24)
        assert bench.charged() == 24 + 16, "two of the three lost answers had been charged"

        early = await reconciled(bench, job)
        assert (early.charged, early.free, early.still_unknown) == (0, 0, 24)
        assert "may not have booked the latest attempts yet" in early.message

        await bench.clock.sleep(timedelta(minutes=7).total_seconds())
        late = await reconciled(bench, job)
        assert late == Reconciled("crawlora/default", charged=16, free=8)
        _, accounts, _ = await status_of(bench.settings, None, 1)
        (balance,) = (account for account in accounts if account.account == "crawlora/default")
        assert balance.day == day_of(bench.clock.now())
        assert balance.day_balance.committed == balance.month_balance.charged == bench.charged()
        assert await reconciled(bench, job) == Reconciled("crawlora/default")

    # The first is cut before the vendor sees it; of the answers, the first and the third never arrive.
    # At noon: the day that the credits belong to must not end before it is looked at.
    on_bench(tmp_path, use, fault=on_the(1), after=on_the(1, 3), clock=HurriedClock(NOON))


def test_without_books_the_user_settles_by_hand(tmp_path: Path) -> None:
    async def use(bench: Bench) -> None:
        job = bench.write_job(BOARDS)
        assert (await bench.run(job)).unknown == 8
        bench.url = "http://127.0.0.1:9"
        unreachable = await reconciled(bench, job)
        assert unreachable.still_unknown == 8
        assert "settle them with --assume charged or --assume free" in unreachable.message
        assert await reconciled(bench, job, assume=Charge.FREE) == Reconciled("crawlora/default", free=8)

    on_bench(tmp_path, use, fault=on_the(1))
