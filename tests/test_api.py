"""The package from Python: what is public, and jobs from scripts and notebooks."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import inspect
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import cast

import numpy
import pytest
from rich.text import Text

import scraper
from scraper.api import LoadedJob
from scraper.cli.notebook import NotebookProgress, drawn_in_place
from scraper.wiring.project import project_of
from scraper.wiring.settings import Settings
from tests.runs.harness import HurriedClock

JOB = """
name = "night"
budget = 24
[accounts.crawlora]
plan = "free"
[[crawl]]
endpoint = "crawlora.hashtags"
params = { country_code = ["US", "GB", "JP"] }
max_pages = 1
"""

PUBLIC = {
    "connect": "(path=None, configs=None)",
    "load": "(job, *, vendor_urls=None, allow_hosts=())",
    "LoadedJob.plan": "(self, *, budget=None, sandbox=False, data=None)",
    "LoadedJob.run": "(self, *, budget=None, new=False, resume=False, sandbox=False, data=None, progress=False, "
    "on_event=None)",
    "LoadedJob.run_sync": "(self, *, budget=None, new=False, resume=False, sandbox=False, data=None, progress=False, "
    "on_event=None)",
    "LoadedJob.status": "(self, *, sandbox=False, data=None, limit=10)",
    "JobRun": "(result, started_at, ended_at, night_at)",
    "Plan": "(job, budget, fits, crawls, requests, credits, rows, duration_s, calendar, done_at, overage_usd, "
    "size_bytes, dropped, warnings, done=False, tonight=None, forecast=None, knowing=None)",
    "CrawlPlan": "(name, endpoint, vendor, table, cost, walks, requests, credits, rows, basis, "
    "bounded_by_budget=False, reused=0, explanation=())",
    "Day": "(day, credits, requests)",
    "Range": "(low, likely, high)",
    "RunResult": "(run_id, job, status, budget, charged, presumed, unknown, requests, reused, walks, rows, elapsed_s, "
    "retried=0, next_at=None, message='', warnings=(), asks=False, sandbox_charged=None, sandbox_faults=None, "
    "sandbox_at_rate_s=None, notes=(), elsewhere=False)",
    "ProjectInUse": "(project, data, configs, accounts, state='', archive='', new_ledger='')",
    "LedgerSettled": "(message)",
    "RunStarted": "(run_id, job, budget, resumed, spent, share='', access='')",
    "Noted": "(sentence)",
    "RequestSettled": "(label, vendor, endpoint, page, attempt, outcome, ending, charge, credits, rows, size_bytes, "
    "elapsed_s, detail='')",
    "Waiting": "(vendor, wait_s, reason)",
    "Stopped": "(vendor, reason)",
    "Drained": "(pages, rows, unreadable)",
    "RunEnded": "(result)",
    "Fault": "(where, message)",
}
"""What scripts are written against; a change of one of these is a change for them, and stands in the changelog."""
STATUSES = "open complete budget quota refused failed unreachable error interrupted died"
ERRORS = {
    "ConfigurationError": "ScraperError",
    "UsageError": "ScraperError",
    "QueryError": "ScraperError",
    "StorageError": "ScraperError",
    "StateError": "StorageError",
    "ArchiveError": "StorageError",
}


def parameters(name: str) -> str:
    """The signature of a public name, without annotations."""
    found: object = scraper
    for part in name.split("."):
        found = getattr(found, part)
    assert callable(found)
    signature = inspect.signature(found)
    bare = [parameter.replace(annotation=inspect.Parameter.empty) for parameter in signature.parameters.values()]
    return str(signature.replace(parameters=bare, return_annotation=inspect.Signature.empty)).replace(" = ", "=")


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs" / "night.toml").write_text(JOB)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def job(place: Path) -> LoadedJob:
    path = place / "configs" / "night.toml"
    return LoadedJob(path, Settings(project=project_of(path), clock=HurriedClock()))


# --- what is public ---------------------------------------------------------------------------------------------------


def test_the_public_names_are_these() -> None:
    names = {name.partition(".")[0] for name in PUBLIC}
    assert set(scraper.__all__) == names | ERRORS.keys() | {
        "__version__",
        "LoadedJob",
        "RunStatus",
        "Event",
        "ScraperError",
    }
    assert len(scraper.__all__) == len(set(scraper.__all__))
    assert set(scraper.__all__) <= set(dir(scraper))
    with pytest.raises(AttributeError, match="has no attribute 'lode'"):
        getattr(scraper, "lode")  # noqa: B009 - for mypy there is none


@pytest.mark.parametrize("name", PUBLIC)
def test_a_public_name_keeps_its_parameters_and_is_described(name: str) -> None:
    assert parameters(name) == PUBLIC[name]
    owner = getattr(scraper, name.partition(".")[0])
    described = owner if "." not in name else getattr(owner, name.partition(".")[2])
    assert inspect.getdoc(described)
    if isinstance(described, type):
        assert dataclasses.is_dataclass(described)
        assert described.__dataclass_params__.frozen  # type: ignore[attr-defined]
        assert not (inspect.getdoc(described) or "").startswith(f"{name}(")


def test_every_public_name_stands_in_the_manual() -> None:
    page = (Path(scraper.__file__).parent / "docs" / "python.md").read_text(encoding="utf-8")
    assert [name for name in scraper.__all__ if name not in page and name != "__version__"] == []


def test_statuses_and_errors_are_these() -> None:
    assert " ".join(scraper.RunStatus) == STATUSES
    assert {name: getattr(scraper, name).__base__.__name__ for name in ERRORS} == ERRORS


def test_importing_the_package_imports_nothing_heavy() -> None:
    code = """
