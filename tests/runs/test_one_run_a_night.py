"""Which run a command carries out: one for each night, one for a one-off job until it is complete, and what it says."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from scraper.core.errors import UsageError
from scraper.core.events import Noted, RunResult, RunStatus
from scraper.core.outcomes import Reply
from scraper.core.requests import Request
from scraper.core.units import iso_utc
from scraper.ports import RunRecord
from scraper.runs.crawl import CrawlProcess
from scraper.runs.resume import Opening
from scraper.wiring.settings import Settings
from scraper.wiring.state import opened_stores
from scraper.wiring.status import StatusQuery, overview_of
from tests.clock import begins_at
from tests.examples import thorough
from tests.runs.harness import Heard, HurriedClock
from tests.runs.nights import Night, ends_in, killed_night, night, runs_in, status

DAY_S, JITTER_S = 86_400.0, 90.0
NIGHTS = 30 if thorough() else 9
"""With the suite each of the eight kinds after the one before it."""
COUNTRIES = ("US", "GB", "JP", "DE", "FR", "BR")
PRICE = 8


def job(
    every: str = 'every = "day"', countries: tuple[str, ...] = COUNTRIES, budget: int = 1_000, more: str = ""
) -> str:
    return f"""
budget = {budget}
{every}
[accounts.crawlora]
plan = "enterprise"
{more}
[[crawl]]
endpoint = "crawlora.hashtags"
params = {{ country_code = {list(countries)}, period = 7 }}
max_pages = 1
"""


def healthy(_: Request, __: float) -> None:
    return None


def refusing(code: int, but: int = 0) -> Callable[[Request, float], Reply | None]:
    """A vendor that answers so many requests, and no more."""
    left = [but]

    def answered(_: Request, __: float) -> Reply | None:
        left[0] -= 1
        return None if left[0] >= 0 else status(code)

    return answered


def stopped(directory: Path, text: str, begins_s: float, after: int = 2) -> Night:
    """A process that is told to stop while a request is in flight."""
    crawls, left = list[CrawlProcess](), [after]

    def stop(_: Request, __: float) -> None:
        left[0] -= 1
        if left[0] == 0:
            crawls[0].stop()

    return night(directory, text, stop, begins_s=begins_s, begun=crawls.append)


def said(run: RunRecord) -> tuple[RunStatus, int | None, str]:
    return run.status, run.exit_code, run.message


def of(result: RunResult) -> tuple[RunStatus, int | None, str]:
    return result.status, result.status.exit_code, result.message


def countries(of: Night) -> list[str | None]:
    return [request.walk.country for _, request in of.sent]


# --- thirty nights ----------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Thirty:
    """What happened on thirty nights, and what was said of each when it ended."""

    directory: Path
    text: str
    said: dict[str, tuple[RunStatus, int | None, str]]
    open: set[str]

    def heard(self, result: RunResult) -> None:
        self.said[result.run_id] = of(result)

    def died(self) -> None:
        self.said[runs_in(self.directory)[-1].run_id] = (RunStatus.DIED, None, "")

    def on(self, number: int, at_s: float) -> None:
        """One of eight kinds of nights, in turn."""
        before = len(runs_in(self.directory))
        match number % 8:
            case 0:
                self.heard(night(self.directory, self.text, healthy, begins_s=at_s).result)
            case 1:
                self.heard(night(self.directory, self.text, refusing(401, but=2), begins_s=at_s).result)
            case 2:
                self.heard(stopped(self.directory, self.text, at_s).result)
            case 3:
                self.heard(night(self.directory, self.text, refusing(402, but=3), begins_s=at_s).result)
            case 4:
                killed_night(self.directory, self.text, at_s, after=2)
                self.died()
            case 5:  # killed, and started again by hand
                killed_night(self.directory, self.text, at_s, after=2)
                self.heard(night(self.directory, self.text, healthy, begins_s=at_s + 3_600).result)
            case 6:  # interrupted, and started again by a second timer, which fires after complete nights too
                stopped(self.directory, self.text, at_s)
                self.heard(night(self.directory, self.text, healthy, begins_s=at_s + 7_200).result)
                again = night(self.directory, self.text, healthy, begins_s=at_s + 14_400)
                assert (again.sent, of(again.result)) == ([], self.said[again.result.run_id])
            case _:
                missing = lambda request, _: status(404) if request.walk.country == "JP" else None  # noqa: E731
                self.heard(night(self.directory, self.text, missing, begins_s=at_s).result)
        assert len(runs_in(self.directory)) == before + 1, f"night {number} has one run"


@pytest.mark.combined
@pytest.mark.parametrize("stated", [True, False], ids=["starts_at", "no starts_at"])
def test_nights_with_a_jitter_of_90_s_have_one_run_each_and_every_reason_is_there_at_the_end(
    tmp_path: Path, stated: bool
) -> None:
    chance = random.Random(7)
    hour = begins_at() + timedelta(seconds=1_000)
    every = f'every = "day"\nstarts_at = "{hour:%H:%M}"' if stated else 'every = "day"'
    month = Thirty(tmp_path, job(every), {}, set())
    for number in range(NIGHTS):
        month.on(number, 1_000 + number * DAY_S + chance.uniform(-JITTER_S, JITTER_S))
    runs = runs_in(tmp_path)
    assert {run.run_id: said(run) for run in runs} == month.said
    assert {status for status, _, _ in month.said.values()} == {
        RunStatus.COMPLETE, RunStatus.REFUSED, RunStatus.INTERRUPTED, RunStatus.QUOTA, RunStatus.DIED, RunStatus.FAILED,
    }  # fmt: skip
    begun = [run.night_at for run in runs]
    assert begun[0] is not None
    assert begun == [begun[0] + timedelta(days=number) for number in range(NIGHTS)]
    superseded = [run.superseded_by for run in runs]
    followed = [later.run_id for later in runs[1:]]
    assert superseded == [
        None if run.status.closes else after for run, after in zip(runs, [*followed, None], strict=True)
    ]


# --- the alarm --------------------------------------------------------------------------------------------------------

NO_ALARM = {0, 3}
"""The rule of the documentation: an alarm on any exit code but 0 and 3."""


@pytest.mark.own_instant
def test_seven_nights_on_an_account_that_runs_dry_raise_an_alarm_from_the_first_that_misses_something(
    tmp_path: Path,
) -> None:
    """They were silent: a night that bought nothing exited as one that kept to its budget."""
    dry = job(more=f"credits_per_month = {10 * PRICE}")
    made = [night(tmp_path, dry, healthy, begins_s=number * DAY_S).result for number in range(7)]
    assert [result.charged // PRICE for result in made] == [6, 4, 0, 0, 0, 0, 0]
    assert [result.status.exit_code for result in made] == [0, 7, 7, 7, 7, 7, 7]
    assert [result.status.exit_code not in NO_ALARM for result in made] == [False, *[True] * 6]
    assert all(result.next_at is not None and iso_utc(result.next_at) in result.message for result in made[1:])
    assert [run.exit_code for run in runs_in(tmp_path)] == [0, 7, 7, 7, 7, 7, 7]


def test_seven_nights_that_keep_to_their_budget_raise_none_and_one_with_a_failure_beside_does(tmp_path: Path) -> None:
    text = job(budget=3 * PRICE)
    made = [night(tmp_path, text, healthy, begins_s=number * DAY_S).result for number in range(7)]
    assert {result.status.exit_code for result in made} == {3}
    failing = night(tmp_path, text, refusing(400), begins_s=7 * DAY_S).result
    assert (failing.status, failing.status.exit_code) == (RunStatus.FAILED, 6)
    mixed = night(tmp_path, text, lambda r, _: status(400) if r.walk.country == "GB" else None, begins_s=8 * DAY_S)
    assert (mixed.result.walks["failed"], mixed.result.walks["not_attempted"]) == (1, 2)
    assert mixed.result.status.exit_code not in NO_ALARM
    assert "bad request" in mixed.result.message
    assert "budget reached" in mixed.result.message


# --- jitter -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("jitter_s", [-JITTER_S, -1, 1])
@pytest.mark.parametrize("first", ["complete", "interrupted", "killed"])
def test_a_second_of_jitter_decides_nothing_however_the_night_before_ended(
    tmp_path: Path, jitter_s: float, first: str
) -> None:
    """At the instant at which its nights begin, 24 hours later give or take a second."""
    text = job(f'every = "day"\nstarts_at = "{begins_at():%H:%M}"')
    match first:
        case "complete":
            night(tmp_path, text, healthy)
        case "interrupted":
            stopped(tmp_path, text, 0.0)
        case _:
            killed_night(tmp_path, text, 0.0, after=1)
    made = night(tmp_path, text, healthy, begins_s=DAY_S + jitter_s)
    one, other = runs_in(tmp_path)
    assert (made.result.run_id, made.result.status, len(made.sent)) == (other.run_id, RunStatus.COMPLETE, 6)
    assert one.superseded_by == (None if first == "complete" else other.run_id)


# --- what is left over ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["stopped", "killed"])
def test_what_an_open_run_of_an_earlier_night_left_over_comes_first(tmp_path: Path, how: str) -> None:
    text = job()
    if how == "stopped":
        bought = set(countries(stopped(tmp_path, text, 0.0)))
    else:
        killed_night(tmp_path, text, 0.0, after=2)  # the second one is in flight then
        bought = {"US"}
    made = night(tmp_path, text, healthy, begins_s=DAY_S)
    left = len(COUNTRIES) - len(bought)
    assert set(countries(made)[:left]) == set(COUNTRIES) - bought
    assert set(countries(made)) == set(COUNTRIES)


def test_a_killed_run_goes_on_in_its_night_and_its_death_stays_told(tmp_path: Path) -> None:
    killed_night(tmp_path, job(), 0.0, after=2)
    heard = Heard()
    made = night(tmp_path, job(), healthy, begins_s=600, heard=heard)
    (run,) = runs_in(tmp_path)
    assert (run.run_id, run.status, run.exit_code) == (made.result.run_id, RunStatus.COMPLETE, 0)
    assert [(end.status, end.exit_code) for end in ends_in(tmp_path, run.run_id)] == [
        (RunStatus.DIED, None), (RunStatus.COMPLETE, 0),
    ]  # fmt: skip
    notes = [event.sentence for event in heard.events if isinstance(event, Noted)]
    assert notes == [f"resuming run {run.run_id}: its last process died"]
    assert made.result.unknown == 2 * PRICE


# --- done -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("budget", "answers", "code"),
    [(1_000, healthy, 0), (16, healthy, 3), (1_000, lambda r, _: status(404) if r.walk.country == "GB" else None, 6)],
)
def test_a_night_that_is_done_is_left_alone_and_exits_as_its_run_did(
    tmp_path: Path, budget: int, answers: Callable[[Request, float], Reply | None], code: int
) -> None:
    first = night(tmp_path, job(budget=budget), answers).result
    again = night(tmp_path, job(budget=budget), healthy, begins_s=3_600)
    assert (again.sent, again.result.run_id, again.result.status.exit_code) == ([], first.run_id, code)
    assert again.result.message == first.message
    assert f"this night's run {first.run_id} " in again.result.warnings[0]
    assert "nothing was spent now" in again.result.warnings[0]
    assert "--new starts a run now" in again.result.warnings[0]
    anew = night(tmp_path, job(budget=budget), healthy, Opening.NEW, begins_s=3_600)
    assert len(anew.sent) == min(6, budget // PRICE)
    assert night(tmp_path, job(budget=budget), healthy, begins_s=DAY_S).sent != []


def test_a_one_off_job_goes_on_for_days_until_it_is_complete_and_is_bought_again_only_with_new(tmp_path: Path) -> None:
    text = job("", more=f"credits_per_day = {2 * PRICE}")
    made = [night(tmp_path, text, healthy, begins_s=day * DAY_S) for day in range(4)]
    assert [each.result.status for each in made] == [*[RunStatus.QUOTA] * 2, *[RunStatus.COMPLETE] * 2]
    assert [len(each.sent) for each in made] == [2, 2, 2, 0]
    assert len({each.result.run_id for each in made}) == 1
    assert [each.result.exit_code for each in made] == [7, 7, 0, 2], "a timer that starts it again is no success"
    assert made[3].result.warnings == (
        f"job night completed at {runs_in(tmp_path)[0].ended_at:%Y-%m-%d %H:%M} UTC, and nothing was spent now: "
        "--new buys it again (a repeated job needs the key every)",
    )
    anew = night(tmp_path, text, healthy, Opening.NEW, begins_s=4 * DAY_S)
    assert (len(anew.sent), anew.result.run_id == made[0].result.run_id) == (2, False)


def test_a_one_off_job_that_failed_tries_again_what_is_missing_within_the_same_budget(tmp_path: Path) -> None:
    gone = night(tmp_path, job(""), lambda r, _: status(400) if r.walk.country == "GB" else None)
    assert gone.result.status is RunStatus.FAILED
    again = night(tmp_path, job(""), healthy, begins_s=DAY_S)
    assert (again.result.run_id, countries(again)) == (gone.result.run_id, ["GB"])
    assert (again.result.status, again.result.walks["failed"]) == (RunStatus.COMPLETE, 0)


# --- what was asked ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("every", ["", 'every = "day"'], ids=["one-off", "nightly"])
def test_an_edited_job_does_not_go_on_with_a_run_that_asked_for_something_else(tmp_path: Path, every: str) -> None:
    """It went on, and ended complete with two failed walks that the job did not ask for any more."""

    def bad(request: Request, _: float) -> Reply | None:
        return status(400) if request.walk.country in {"BR", "FR"} else None

    crawls = list[CrawlProcess]()

    def bad_then_stopped(request: Request, at_s: float) -> Reply | None:
        if request.walk.country == "JP":
            crawls[0].stop()
        return bad(request, at_s)

    first = night(tmp_path, job(every, ("BR", "FR", "JP", "US")), bad_then_stopped, begun=crawls.append)
    assert (first.result.status, first.result.walks["failed"]) == (RunStatus.INTERRUPTED, 2)
    before = said(runs_in(tmp_path)[0])
    heard = Heard()
    edited = night(tmp_path, job(every, ("GB", "JP", "US")), healthy, begins_s=600, heard=heard)
    one, other = runs_in(tmp_path)
    assert (said(one), one.superseded_by, other.run_id) == (before, other.run_id, edited.result.run_id)
    assert (edited.result.status, edited.result.walks["failed"]) == (RunStatus.COMPLETE, 0)
    assert countries(edited)[0] == "US", "it is left over and still asked for"
    (note,) = (event.sentence for event in heard.events if isinstance(event, Noted))
    assert note == (
        f"run {one.run_id} is not continued (ended as interrupted): the job has changed since then "
        "(crawl crawlora.hashtags: country_code adds GB and drops BR, FR), so a new run begins; its left-over walks "
        "come first"
    )
    assert note in edited.result.warnings


def test_a_job_that_is_equal_in_meaning_goes_on(tmp_path: Path) -> None:
    cut = stopped(tmp_path, job(""), 0.0)
    text = job("", COUNTRIES[::-1]).replace('plan = "enterprise"', 'name = "default" # ours\nplan = "business"')
    made = night(tmp_path, text.replace("period = 7", "period = [7]"), healthy, begins_s=600)
    assert (made.result.run_id, made.result.status) == (cut.result.run_id, RunStatus.COMPLETE)


def test_a_run_that_asked_for_something_else_is_not_resumed_by_option_either(tmp_path: Path) -> None:
    cut = stopped(tmp_path, job(), 0.0)
    with pytest.raises(UsageError) as refused:
        night(tmp_path, job(countries=("US",)), healthy, Opening.RESUME, begins_s=600)
    assert str(refused.value) == (
        f"run {cut.result.run_id} requested something else (crawl crawlora.hashtags: country_code drops BR, DE, FR, "
        "GB, JP) and cannot be resumed. Nothing was spent. Omit --resume to start a new run of the job as it is now."
    )


def test_a_night_that_is_done_is_not_bought_again_because_its_job_was_edited(tmp_path: Path) -> None:
    night(tmp_path, job(), healthy)
    edited = night(tmp_path, job(countries=(*COUNTRIES, "IT")), healthy, begins_s=600)
    assert edited.sent == []
    assert (
        "the job has changed since then (crawl crawlora.hashtags: country_code adds IT)" in (edited.result.warnings[0])
    )
    assert "IT" in countries(night(tmp_path, job(countries=(*COUNTRIES, "IT")), healthy, begins_s=DAY_S))


def test_a_run_keeps_its_budget_and_says_that_the_job_states_another(tmp_path: Path) -> None:
    cut = stopped(tmp_path, job(budget=100), 0.0)
    made = night(tmp_path, job(budget=60), healthy, begins_s=600)
    assert (made.result.run_id, made.result.budget, made.result.status) == (cut.result.run_id, 100, RunStatus.COMPLETE)
    assert made.result.warnings == (
        f"run {cut.result.run_id} keeps its budget of 100 credits; the job now states 60, which --resume --budget 60 "
        "applies",
    )


# --- alive or dead ----------------------------------------------------------------------------------------------------


def test_status_tells_a_running_run_from_a_dead_one_by_its_lock_and_changes_nothing(tmp_path: Path) -> None:
    killed_night(tmp_path, job(), 0.0, after=2)
    settings = Settings(data=tmp_path / "data", clock=HurriedClock())

    def status_now() -> RunStatus:
        [(run, _)] = asyncio.run(overview_of(settings, StatusQuery(limit=1))).runs
        return run.status

    assert status_now() is RunStatus.DIED
    with opened_stores(settings, "real") as stores, stores.runs.hold("night"):
        assert status_now() is RunStatus.OPEN, "its process may be this one"
    assert [run.status for run in runs_in(tmp_path)] == [RunStatus.OPEN], "the next run notes it"
