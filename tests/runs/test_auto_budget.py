"""Runs whose budget is tonight's share of the month, against a sandbox that counts the same month."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from scraper.core.events import Event, RequestSettled, RunResult, RunStarted, RunStatus
from scraper.ports import RunRecord
from scraper.runs.crawl import CrawlProcess
from scraper.runs.resume import Opening
from scraper.wiring.auto_budget import budgeted_job
from scraper.wiring.files import load_job
from scraper.wiring.reconcile import reconcile_job
from scraper.wiring.run import RunOrder, probe_job
from scraper.wiring.state import opened_stores
from tests.runs.counting import Discarded
from tests.runs.harness import FAST, Bench, Heard, HurriedClock, on_bench

pytestmark = pytest.mark.own_instant

FIRST = datetime(2026, 11, 1, 1, 15, tzinfo=UTC)
LIMITS = {"credits_per_month": 1_200, "credits_per_day": 300}
"""40 credits a night: five pages of Crawlora, or twenty of KeyAPI."""
ACCOUNTS = "".join(
    f"[accounts.{vendor}]\ncredits_per_month = 1_200\ncredits_per_day = 300\nrequests_per_minute = {FAST}\n"
    for vendor in ("crawlora", "keyapi")
)
CREATORS = '[[crawl]]\nendpoint = "crawlora.creators"\nparams = { creator_country = ["US", "GB"] }\n'
VIDEOS = '[[crawl]]\nendpoint = "keyapi.videos"\nparams = { region = ["US", "GB"] }\n'


def auto_job(bench: Bench, text: str = CREATORS, name: str = "night") -> Path:
    return bench.write_job(f'every = "day"\n{text}', name=name, budget='"auto"', accounts=ACCOUNTS)


def nights(directory: Path, use: Callable[[Bench], Awaitable[None]]) -> None:
    on_bench(directory, use, limits=LIMITS, clock=HurriedClock(FIRST))


async def bought(bench: Bench, job: Path, **how: object) -> RunResult:
    return await bench.run(job, archive=Discarded(), **how)  # type: ignore[arg-type]


async def runs_of(bench: Bench) -> list[RunRecord]:
    """Newest first."""
    with opened_stores(bench.settings, None) as stores:
        return list(await stores.runs.latest_runs(10))


def test_a_share_that_is_used_ends_the_run_as_a_budget_does_and_says_when_there_is_more(tmp_path: Path) -> None:
    async def use(bench: Bench) -> None:
        result = await bought(bench, auto_job(bench))
        assert (result.status, result.budget, result.charged) == (RunStatus.BUDGET, 40, 40)
        assert result.message == (
            "tonight's share of crawlora/default is used up: 40 of 40 credits spent, the next page costs 8; "
            "the next share is on 2026-11-02. 5 pages are kept. Go on then: scraper run night.toml; "
            "or now, past the share: scraper run night.toml --resume --budget 80"
        )
        (run,) = await runs_of(bench)
        assert (run.auto, run.weight, run.shares) == (True, 1, {"crawlora/default": 40})

    nights(tmp_path, use)


def test_the_log_tells_how_the_share_came_about(tmp_path: Path) -> None:
    async def use(bench: Bench) -> None:
        heard = Heard()
        await bought(bench, auto_job(bench), heard=heard)
        (started,) = (event for event in heard.events if isinstance(event, RunStarted))
        assert started.share == (
            "crawlora/default: 40 credits tonight (1,200 credits left this month, for 30 nights: 40 a night)"
        )

    nights(tmp_path, use)


def test_a_run_on_two_accounts_keeps_to_the_share_of_each(tmp_path: Path) -> None:
    async def use(bench: Bench) -> None:
        result = await bought(bench, auto_job(bench, CREATORS + VIDEOS))
        assert (result.status, result.budget, result.charged) == (RunStatus.BUDGET, 80, 80)
        charged = {vendor: bench.sandbox.account(vendor)["credits_charged"] for vendor in ("crawlora", "keyapi")}
        assert charged == {"crawlora": 40, "keyapi": 40}
        assert "share of crawlora/default is used" in result.message
        assert "share of keyapi/default is used" in result.message

    nights(tmp_path, use)


def test_a_month_that_is_used_up_ends_well_before_anything_is_sent(tmp_path: Path) -> None:
    async def use(bench: Bench) -> None:
        job = auto_job(bench)
        found, catalogue = load_job(job)
        await bought(bench, job, ceiling=8)
        order = RunOrder(found, catalogue, job.parent)
        await reconcile_job(order, bench.settings, assume=None, used={"crawlora": 1_200})
        bench.hits.clear()
        result = await bought(bench, job, opening=Opening.NEW)
        assert (result.status, result.budget, result.sent) == (RunStatus.QUOTA, 0, 0)
        assert result.next_at == datetime(2026, 12, 1, tzinfo=UTC)
        assert not bench.hits
        bench.clock.go_to(datetime(2026, 12, 1, 1, 15, tzinfo=UTC))
        assert (await bought(bench, job)).charged == 1_200 // 31 // 8 * 8

    nights(tmp_path, use)


def test_a_console_that_knows_of_more_makes_the_nights_to_come_smaller(tmp_path: Path) -> None:
    async def use(bench: Bench) -> None:
        job = auto_job(bench)
        found, catalogue = load_job(job)
        await bought(bench, job)
        order = RunOrder(found, catalogue, job.parent)
        await reconcile_job(order, bench.settings, assume=None, used={"crawlora": 620})
        bench.clock.go_to(FIRST + timedelta(days=1))
        assert (await bought(bench, job)).budget == (1_200 - 620) // 29

    nights(tmp_path, use)


def test_a_budget_on_the_command_line_takes_the_place_of_the_share(tmp_path: Path) -> None:
    async def use(bench: Bench) -> None:
        job = auto_job(bench)
        assert (await bought(bench, job, ceiling=16)).charged == 16
        share = await bought(bench, job, opening=Opening.NEW)
        assert share.budget == (1_200 - 16) // 30, "what was spent by hand is spread over the nights"
        beyond = await bought(bench, job, opening=Opening.RESUME, ceiling=64)
        assert (beyond.run_id, beyond.charged, beyond.budget) == (share.run_id, 64, 64)
        (run, _) = await runs_of(bench)
        assert (run.auto, run.shares) == (False, {})

    nights(tmp_path, use)


def test_a_second_run_of_the_same_night_has_nothing_left_and_waits_for_the_next(tmp_path: Path) -> None:
    async def use(bench: Bench) -> None:
        job = auto_job(bench)
        await bought(bench, job)
        again = await bought(bench, job, opening=Opening.NEW)
        assert (again.status, again.charged, again.next_at) == (
            RunStatus.QUOTA, 0, datetime(2026, 11, 2, tzinfo=UTC),
        )  # fmt: skip
        bench.clock.go_to(FIRST + timedelta(days=1))
        assert (await bought(bench, job)).charged == 40

    nights(tmp_path, use)


@pytest.mark.parametrize("days", [0, 1])
def test_an_interrupted_run_goes_on_with_its_share_and_the_next_night_has_a_run_of_its_own(
    tmp_path: Path, days: int
) -> None:
    async def use(bench: Bench) -> None:
        job, crawls = auto_job(bench), list[CrawlProcess]()

        def stop(event: Event) -> None:
            if isinstance(event, RequestSettled):
                crawls[0].stop()

        cut = await bought(bench, job, heard=Heard(stop), begun=crawls.append)
        assert (cut.status, cut.charged) == (RunStatus.INTERRUPTED, 8)
        bench.clock.go_to(FIRST + timedelta(days=days, hours=-days))
        result = await bought(bench, job)
        assert (result.run_id == cut.run_id) is (days == 0)
        assert (result.budget, result.status) == (40 if days == 0 else (1_200 - 8) // 29, RunStatus.BUDGET)

    nights(tmp_path, use)


def test_a_run_that_died_before_its_share_was_granted_is_given_it_when_it_goes_on(tmp_path: Path) -> None:
    async def use(bench: Bench) -> None:
        job = auto_job(bench)
        with opened_stores(bench.settings, "real") as stores:
            died = RunRecord("night-1", "night", RunStatus.OPEN, 0, bench.clock.now(), None, 0.0, None, "", auto=True)
            await stores.runs.create_run(died)
        result = await bought(bench, job)
        assert (result.run_id, result.charged) == ("night-1", 40)

    nights(tmp_path, use)


def test_jobs_that_begin_at_the_same_time_are_given_nothing_twice(tmp_path: Path) -> None:
    async def granted(bench: Bench, name: str, day: int) -> int:
        job, _ = load_job(auto_job(bench, name=name))
        with opened_stores(bench.settings, "real") as stores:
            run_id, now = f"{name}-{day}", bench.clock.now()
            await stores.runs.create_run(
                RunRecord(run_id, name, RunStatus.OPEN, 0, now, None, 0.0, None, "", auto=True)
            )
            share = (await stores.ledger.grant(run_id, job)).credits
            assert (await stores.runs.run(run_id)).budget == share
            return share

    async def use(bench: Bench) -> None:
        for day in range(2):
            bench.clock.go_to(FIRST + timedelta(days=day))
            shares = await asyncio.gather(*(granted(bench, name, day) for name in ("one", "two", "three")))
            if day:  # they know of each other since the first night
                assert sum(shares) == 1_200 // 29
                assert min(shares) >= 1_200 // 29 // 3
            with opened_stores(bench.settings, "real") as stores:
                for run in await stores.runs.latest_runs(3):
                    await stores.runs.end_run(run.run_id, RunStatus.BUDGET, bench.clock.now(), 0.0, None, "")

    nights(tmp_path, use)


def test_a_probe_of_a_job_with_auto_costs_what_its_requests_cost(tmp_path: Path) -> None:
    async def use(bench: Bench) -> None:
        path = auto_job(bench)
        job, catalogue = load_job(path)
        result, _ = await probe_job(
            RunOrder(job, catalogue, path.parent, archive=Discarded()), bench.settings, Heard(), lambda _: None
        )
        assert (result.status, result.budget, result.charged) == (RunStatus.COMPLETE, 8, 8)

    nights(tmp_path, use)


def test_a_plan_without_a_ledger_takes_the_month_as_unused_and_makes_nothing(tmp_path: Path) -> None:
    async def use(bench: Bench) -> None:
        path = auto_job(bench)
        job, _ = load_job(path)
        before, allowance = await budgeted_job(job, bench.settings)
        assert allowance is not None
        assert (before.budget, allowance.from_ledger, bench.data.exists()) == (40, False, False)
        await bought(bench, path)
        after, allowance = await budgeted_job(job, bench.settings)
        assert allowance is not None
        assert (after.budget, allowance.from_ledger) == (0, True)

    nights(tmp_path, use)
