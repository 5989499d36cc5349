"""Law 4 as the vendor sees it: no request is turned away, and nothing of the rate is left unused, however it counts."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from scraper.core.rate_headers import RateHeaders
from scraper.core.subscriptions import Subscription
from scraper.io.pacing import SmoothPacer
from scraper.runs.context import RunContext
from scraper.runs.crawl import CrawlProcess
from scraper.runs.resume import OpenedRun, Opening, open_run
from scraper.sandbox.metering import RateRule, Sliding
from scraper.wiring.files import load_job
from tests.databases import database_in
from tests.runs.counting import LATENCY_S, NETWORK_S, CountingVendor, Network, NoArchive
from tests.runs.harness import Heard
from tests.runs.moved_time import MovedClock, MovedTimeLoop, on_moved_time
from tests.sandbox.rate_rules import RULES

MINUTES = 10
SLOW = Network(connect_s=0.2, way_s=(0.0, 0.02), answer_s=(0.06, 0.18))
"""Connections that take 200 ms to set up, and answers of 120 ± 60 ms."""


async def crawled(
    loop: MovedTimeLoop, directory: Path, limit: str, rule: RateRule, network: Network, minutes: float
) -> CountingVendor:
    """A run with more work than these minutes hold, torn down when they are over."""
    (directory / "j.toml").write_text(
        f"""
