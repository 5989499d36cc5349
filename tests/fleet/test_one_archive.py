"""Two hosts with one database and one archive look after it at once. `python -m tests.fleet.two_hosts` kills them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

from scraper.core.events import RunStatus
from scraper.wiring.upkeep import check_archive, compact_archive, rebuild_tables
from tests.databases import postgres_database
from tests.runs.harness import Bench, on_bench

JOB = """
[[crawl]]
endpoint = "crawlora.hashtags"
params = { country_code = ["US", "GB"] }
max_pages = 1
"""


async def all_of(results: AsyncIterator[object]) -> int:
    return len([each async for each in results])


def test_two_hosts_drain_compact_and_rebuild_at_once_and_every_charged_page_is_archived_once(tmp_path: Path) -> None:
    state = postgres_database(tmp_path)
    shared = str(tmp_path / "shared")

    async def use(bench: Bench) -> None:
        names = ("first", "second")
        hosts = [replace(bench, directory=tmp_path / each, state=state.url, archive_place=shared) for each in names]
        places = [host.settings for host in hosts]
        configs = [host.directory / "configs" for host in hosts]
        both = list(zip(places, configs, strict=True))
        jobs = [host.write_job(JOB, name=host.directory.name) for host in hosts]
        runs = (host.run(job) for host, job in zip(hosts, jobs, strict=True))
        assert [run.status for run in await asyncio.gather(*runs)] == [RunStatus.COMPLETE] * 2
        assert len(state.rows("SELECT path FROM parts WHERE table_name = 'pages'")) == 2
        compacting = [compact_archive(*each, today_too=True, offline=False, dry_run=False) for each in both]
        assert sum(await asyncio.gather(*map(all_of, compacting))) == 1, "who comes second finds nothing left to do"
        assert len(state.rows("SELECT path FROM parts WHERE table_name = 'pages'")) == 1
        rebuilding = [rebuild_tables(*each, "hashtags", None) for each in both]
        assert await asyncio.gather(*map(all_of, rebuilding)) == [1, 1]
        checking = [check_archive(*each, repair=True, quick=False, deep=True) for each in both]
        for checked in await asyncio.gather(*checking):
            assert (checked.findings, checked.answers, checked.spooled) == ([], 4, 0)
        assert state.rows("SELECT count(*) FROM requests WHERE charge = 'charged'") == [(4,)]
        assert bench.charged() == 32

    on_bench(tmp_path, use)
