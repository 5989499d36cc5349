"""Nights with a check and an account that runs dry: one word for each that went wrong, and no result is changed."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import nullcontext
from datetime import datetime
from pathlib import Path

import pytest

from scraper.core.errors import StateError
from scraper.core.events import RunResult, RunStatus
from scraper.core.notify import Notice, NoticeLevel, NotifySettings
from scraper.runs.notify import Nights, told_of
from scraper.runs.resume import Opening
from scraper.wiring.files import load_job
from scraper.wiring.notify import run_and_tell
from scraper.wiring.run import RunOrder, run_job
from tests.clock import NOON, ShiftedClock
from tests.core.test_notify import result
from tests.io.test_notify import Heard as HeardByHook
from tests.io.test_notify import heard_on_loopback
from tests.runs.harness import Bench, Heard, on_bench

ONE_BOARD = """
[[crawl]]
endpoint = "crawlora.hashtags"
params = { country_code = "US", period = 7 }
max_pages = 1
"""


class Told:
    """A notifier that remembers, and may be dead."""

    def __init__(self, *dead: str) -> None:
        self.begun, self.notices, self._dead = 0, list[Notice](), dead
        self.pinged: list[Notice] = []

    async def begin(self) -> Sequence[str]:
        self.begun += 1
        return self._dead

    async def end(self, notice: Notice) -> Sequence[str]:
        self.notices.append(notice)
        return self._dead

    async def ping(self, notice: Notice) -> Sequence[str]:
        self.pinged.append(notice)
        return self._dead

    async def tell(self, notice: Notice) -> Sequence[str]:
        self.notices.append(notice)
        return self._dead


class Started:
    """Starts that were told of, in memory."""

    def __init__(self) -> None:
        self.noted: list[datetime] = []

    def note(self, at: datetime) -> None:
        self.noted.append(at)

    def all(self) -> Sequence[datetime]:
        return self.noted

    def clear(self) -> None:
        self.noted.clear()


def no_nights(started: Started | None = None) -> Nights:
    """The nights of a job that has no state yet."""
    return Nights(lambda: nullcontext(None), "us", started or Started(), ShiftedClock(NOON), "scraper status")


def test_a_dead_hook_is_one_warning_and_changes_neither_status_nor_exit_code() -> None:
    async def run() -> RunResult:
        return result(RunStatus.BUDGET)

    dead = Told("notify: slack://… was not notified")
    found = asyncio.run(told_of(run, dead, no_nights(), "us", "scraper run us.toml", print))
    assert found.warnings == ("notify: slack://… was not notified",)
    assert (found.status, found.status.exit_code) == (RunStatus.BUDGET, RunStatus.BUDGET.exit_code)


def test_a_run_that_could_not_begin_is_told_of_and_raises_what_it_raised() -> None:
    async def run() -> RunResult:
        raise StateError("the disk is full. Nothing was spent.")

    told, said, started = Told("notify: dead"), list[str](), Started()
    with pytest.raises(StateError, match="the disk is full"):
        asyncio.run(told_of(run, told, no_nights(started), "us", "scraper run us.toml", said.append))
    (notice,) = told.notices
    assert notice == Notice(
        NoticeLevel.FAILURE,
        "scraper: us: error",
        "the disk is full. Nothing was spent.\nno run, exit code 5\nnext: scraper run us.toml",
    )
    assert (told.begun, said) == (1, ["notify: dead"])
    assert [f"{at:%Y-%m-%d}" for at in started.noted] == ["2026-11-21"]


def test_of_three_nights_only_the_dry_one_is_a_message_and_it_names_why(tmp_path: Path) -> None:
    heard = HeardByHook()

    async def use(bench: Bench) -> list[RunStatus]:
        async with heard_on_loopback(heard.hear) as port:
            settings = NotifySettings(ping=f"http://127.0.0.1:{port}/check")
            limits = "requests_per_minute = 60_000\ncredits_per_day = 16\ncredits_per_month = 900"
            job = bench.write_job(ONE_BOARD, accounts=f"[accounts.crawlora]\n{limits}\n")
            found, catalogue = load_job(job)
            order = RunOrder(found, catalogue, job.parent, Opening.NEW, command="scraper run night.toml")

            async def night() -> RunResult:
                return await run_job(order, bench.settings, Heard(), lambda _: None)

            return [(await run_and_tell(night, order, bench.settings, settings, print)).status for _ in range(3)]

    assert on_bench(tmp_path, use) == [RunStatus.COMPLETE, RunStatus.COMPLETE, RunStatus.QUOTA]
    assert [path for path, _ in heard.met] == ["/check/start", "/check"] * 2 + ["/check/start", "/check/fail"]
    first, second, third = (body for path, body in heard.met if not path.endswith("start"))
    assert "rows: hashtags 100 (its first night)" in first
    assert "rows, compared with the night before: hashtags 100 (+0)" in second
    assert "crawlora: the day's limit is reached: 16 of 16 credits spent" in third
    assert "rows, compared with the night before: hashtags 0 (-100)" in third
