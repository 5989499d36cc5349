"""Several jobs in one command, and the sandbox's pace."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from scraper.cli.several import AbortedRun, JobsInTurn
from scraper.core.errors import WORST_FIRST, ScraperError, UsageError, worst_exit_code
from scraper.core.events import RunStatus
from scraper.wiring.settings import Settings
from tests.docs.place import Said, said
from tests.runs.harness import HurriedClock

JOB = """
name = "{name}"
budget = {budget}
weight = {weight}
[accounts.crawlora]
plan = "free"
[[crawl]]
endpoint = "crawlora.hashtags"
params = {{ country_code = [{countries}] }}
max_pages = 1
"""


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with jobs of one account: `light`, `heavy` and `poor`, which cannot buy all of what it asks for."""
    (tmp_path / "configs").mkdir()
    for name, weight, budget, countries in (("light", 1, 8, "US"), ("heavy", 3, 8, "GB"), ("poor", 1, 8, "JP,FR")):
        codes = ", ".join(f'"{code}"' for code in countries.split(","))
        text = JOB.format(name=name, weight=weight, budget=budget, countries=codes)
        (tmp_path / "configs" / f"{name}.toml").write_text(text)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*words: str) -> Said:
    return said(["run", *words, "--sandbox"], HurriedClock())


def results(ended: Said) -> Sequence[dict[str, Any]]:
    assert ended.stdout, ended.stderr
    found: list[dict[str, Any]] = json.loads(ended.stdout)
    return found


def result(*words: str) -> dict[str, Any]:
    ended = run(*words)
    assert ended.stdout, ended.stderr
    found: dict[str, Any] = json.loads(ended.stdout)
    return found


@pytest.mark.usefixtures("place")
def test_jobs_run_by_their_weights_and_the_command_exits_as_the_worst() -> None:
    ended = run("light", "poor", "heavy")
    assert ended.exit_code == 3
    assert [(each["job"], each["status"]) for each in results(ended)] == [
        ("heavy", "complete"),
        ("light", "complete"),
        ("poor", "budget"),
    ]
    accounts = json.loads(said(["account", "--sandbox", "--format", "json"], HurriedClock()).stdout)
    assert [(each["account"], each["day"]["charged"]) for each in accounts] == [("crawlora/default", 24)]


def test_a_job_that_cannot_be_read_or_found_does_not_stop_the_others(place: Path) -> None:
    (place / "configs" / "broken.toml").write_text('name = "broken"\n')
    ended = run("configs/broken.toml", "unknown", "light", "-o", "results.json")
    assert (ended.exit_code, ended.stdout) == (2, "")
    broken, unknown, light = json.loads((place / "results.json").read_text())
    assert [(each["job"], each["status"], each["exit_code"]) for each in (broken, unknown)] == [
        ("configs/broken.toml", "not_started", 2),
        ("unknown", "not_started", 2),
    ]
    assert "there is no job unknown in configs" in unknown["message"]
    assert light["status"] == "complete"
    assert "error: configs/broken.toml: 2 problems; nothing was sent:" in ended.stderr
    assert ended.stderr.endswith("configs/broken.toml not started · unknown not started · light complete\n")


def test_an_error_is_told_in_spite_of_quiet(place: Path) -> None:
    (place / "configs" / "faulty.toml").write_text('name = "faulty"\n')
    ended = run("faulty", "light", "-q", "--format", "table")
    assert ended.exit_code == 2
    assert ended.stderr.startswith("error: faulty: 2 problems; nothing was sent:")


@pytest.mark.usefixtures("place")
def test_one_job_is_an_object_as_ever_and_one_that_is_named_twice_runs_once() -> None:
    assert result("light")["job"] == "light"
    assert [each["job"] for each in results(run("heavy", "configs/heavy.toml"))] == ["heavy"]


def test_a_pattern_that_names_the_accounts_too_runs_the_jobs(place: Path) -> None:
    account = '[accounts.crawlora]\nplan = "free"\n'
    for name in ("light", "heavy"):
        job = place / "configs" / f"{name}.toml"
        job.write_text(job.read_text().replace(account, ""))
    (place / "configs" / "accounts.toml").write_text(account)
    (place / "configs" / "poor.toml").unlink()
    paths = sorted(os.path.relpath(path) for path in (place / "configs").glob("*.toml"))
    assert [each["job"] for each in results(run(*paths))] == ["heavy", "light"]


