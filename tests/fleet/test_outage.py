"""A server that stops at once in the middle of a run, and comes back."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from aiohttp import web

from scraper.core.events import RunStatus, StateLocked
from tests.databases import PostgresDatabase
from tests.fleet.postgres_server import NOT_THERE, PostgresServerProcess, binaries, postgres_server
from tests.io.state_bench import kept_balances, ledger_sums
from tests.runs.harness import Bench, Heard, on_bench

JOB = """
[[crawl]]
endpoint = "crawlora.hashtags"
params = { country_code = ["US", "GB", "DE", "FR"], period = [7, 30] }
max_pages = 1
[[crawl]]
endpoint = "keyapi.videos"
params = { region = "GB" }
max_pages = 2
"""
STOPS_AT = 4
"""Answers of the sandbox before the server is stopped."""


@pytest.fixture
def server() -> Iterator[PostgresServerProcess]:
    if binaries() is None:
        pytest.skip(NOT_THERE)
    with postgres_server() as running:
        yield running


def test_a_server_that_stops_in_mid_run_loses_no_answer_and_the_run_completes(
    server: PostgresServerProcess, tmp_path: Path
) -> None:
    heard, answered = Heard(), [0]

    def restart() -> None:
        server.stop("immediate")
        server.start()

    async def stop(_: web.Request) -> None:
        answered[0] += 1
        if answered[0] == STOPS_AT:
            restarting.append(asyncio.create_task(asyncio.to_thread(restart)))

    restarting: list[asyncio.Task[None]] = []
    state = server.new_database()

    async def use(bench: Bench) -> None:
        bench.state = state
        result = await bench.run(bench.write_job(JOB), heard=heard)
        await restarting[0]
        assert result.status is RunStatus.COMPLETE
        assert result.unknown == 0
        assert result.charged == bench.charged()
        assert bench.rows("SELECT count(*) FROM pages") == [(sum(bench.hits.values()),)]

    on_bench(tmp_path, use, after=stop)
    database = PostgresDatabase(state)
    assert kept_balances(database) == ledger_sums(database)
    assert [event.reason for event in heard.events if isinstance(event, StateLocked)]