import sys, scraper
scraper.RunResult, scraper.ScraperError, scraper.Plan
print([name for name in ("aiohttp", "duckdb", "pyarrow", "pydantic", "sqlalchemy", "rich", "click", "asyncio")
       if name in sys.modules])
"""
    root = Path(__file__).parents[1]
    ended = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert ended.stdout.strip() == "[]"


# --- jobs -------------------------------------------------------------------------------------------------------------


def test_a_script_plans_runs_and_looks(job: LoadedJob, place: Path) -> None:
    assert job.status(sandbox=True) == ()
    assert not (place / "data").exists()
    planned = job.plan(sandbox=True)
    assert (planned.job, planned.credits, planned.fits) == ("night", scraper.Range(24, 24, 24), True)
    heard: list[scraper.Event] = []
    result = job.run_sync(sandbox=True, on_event=heard.append)
    assert (result.status, result.exit_code, result.rows) == (scraper.RunStatus.COMPLETE, 0, {"hashtags": 300})
    assert [type(event).__name__ for event in heard] == [
        "ProjectInUse",
        "RunStarted",
        *["RequestSettled"] * 3,
        "Drained",
        "RunEnded",
    ]
    [known] = job.status(sandbox=True)
    assert (known.result.run_id, known.result.charged, known.result.rows) == (result.run_id, 24, result.rows)
    assert known.ended_at is not None
    assert known.started_at <= known.ended_at
    assert job.plan(sandbox=True).done
    assert job.run_sync(sandbox=True).asks, "a one-off job that is complete"
    with scraper.connect(place / "data" / "sandbox") as archive:
        assert archive.sql("SELECT count(*) FROM hashtags").fetchall() == [(300,)]


def test_a_budget_is_that_of_the_run_and_the_advice_is_a_command(job: LoadedJob) -> None:
    assert job.plan(budget=cast("int", numpy.int64(8)), sandbox=True).budget == 8
    short = job.run_sync(budget=8, sandbox=True)
    assert (short.status, short.budget, short.charged) == (scraper.RunStatus.BUDGET, 8, 8)
    assert short.message.endswith(f"scraper run {job.path} --sandbox --resume --budget 24")
    whole = job.run_sync(budget=24, resume=True, sandbox=True)
    assert (whole.run_id, whole.status) == (short.run_id, scraper.RunStatus.COMPLETE)


def test_a_notebook_awaits_and_is_told_so(job: LoadedJob) -> None:
    async def cells() -> None:
        assert job.plan(sandbox=True).budget == 24
        with pytest.raises(scraper.UsageError, match=r"Nothing was sent; write `await job.run\(...\)` instead"):
            job.run_sync(sandbox=True)
        assert (await job.run(sandbox=True, data="elsewhere")).status is scraper.RunStatus.COMPLETE
        assert len(job.status(sandbox=True, data=Path("elsewhere"))) == 1
        assert job.status(sandbox=True) == ()

    asyncio.run(cells())


@pytest.mark.parametrize(
    ("run", "said"),
    [
        (lambda job: job.run_sync(budget=0), "budget should be credits, 1 or more, not 0. Nothing was sent."),
        (lambda job: job.run_sync(budget=True), "not True"),
        (lambda job: job.plan(budget="8"), "not '8'"),
        (lambda job: job.plan(budget=8.5), "not 8.5"),
        (lambda job: job.run_sync(new=True, resume=True), "new and resume exclude each other"),
        (lambda job: job.run_sync(), "CRAWLORA_API_KEY: this environment variable must contain the Crawlora key"),
        (lambda _: scraper.load("nigth"), "there is no job nigth in configs; did you mean 'night'?"),
        (lambda _: scraper.load("."), ". is a directory: give the path of a job file"),
        (lambda _: scraper.load("quickstart").run_sync(), "runs against the sandbox alone"),
    ],
)
def test_what_cannot_be_done_is_a_sentence(job: LoadedJob, run: Callable[[LoadedJob], object], said: str) -> None:
    with pytest.raises(scraper.ScraperError) as refused:
        run(job)
    assert said in str(refused.value)
    assert not Path("data").exists()


class Cell:
    """The output below a notebook's cell, as `IPython.display.display` makes it."""

    def __init__(self) -> None:
        self.shown: list[str] = []

    def display(self, text: Text, *, display_id: bool) -> Cell:
        assert display_id
        assert not self.shown, "one output, drawn again in place"
        self.update(text)
        return self

    def update(self, text: Text) -> None:
        self.shown.append(text.plain)


