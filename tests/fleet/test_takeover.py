"""Runs of one job on two hosts: one carries it out, another stands by, goes on, or comes back too late."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from scraper.core.errors import HeldElsewhereError, LeaseLostError, StoppedWaitingError
from scraper.core.events import Ending, Event, Noted, RequestSettled, RunResult, RunStatus
from scraper.io.state.leases import job_lease
from scraper.wiring.files import load_job
from scraper.wiring.run import RunOrder, run_job
from tests.databases import StateDatabase, postgres_database, the_server
from tests.fleet.postgres_server import NOT_THERE, binaries
from tests.fleet.takeover import Setting, disturbed
from tests.io.state_bench import run_record
from tests.runs.harness import Bench, Fault, Heard, bench

JOB = """
[[crawl]]
endpoint = "crawlora.hashtags"
params = { country_code = ["US", "GB", "DE", "FR"] }
max_pages = 1
"""


@asynccontextmanager
async def fleet_bench(directory: Path, after: Fault | None = None) -> AsyncIterator[tuple[Bench, StateDatabase]]:
    async with bench(directory, after=after) as made:
        yield made, postgres_database(directory)


async def run_on(
    made: Bench,
    database: StateDatabase,
    host: str,
    heard: Callable[[Event], None] = lambda _: None,
    begun: Callable[[Any], None] = lambda _: None,
    *,
    standby: bool = False,
) -> RunResult:
    """The job's run as a host with a data directory of its own carries it out."""
    job, catalogue = load_job(made.write_job(JOB), None)
    order = RunOrder(job, catalogue, made.directory / "configs", standby=standby)
    shared = str(made.directory / "data" / "archive")
    settings = replace(made.settings, data=made.directory / host, state=database.url, archive=shared)
    return await run_job(order, settings, Heard(heard), begun)


def lapse(database: StateDatabase) -> None:
    database.change("UPDATE leases SET expires_at = 0 WHERE what = ?", job_lease("night"))


Script = Callable[[Bench, StateDatabase], Awaitable[None]]


def on_a_fleet(directory: Path, script: Script, after: Fault | None = None) -> None:
    async def used() -> None:
        async with fleet_bench(directory, after) as (made, database):
            await script(made, database)

    asyncio.run(used())


def test_a_host_whose_job_another_one_has_taken_stops_and_leaves_the_runs_end_to_it(tmp_path: Path) -> None:
    async def script(made: Bench, database: StateDatabase) -> None:
        with database.opened(made.clock.now, None) as other:
            second = other.runs.hold("night")

            def take_over(event: Event) -> None:
                if isinstance(event, RequestSettled) and not database.rows("SELECT 1 FROM leases WHERE epoch > 1"):
                    lapse(database)
                    second.__enter__()

            with pytest.raises(LeaseLostError, match=r"^job night is now run by process ") as lost:
                await run_on(made, database, "first", take_over)
            assert lost.value.exit_code == 130
            assert database.rows("SELECT count(*) FROM run_ends") == [(0,)]
            assert database.rows("SELECT count(*) FROM walks WHERE state <> 'open'") == [(0,)]
            with pytest.raises(HeldElsewhereError, match=r"^job night is already run by process "):
                await run_on(made, database, "third")
            second.__exit__(None, None, None)
        result = await run_on(made, database, "second")
        assert (result.status, result.charged) == (RunStatus.COMPLETE, made.charged())
        assert set(made.hits.values()) == {1}, "nothing was asked for twice"

    on_a_fleet(tmp_path, script)


