"""Status in the morning, over runs as they happen: missed, partial, running, and what --check exits with."""

from __future__ import annotations

import asyncio
import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from scraper.cli.main import cli
from scraper.core.errors import UsageError
from scraper.core.events import RunStatus
from scraper.core.outcomes import Reply
from scraper.core.requests import Request
from scraper.ports import RunRecord
from scraper.wiring.settings import Settings
from scraper.wiring.state import opened_stores
from scraper.wiring.status import Overview, StatusQuery, overview_of
from tests.clock import ShiftedClock, begins_at
from tests.runs.nights import killed_night, night, runs_in, status

DAY_S = 86_400.0
COUNTRIES = ["US", "GB", "JP"]


def job(countries: list[str] = COUNTRIES, every: str = 'every = "day"', budget: int = 100) -> str:
    return f"""
budget = {budget}
{every}
[accounts.crawlora]
plan = "enterprise"
[[crawl]]
endpoint = "crawlora.hashtags"
params = {{ country_code = {json.dumps(countries)}, period = 7 }}
max_pages = 1
"""


def healthy(_: Request, __: float) -> Reply | None:
    return None


def settings(directory: Path, at_s: float) -> Settings:
    return Settings(data=directory / "data", clock=ShiftedClock(begins_at() + timedelta(seconds=at_s)))


def overview(directory: Path, at_s: float, query: StatusQuery = StatusQuery()) -> Overview:  # noqa: B008 - frozen
    return asyncio.run(overview_of(settings(directory, at_s), query))


def nights_from(at: datetime) -> int:
    """How many nights after the first one this night begins."""
    return round((at - begins_at()) / timedelta(days=1))


def said(directory: Path, at_s: float, *words: str) -> tuple[int, str]:
    """The exit code and stdout of `scraper status` at that second."""
    clock = settings(directory, at_s).clock
    line = ["status", *words, "--data", str(directory / "data")]
    result = CliRunner(env={"COLUMNS": "80"}).invoke(cli, line, standalone_mode=False, obj=clock)
    if result.exception is not None:
        raise result.exception
    return result.return_value or 0, result.stdout


def test_a_job_is_told_with_its_newest_night_beside_those_before(tmp_path: Path) -> None:
    for number in range(3):
        night(tmp_path, job(), healthy, begins_s=number * DAY_S)
    night(tmp_path, job(budget=16), healthy, begins_s=3 * DAY_S)
    found = overview(tmp_path, 3 * DAY_S + 3_600)
    (told,) = found.jobs
    assert (told.run.status, told.credits, told.usual_credits, told.compared) == (RunStatus.BUDGET, 16, 24, 3)
    assert [(each.endpoint, each.state, each.why, each.walks) for each in told.partial] == [
        ("crawlora.hashtags", "not_attempted", "budget", 1)
    ]
    assert (told.missed, told.next_at and nights_from(told.next_at), found.worst_code) == ([], 4, 3)


def test_nights_of_a_job_that_asked_for_something_else_are_no_measure(tmp_path: Path) -> None:
    night(tmp_path, job(["US"]), healthy)
    night(tmp_path, job(), healthy, begins_s=DAY_S)
    (told,) = overview(tmp_path, DAY_S + 60).jobs
    assert (told.credits, told.usual_credits, told.compared) == (24, None, 0)


def test_a_night_without_a_run_is_missed_and_check_exits_6_without_the_job_file(tmp_path: Path) -> None:
    night(tmp_path, job(), healthy)
    (tmp_path / "night.toml").unlink()
    assert said(tmp_path, DAY_S + 3_600, "--check", "--format", "json")[0] == 0
    code, text = said(tmp_path, 2 * DAY_S + 4 * 3_600, "--check", "--format", "table")
    assert code == 6
    two = [f"{begins_at() + timedelta(days=n):%Y-%m-%d %H:%M} UTC" for n in (1, 2)]
    assert f"2 nights without a run: {', '.join(two)}" in " ".join(text.split())
    assert said(tmp_path, 2 * DAY_S + 4 * 3_600)[0] == 0, "only --check exits so"
    night(tmp_path, job(), healthy, begins_s=2 * DAY_S + 5 * 3_600)
    assert overview(tmp_path, 2 * DAY_S + 6 * 3_600).worst_code == 0, "a late run makes up for its night"
    week = begins_at()
    (told,) = (seen := overview(tmp_path, 2 * DAY_S + 6 * 3_600, StatusQuery(since=week))).jobs
    assert (list(map(nights_from, told.missed)), seen.worst_code) == ([1], 6), "the night before stays missed"