def test_a_notebook_shows_the_panel_as_one_output_that_stays(job: LoadedJob) -> None:
    cell, now = Cell(), iter(range(100))
    progress = NotebookProgress(drawn_in_place(cell.display), lambda: float(next(now)), 3)
    result = job.run_sync(sandbox=True, on_event=progress.hear)
    assert len(cell.shown) > 1
    last = cell.shown[-1].splitlines()
    assert last[0] == result.run_id
    assert last[1].split() == ["credits", "24", "of", "24", "·", "100", "%"]
    assert any(line.startswith("requests  3 sent") for line in last)


def test_a_panel_that_cannot_be_drawn_stops_no_run(job: LoadedJob) -> None:
    def draw(text: Text) -> None:
        raise OSError(text.plain)

    progress = NotebookProgress(draw, HurriedClock().monotonic)
    assert job.run_sync(sandbox=True, on_event=progress.hear).status is scraper.RunStatus.COMPLETE


def test_progress_draws_nothing_where_there_is_no_terminal(job: LoadedJob, capsys: pytest.CaptureFixture[str]) -> None:
    assert job.run_sync(sandbox=True, progress=True).status is scraper.RunStatus.COMPLETE
    assert capsys.readouterr() == ("", "")


# --- stopping ---------------------------------------------------------------------------------------------------------


def at_the_first_answer(act: Callable[[], object]) -> Callable[[scraper.Event], None]:
    left = iter([act])

    def heard(event: scraper.Event) -> None:
        if isinstance(event, scraper.RequestSettled):
            next(left, lambda: None)()

    return heard


@contextlib.contextmanager
def as_in_a_script() -> Iterator[None]:
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def stopped(job: LoadedJob) -> scraper.RunResult:
    """The run that was stopped: what it bought is kept."""
    [run] = job.status(sandbox=True)
    assert run.result.status is scraper.RunStatus.INTERRUPTED
    assert run.result.rows["hashtags"] * 8 == run.result.charged * 100 > 0
    assert run.result.unknown == 0
    return run.result


def test_ctrl_c_stops_a_script_in_order(job: LoadedJob) -> None:
    with as_in_a_script(), pytest.raises(KeyboardInterrupt):
        job.run_sync(sandbox=True, on_event=at_the_first_answer(lambda: os.kill(os.getpid(), signal.SIGINT)))
    interrupted = stopped(job)
    went_on = job.run_sync(sandbox=True)
    assert (went_on.run_id, went_on.status) == (interrupted.run_id, scraper.RunStatus.COMPLETE)


def test_a_run_that_is_cancelled_stops_in_order(job: LoadedJob) -> None:
    async def cancelled() -> None:
        running = asyncio.current_task()
        assert running is not None
        await job.run(sandbox=True, on_event=at_the_first_answer(running.cancel))

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(cancelled())
    stopped(job)


def test_what_a_callback_raises_stops_the_run_and_reaches_the_caller(job: LoadedJob) -> None:
    def fails() -> None:
        raise LookupError("the user's own")

    with pytest.raises(LookupError, match="the user's own"):
        job.run_sync(sandbox=True, on_event=at_the_first_answer(fails))
    stopped(job)


def test_a_callback_that_fails_before_the_first_request_lets_none_be_sent(job: LoadedJob) -> None:
    def heard(event: scraper.Event) -> None:
        raise LookupError(type(event).__name__)

    with pytest.raises(LookupError, match="ProjectInUse"):
        job.run_sync(sandbox=True, on_event=heard)
    [run] = job.status(sandbox=True)
    assert (run.result.status, run.result.sent) == (scraper.RunStatus.INTERRUPTED, 0)
