"""Two hosts, each with a data directory of its own, on one state."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from scraper.core.errors import StateError
from scraper.core.events import RunStatus
from tests.databases import postgres_database
from tests.runs.harness import Bench, on_bench

ONE_BOARD = """
[[crawl]]
endpoint = "crawlora.hashtags"
params = { country_code = "US", period = 7 }
max_pages = 1
"""


def test_a_host_whose_archive_is_not_the_shared_one_spends_nothing(tmp_path: Path) -> None:
    state = postgres_database(tmp_path)

    async def use(bench: Bench) -> None:
        first = replace(bench, directory=tmp_path / "first", state=state.url)
        second = replace(bench, directory=tmp_path / "second", state=state.url)
        assert (await first.run(first.write_job(ONE_BOARD))).status is RunStatus.COMPLETE
        charged, attempts = bench.charged(), state.rows("SELECT count(*) FROM requests")
        job = second.write_job(ONE_BOARD, name="other")
        with pytest.raises(StateError, match=r"is shared, and files that it knows are missing .* Nothing was spent"):
            await second.run(job)
        assert bench.charged() == charged
        assert state.rows("SELECT count(*) FROM requests") == attempts
        assert (await first.run(first.write_job(ONE_BOARD, name="other"))).status is RunStatus.COMPLETE

    on_bench(tmp_path, use)