name = "rate"
budget = 100_000_000
[accounts.keyapi]
{limit}
[[crawl]]
endpoint = "keyapi.videos"
params = {{ region = ["US", "GB", "JP", "DE", "FR", "BR", "IT", "ES"], order_by = ["vv", "like"] }}
"""
    )
    job, catalogue = load_job(directory / "j.toml")
    clock = MovedClock(loop)
    vendor = CountingVendor(rule, clock, seed=7, network=network)
    opened = ExitStack()
    stores = opened.enter_context(database_in(directory / "data").opened(clock.now, threaded=False))
    subscription = job.accounts["keyapi"].subscription
    context = RunContext(
        stores, NoArchive(), vendor, {"keyapi": SmoothPacer(subscription)}, clock, Heard(), lambda: 0.5
    )
    await stores.ledger.note_accounts(list(job.accounts.values()))
    run = await open_run(job, Opening.NEW, None, stores, clock, "0000")
    assert isinstance(run, OpenedRun)
    names = RateHeaders("x-ratelimit-remaining", "x-ratelimit-reset") if network.tells else None
    vendors = {"keyapi": replace(catalogue.vendors["keyapi"], rate_headers=names)}
    crawl = asyncio.ensure_future(CrawlProcess(job, vendors, run, context).run())
    await asyncio.sleep(minutes * 60)
    crawl.cancel()
    await asyncio.wait({crawl})
    opened.close()
    return vendor


@pytest.mark.parametrize("kind", ["sliding", "fixed", "token_bucket"])
def test_a_vendor_turns_nothing_away_and_its_rate_is_used(tmp_path: Path, kind: str) -> None:
    per_minute = 15  # Crawlora's plan "starter"
    limit, rule = f"requests_per_minute = {per_minute}", RULES[kind](per_minute)
    vendor = on_moved_time(lambda loop: crawled(loop, tmp_path, limit, rule, Network(), MINUTES))
    assert vendor.turned_away == 0
    # The first request goes alone, and the last ones are still on the way: one latency at either end is not the rate.
    whole_s = MINUTES * 60 - 2 * (LATENCY_S + NETWORK_S)
    assert len(vendor.arrivals) >= 0.99 * per_minute * whole_s / 60


@pytest.mark.parametrize(("kind", "minutes"), [("sliding", 1.7), ("fixed", 1.1), ("token_bucket", 1.1)])
def test_slow_connections_cost_neither_a_429_nor_the_rate(tmp_path: Path, kind: str, minutes: float) -> None:
    limit, rule = "requests_per_minute = 300", RULES[kind](300)
    vendor = on_moved_time(lambda loop: crawled(loop, tmp_path, limit, rule, SLOW, minutes))
    assert vendor.turned_away == 0
    assert len(vendor.arrivals) >= 0.99 * 300 * (minutes - 1 / 60)


@pytest.mark.parametrize(
    ("network", "share"),
    [
        (Network(way_s=(0.02, 0.025), answer_s=(0.001, 0.003)), 0.99),  # the answer tells when it arrived
        (Network(way_s=(0.02, 0.025), answer_s=(0.3, 0.3)), 0.99),  # answers that take the same time tell it too
        (Network(connect_s=0.2, way_s=(0.0, 0.005), answer_s=(0.001, 0.003)), 0.99),
        (Network(way_s=(0.02, 0.1), answer_s=(0.1, 0.9)), 0.79),  # nothing tells it
    ],
)
def test_a_limit_of_one_a_second_is_used_as_far_as_arrivals_can_be_known(
    tmp_path: Path, network: Network, share: float
) -> None:
    limit, rule = "requests_per_second = 1", Sliding(1, timedelta(seconds=1))
    vendor = on_moved_time(lambda loop: crawled(loop, tmp_path, limit, rule, network, 2))
    assert vendor.turned_away == 0
    learned = [at for at in vendor.arrivals if at >= 30]  # the first answers show what they are like
    assert len(learned) - 1 >= share * (learned[-1] - learned[0])


def test_what_a_vendor_tells_in_headers_slows_an_account_before_a_refusal_does(tmp_path: Path) -> None:
    """The account says 120 a minute, and others with its key leave it 20."""
    rule = RULES["sliding"](20)
    vendor = on_moved_time(
        lambda loop: crawled(loop, tmp_path, "requests_per_minute = 120", rule, Network(tells=True), 4)
    )
    assert vendor.turned_away == 0
    assert len(vendor.arrivals) >= 0.7 * 20 * 4


def test_five_restarts_within_a_minute_still_keep_the_rate(tmp_path: Path) -> None:
    per_minute = 60

    async def restarted(loop: MovedTimeLoop) -> list[float]:
        clock = MovedClock(loop)
        rule = RULES["sliding"](per_minute)
        vendor = CountingVendor(rule, clock, seed=1)
        (tmp_path / "j.toml").write_text(
            f'name = "rate"\nbudget = 100_000\n[accounts.keyapi]\nrequests_per_minute = {per_minute}\n'
            '[[crawl]]\nendpoint = "keyapi.videos"\nparams = { region = ["US", "GB", "JP", "DE"] }\n'
        )
        job, catalogue = load_job(tmp_path / "j.toml")
        for _ in range(6):
            opened = ExitStack()
            stores = opened.enter_context(database_in(tmp_path / "data").opened(clock.now, threaded=False))
            pacers = {"keyapi": SmoothPacer(job.accounts["keyapi"].subscription)}
            context = RunContext(stores, NoArchive(), vendor, pacers, clock, Heard(), lambda: 0.5)
            await stores.ledger.note_accounts(list(job.accounts.values()))
            run = await open_run(job, Opening.GO_ON, None, stores, clock, "0000")
            assert isinstance(run, OpenedRun)
            crawl = asyncio.ensure_future(CrawlProcess(job, catalogue.vendors, run, context).run())
            await asyncio.sleep(11)
            crawl.cancel()
            await asyncio.wait({crawl})
            opened.close()
        assert vendor.turned_away == 0
        return vendor.arrivals

    arrivals = on_moved_time(restarted)
    assert max(sum(1 for other in arrivals if at <= other < at + 60) for at in arrivals) <= per_minute


def test_a_subscription_of_two_a_second_is_kept_by_the_second(tmp_path: Path) -> None:
    async def slots(loop: MovedTimeLoop) -> list[float]:
        clock = MovedClock(loop)
        opened = ExitStack()
        stores = opened.enter_context(database_in(tmp_path / "data").opened(clock.now, threaded=False))
        (tmp_path / "j.toml").write_text(
            'name = "rate"\nbudget = 100_000\n[accounts.keyapi]\nrequests_per_second = 2\n'
            '[[crawl]]\nendpoint = "keyapi.videos"\n'
        )
        job, _ = load_job(tmp_path / "j.toml")
        account = job.accounts["keyapi"]
        assert account.subscription == Subscription(
            "unpublished", requests_per_second=2, assumed=("credits_per_month",)
        )
        run = await open_run(job, Opening.NEW, None, stores, clock, "0000")
        assert isinstance(run, OpenedRun)
        crawl = CrawlProcess(
            job,
            {},
            run,
            RunContext(
                stores, NoArchive(), CountingVendor(RULES["fixed"](1), clock, 0), {}, clock, Heard(), lambda: 0.5
            ),
        )
        request = crawl.frontier.take("keyapi")
        assert request is not None
        found = [await stores.ledger.reserve(run.run_id, account, request, n) for n in range(40)]
        opened.close()
        return [(slot.starts_at - clock.now()) / timedelta(seconds=1) for slot in found if hasattr(slot, "starts_at")]

    starts = on_moved_time(slots)
    assert len(starts) == 40
    assert all(later - earlier > 1 for earlier, later in zip(starts, starts[2:], strict=False))
