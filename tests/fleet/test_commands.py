"""``scraper worker``, ``submit`` and ``fleet`` as a person types them."""

from __future__ import annotations

import asyncio
import json
import sys
from datetime import timedelta
from pathlib import Path
from typing import cast

import pytest
from click.testing import CliRunner, Result

from scraper.cli.display.fleet import fleet_json, print_fleet
from scraper.cli.main import cli
from scraper.core.errors import StateError, UsageError
from scraper.core.fleet import FleetTask, GivenUp
from scraper.ports import Lease
from scraper.ports.fleet import FleetOverview, QueuedTask, TaskEnd, TaskState, WorkerRecord
from scraper.runs.fleet import FleetWorker
from scraper.wiring.fleet import Stopping
from tests.cli.examples import rendered
from tests.clock import begins_at
from tests.fleet.fleets import a_fleet, database_url, run_of

JOB = """
name = "{}"
budget = 100
every = "day"
[accounts.crawlora]
plan = "free"
[[crawl]]
endpoint = "crawlora.creators"
params = {{ creator_country = "US" }}
"""
HOUR = timedelta(hours=1)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "configs").mkdir()
    for name in ("night", "noon"):
        (tmp_path / "configs" / f"{name}.toml").write_text(JOB.format(name))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def said(*words: str, **environment: str) -> Result:
    return CliRunner().invoke(cli, words, env=environment)


def test_two_signals_at_once_end_a_worker_in_order_as_its_runs_end_and_a_later_one_ends_it_now() -> None:
    class Worker:
        stops = 0

        @property
        def is_stopping(self) -> bool:
            return self.stops > 0

        def stop(self) -> None:
            self.stops += 1

    worker, told, at = Worker(), list[str](), iter([0.0, 0.4, 2.0])
    stopping = Stopping(cast("FleetWorker", worker), lambda _, words: told.append(words), lambda: next(at))
    for stops in (1, 1, 2):
        stopping()
        assert worker.stops == stops
    assert [words.partition(":")[0] for words in told] == ["stopping", "stopping at once"]


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("words", [("worker",), ("submit", "night"), ("fleet",)])
def test_a_state_in_a_file_and_a_missing_extra_are_one_sentence_each(
    words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    refused = said(*words).exception
    assert isinstance(refused, UsageError)
    assert "a fleet needs its state in a PostgreSQL database" in str(refused)
    monkeypatch.setitem(sys.modules, "procrastinate", None)
    refused = said(*words, SCRAPER_STATE="postgresql+psycopg://u:s3cret@127.0.0.1:9/x").exception
    assert isinstance(refused, UsageError)
    assert "pip install 'metered-scraper[fleet]'" in str(refused)


@pytest.mark.usefixtures("here")
def test_a_server_that_is_not_there_is_a_sentence_without_the_password() -> None:
    refused = said("submit", "night", SCRAPER_STATE="postgresql+psycopg://u:s3cret@127.0.0.1:9/x").exception
    assert isinstance(refused, StateError)
    assert "s3cret" not in str(refused)
    assert "Connection refused" in str(refused)


@pytest.mark.usefixtures("here")
def test_a_submitted_job_waits_once_and_is_shown() -> None:
    url = database_url()
    told = said("submit", "night", "noon", SCRAPER_STATE=url)
    assert (told.exit_code, told.stdout) == (0, "night: queued\nnoon: queued\n")
    assert said("submit", "night", SCRAPER_STATE=url).stdout == "night: already queued\n"
    shown = json.loads(said("fleet", "--format", "json", SCRAPER_STATE=url).stdout)
    assert [(task["job"], task["state"]) for task in shown["tasks"]] == [("night", "queued"), ("noon", "queued")]
    assert (shown["workers"], shown["leases"]) == ([], [])
    assert "no worker · 0 running · 2 queued" in said("fleet", "--format", "table", SCRAPER_STATE=url).stdout
    assert said("submit", "--compact", SCRAPER_STATE=url).exit_code != 0, "there is no ledger yet"

    async def fails(_task: FleetTask, _attempts: int) -> TaskEnd:
        return TaskEnd(GivenUp(), 2, "error: configs/night.toml: budget: missing")

    async def whole() -> None:
        async with a_fleet("night", "noon", url=url) as fleet:
            await fleet.all_over(await fleet.worker("there:1", fails), 2)

    asyncio.run(whole())
    rows = said("fleet", "--format", "csv", SCRAPER_STATE=url).stdout.splitlines()
    assert len(rows) == 3
    assert all(row.endswith("there:1,2,error: configs/night.toml: budget: missing") for row in rows[1:])


@pytest.mark.parametrize(
    ("words", "met"),
    [
        (("submit",), "give one or more jobs, or --compact, or --rebuild TABLE."),
        (("submit", "night", "--compact"), "give one or more jobs, or --compact, or --rebuild TABLE."),
        (("submit", "--rebuild", "hashtag"), "no table hashtag is made from pages; did you mean 'hashtags'?"),
        (("submit", "nigt"), "there is no job nigt in configs"),
        (("worker", "nigt"), "there is no job nigt in configs"),
    ],
)
@pytest.mark.usefixtures("here")
def test_a_slip_is_answered_with_what_to_write(words: tuple[str, ...], met: str) -> None:
    refused = said(*words, SCRAPER_STATE="postgresql+psycopg://127.0.0.1:9/x").exception
    assert isinstance(refused, UsageError)
    assert met in str(refused)


def test_a_project_whose_jobs_all_have_faults_has_no_worker(here: Path) -> None:
    for path in (here / "configs").glob("*.toml"):
        path.write_text("name = 1")
    told = said("worker", SCRAPER_STATE="postgresql+psycopg://127.0.0.1:9/x")
    assert isinstance(told.exception, UsageError)
    assert "Mend the files named above." in str(told.exception)
    assert "night.toml is left out: " in told.stderr


def test_a_fleet_is_shown_to_people_within_their_terminal() -> None:
    now = begins_at()
    workers = [
        WorkerRecord("alpha:12", "0.1.0", now - 9 * HOUR, now - timedelta(seconds=4), False, 2, ("night", "noon")),
        WorkerRecord("beta:7", "0.1.0", now - 9 * HOUR, now - HOUR, True, 1, ("night",)),
    ]
    task = run_of("night")
    tasks = [
        QueuedTask(1, task, TaskState.RUNNING, 0, now - HOUR, worker="alpha:12"),
        QueuedTask(2, run_of("noon"), TaskState.RUNNING, 1, now - HOUR, worker="beta:7", is_lost=True),
        QueuedTask(3, run_of("late"), TaskState.QUEUED, 2, now, now + HOUR, exit_code=5, words="the disk is full"),
        QueuedTask(5, run_of("other"), TaskState.QUEUED, 0, now),
        QueuedTask(4, run_of("gone"), TaskState.GIVEN_UP, 1, now, worker="beta:7", exit_code=4, words="no such key"),
    ]
    fleet = FleetOverview(now, workers, tasks)
    lease = Lease("job:night", "alpha:99", 3, now, now + HOUR, is_live=True)
    told = rendered(lambda console: print_fleet(fleet, [lease], console))
    assert max(map(len, told.splitlines())) <= 80
    for part in (
        "1 worker · 1 lost · 2 running · 2 queued",
        "1 of 2",
        "night · on alpha:12 for 1 h",
        "lost",
        "tried 2× · the disk is full",
        "exit code 4 · no such key",
        "process alpha:99",
        "other · no worker has this job",
    ):
        assert part in told
    assert fleet_json(fleet, [lease])["leases"][0]["what"] == "job:night"