def test_an_answer_that_comes_late_is_kept_and_not_bought_again_unless_it_has_been(tmp_path: Path) -> None:
    """The first host is stopped with two requests in flight; one of them is asked for again before it comes back."""
    asked, two_in_flight, came_back = Counter[str](), asyncio.Event(), asyncio.Event()
    second_asks, first_ended = asyncio.Event(), asyncio.Event()

    async def after(request: web.Request) -> web.StreamResponse | None:
        country = request.query["country_code"]
        asked[country] += 1
        if len(asked) > 2 and asked[country] == 1:
            if len(asked) == 4:
                two_in_flight.set()
            await came_back.wait()
        elif asked[country] == 2:
            second_asks.set()
            await first_ended.wait()
        return None

    async def script(made: Bench, database: StateDatabase) -> None:
        first = asyncio.ensure_future(run_on(made, database, "first"))
        await asyncio.wait_for(two_in_flight.wait(), 30)
        lapse(database)
        second = asyncio.ensure_future(run_on(made, database, "second"))
        await asyncio.wait_for(second_asks.wait(), 30)
        came_back.set()
        with pytest.raises(LeaseLostError):
            await first
        first_ended.set()
        result = await second
        assert sorted(asked.values()) == [1, 1, 1, 2], "the page that came late was not bought again"
        assert (result.status, result.unknown) == (RunStatus.COMPLETE, 0)
        assert result.charged == made.charged()
        assert (result.requests[Ending.OK], result.requests[Ending.RETRIED]) == (4, 1)
        assert result.retried * 5 == result.charged, "what was paid twice is said, although it was asked for last"
        assert result.rows["hashtags"] == database.rows("SELECT sum(rows) FROM walks")[0][0], "each board once"
        kept = "SELECT outcome, count(*) AS n FROM pages GROUP BY ALL ORDER BY ALL"
        assert made.rows(kept) == [("lost", 1), ("ok", 4)], "and every body that was paid for is in the archive"

    on_a_fleet(tmp_path, script, after)


def test_a_standby_ends_well_when_the_holder_ends_the_run_and_sends_nothing(tmp_path: Path) -> None:
    async def script(made: Bench, database: StateDatabase) -> None:
        stands_by = asyncio.Event()

        def hear(event: Event) -> None:
            if isinstance(event, Noted) and event.sentence.endswith("; this process stands by"):
                stands_by.set()

        with database.opened(made.clock.now) as holder:
            with holder.runs.hold("night"):
                await holder.runs.create_run(run_record("night-1", at=made.clock.now()))
                waiting = asyncio.ensure_future(run_on(made, database, "second", hear, standby=True))
                await asyncio.wait_for(stands_by.wait(), 30)
                now = made.clock.now()
                await holder.runs.end_run("night-1", RunStatus.COMPLETE, now, 1.0, None, "")
            result = await waiting
        assert (result.run_id, result.status, result.exit_code) == ("night-1", RunStatus.COMPLETE, 0)
        assert result.elsewhere
        assert result.warnings == ("run night-1 ended as complete in another process while this one stood by",)
        late = await run_on(made, database, "second", standby=True)
        assert (late.run_id, late.exit_code) == ("night-1", 0), "nor has one that begins afterwards anything to ask"
        assert not made.hits

    on_a_fleet(tmp_path, script)


def test_a_standby_that_the_user_stops_has_spent_nothing_and_says_so(tmp_path: Path) -> None:
    async def script(made: Bench, database: StateDatabase) -> None:
        with database.opened(made.clock.now) as holder, holder.runs.hold("night"):
            said = (
                r"^stopped while standing by: job night is already run by process \S+, .*\. Nothing was spent here\.$"
            )
            with pytest.raises(StoppedWaitingError, match=said) as stopped:
                await run_on(made, database, "second", begun=lambda waiting: waiting.stop(), standby=True)
            assert stopped.value.exit_code == 130

    on_a_fleet(tmp_path, script)


@pytest.mark.skipif(binaries() is None, reason=NOT_THERE)
def test_a_host_that_is_stopped_in_a_reservation_is_taken_over_from_and_comes_back_too_late(tmp_path: Path) -> None:
    """Real processes, in small: the script has more of them, and longer leases."""
    setting = Setting(pages=9, requests_per_minute=600, answer_ms=600, lease_s=1.0, first=2)
    found = disturbed(tmp_path, the_server(), "stop-in-transaction", setting)
    assert found.broken(setting) == []