def test_a_job_that_has_been_given_up_is_no_alarm_for_ever(tmp_path: Path) -> None:
    night(tmp_path, job(), healthy)
    assert overview(tmp_path, 20 * DAY_S).worst_code == 6
    now = begins_at() + timedelta(days=40)
    other = RunRecord("other-1", "other", RunStatus.COMPLETE, 8, now, now, 1.0, None, "", exit_code=0)

    async def add() -> None:
        with opened_stores(settings(tmp_path, 40 * DAY_S), "real") as stores:
            await stores.runs.create_run(other)

    asyncio.run(add())
    found = overview(tmp_path, 40 * DAY_S)
    assert ([each.run.job for each in found.jobs], [run.job for run in found.stopped]) == (["other"], ["night"])
    assert found.worst_code == 0
    assert overview(tmp_path, 40 * DAY_S, StatusQuery(job="night")).worst_code == 6, "unless it is asked for"


def test_a_run_that_is_cut_off_counts_as_130_and_a_running_one_not_at_all(tmp_path: Path) -> None:
    killed_night(tmp_path, job(), 0.0, after=1)
    found = overview(tmp_path, 600)
    assert (found.jobs[0].run.status, found.jobs[0].goes_on, found.worst_code) == (RunStatus.DIED, True, 130)
    with opened_stores(settings(tmp_path, 600), "real") as stores, stores.runs.hold("night"):
        running = overview(tmp_path, 600)
    assert (running.jobs[0].run.status, running.jobs[0].goes_on, running.worst_code) == (RunStatus.OPEN, False, 0)


def test_check_exits_as_the_newest_night_and_since_as_the_worst_of_them(tmp_path: Path) -> None:
    night(tmp_path, job(), lambda _, __: status(401))
    night(tmp_path, job(), healthy, begins_s=DAY_S)
    at_s = DAY_S + 3_600
    assert said(tmp_path, at_s, "--check")[0] == 0
    assert said(tmp_path, at_s, "--check", "--since", "24h")[0] == 0
    assert said(tmp_path, at_s, "--check", "--since", "2d")[0] == 4
    refused, good = (run.run_id for run in runs_in(tmp_path))
    assert (said(tmp_path, at_s, refused, "--check")[0], said(tmp_path, at_s, good, "--check")[0]) == (4, 0)


def test_a_run_is_named_by_last_or_by_the_begin_of_its_id(tmp_path: Path) -> None:
    night(tmp_path, job(), healthy)
    night(tmp_path, job(), healthy, begins_s=DAY_S)
    first, last = (run.run_id for run in runs_in(tmp_path))

    def named(run: str) -> str:
        ((found, _),) = overview(tmp_path, DAY_S + 60, StatusQuery(run=run)).runs
        return found.run_id

    assert (named("last"), named(first), named(last[:15]), named(first[:-1])) == (last, first, last, first)
    with pytest.raises(UsageError) as several:
        named("night-")
    assert str(several.value) == f"night- is the beginning of several run ids: {last}, {first}. Give more of one."
    with pytest.raises(UsageError, match="no run NIGHT is known"):
        named("NIGHT")


def test_a_job_is_chosen_by_name_and_a_slip_finds_the_nearest(tmp_path: Path) -> None:
    night(tmp_path, job(), healthy)
    assert [each.run.job for each in overview(tmp_path, 60, StatusQuery(job="night")).jobs] == ["night"]
    with pytest.raises(UsageError, match="no job nigth has run here; did you mean 'night'"):
        overview(tmp_path, 60, StatusQuery(job="nigth"))


def test_programs_keep_their_keys_and_get_the_nights(tmp_path: Path) -> None:
    night(tmp_path, job(budget=16), healthy)
    content: dict[str, Any] = json.loads(said(tmp_path, 1.5 * DAY_S)[1])
    assert set(content) == {"runs", "accounts", "places", "jobs", "stopped", "new_drift", "worst_exit_code"}
    (told,) = content["jobs"]
    assert told["partial"] == [{"endpoint": "crawlora.hashtags", "state": "not_attempted", "why": "budget", "walks": 1}]
    assert [nights_from(datetime.fromisoformat(at)) for at in told["missed"]] == [1]
    assert (told["every_s"], told["credits"], content["worst_exit_code"]) == (86_400, {"night": 16, "usual": None}, 6)
    assert told["command"].startswith("scraper run") or " run " in told["command"]


def test_drift_is_new_in_the_morning_after_it_was_first_met_and_no_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "configs").mkdir()
    fast = job(["US"]).replace('"enterprise"', '"enterprise"\nrequests_per_minute = 60_000')
    (tmp_path / "configs" / "night.toml").write_text(f'name = "night"\n{fast}')
    monkeypatch.chdir(tmp_path)

    def at(day: int, *words: str) -> Any:
        clock = ShiftedClock(begins_at() + timedelta(days=day))
        ended = CliRunner().invoke(cli, [*words, "--sandbox"], standalone_mode=False, obj=clock)
        return json.loads(ended.stdout)

    def new_drift(day: int) -> set[str]:
        return {each["kind"] for each in at(day, "status")["new_drift"]}

    at(0, "run", "night")
    assert new_drift(0) == set()
    at(1, "run", "night", "--fault", "drift:share=1")
    assert {"new", "missing"} & new_drift(1)
    at(2, "run", "night", "--fault", "drift:share=1")
    assert new_drift(2) == set()