def test_jobs_of_two_ledgers_or_of_one_name_are_refused_before_anything_is_sent(place: Path) -> None:
    other = place / "other" / "configs"
    other.mkdir(parents=True)
    text = (place / "configs" / "light.toml").read_text()
    (other / "light.toml").write_text(text)
    refused = run("light", "other/configs/light.toml")
    assert refused.exit_code == 2
    assert "belong to different projects, with data in data/sandbox and other/data/sandbox" in refused.stderr
    (place / "configs" / "same.toml").write_text(text)
    assert "configs/light.toml and configs/same.toml are both named light" in run("light", "same").stderr
    assert not (place / "data").exists()


@pytest.mark.usefixtures("place")
@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("light", "heavy", "--budget", "80", "--sandbox"), "--budget applies to one run"),
        (("light", "--rate"), "--rate needs --sandbox"),
    ],
)
def test_options_that_do_not_go_together_are_refused(words: Sequence[str], told: str) -> None:
    refused = said(["run", *words], HurriedClock())
    assert refused.exit_code == 2
    assert told in refused.stderr


@pytest.mark.usefixtures("place")
def test_people_see_each_result_and_a_last_line_of_all() -> None:
    ended = run("light", "heavy", "--format", "table")
    assert ended.stdout.index("heavy-") < ended.stdout.index("light-")
    assert ended.stderr.splitlines()[-1] == "heavy complete · light complete"


@pytest.mark.parametrize("stop", [KeyboardInterrupt(), AbortedRun()])
def test_ctrl_c_keeps_the_other_jobs_from_starting(stop: BaseException) -> None:
    turns = JobsInTurn()

    def stopped() -> None:
        raise stop

    assert turns.attempt("night", stopped, "error") is None
    assert (turns.interrupted, turns.exit_code()) == (True, 130)


def test_a_bug_is_raised_once_the_other_jobs_have_run() -> None:
    turns = JobsInTurn()

    def bug() -> None:
        raise LookupError("unforeseen")

    assert turns.attempt("night", bug) is None
    assert turns.attempt("week", lambda: 7) == 7
    assert [each["message"] for each in turns.content] == ["a bug in scraper: LookupError"]
    with pytest.raises(LookupError):
        turns.exit_code()


def test_every_exit_code_has_its_place_among_the_worst() -> None:
    stated = {status.exit_code for status in RunStatus} | {0, UsageError.exit_code, ScraperError.exit_code}
    assert stated <= set(WORST_FIRST)
    assert [worst_exit_code(codes) for codes in ((), (0, 3), (3, 7, 6), (2, 5, 4), (5, 130, 1))] == [0, 3, 6, 5, 130]


# --- pace -------------------------------------------------------------------------------------------------------------


def paced(place: Path, rate: int, countries: str) -> None:
    text = JOB.format(name="week", weight=1, budget=80, countries=countries)
    text = text.replace('plan = "free"', f'name = "paced"\nplan = "free"\nrequests_per_minute = {rate}')
    (place / "configs" / "week.toml").write_text(text)


def test_the_sandbox_keeps_the_rate_of_a_plan_only_if_that_is_asked_for(place: Path) -> None:
    paced(place, 1, '"US", "GB", "JP"')
    fast = result("week")
    assert (fast["rows"], fast["sandbox_at_rate_s"]) == ({"hashtags": 300}, 120)
    assert fast["elapsed_s"] < 60
    told = run("week", "--new", "--format", "table").stdout
    assert "at the plan's rate (--rate), about 2 min" in told
    paced(place, 60, '"US", "GB"')
    slow = result("week", "--rate", "--data", "slow")
    assert slow["elapsed_s"] >= 1
    assert "sandbox_at_rate_s" not in slow


def test_the_sandbox_limits_credits_whatever_its_pace(place: Path) -> None:
    paced(place, 1, '"US", "GB"')
    job = place / "configs" / "week.toml"
    job.write_text(job.read_text().replace('plan = "free"', 'plan = "free"\ncredits_per_day = 8'))
    ended = result("week")
    assert (ended["status"], ended["sandbox_charged"]) == ("quota", {"crawlora": 8})


def test_an_address_of_the_user_keeps_its_rate(tmp_path: Path) -> None:
    lifted = Settings(data=tmp_path, sandbox=True, keeps_rate=False)
    assert lifted.lifts_rate
    assert not replace(lifted, vendor_urls={"crawlora": "https://example.com"}).lifts_rate
    assert not replace(lifted, sandbox=False).lifts_rate


@pytest.mark.usefixtures("place")
def test_a_plan_for_the_sandbox_says_that_it_is_faster() -> None:
    told = said(["plan", "light", "--sandbox", "--format", "table"], HurriedClock()).stdout
    assert "the sandbox is faster: it keeps the plan's rate only with --rate" in told
