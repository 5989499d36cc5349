"""The package as a library: jobs from a script or a notebook. What is public is in `scraper.__all__`.

Nothing here decides anything: each call is the one that the command of the same name makes.
"""

from __future__ import annotations

import asyncio
import os
import shlex
import warnings
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from scraper.cli.options import refuse_windows
from scraper.core.errors import UsageError
from scraper.core.events import Event, RunResult
from scraper.core.planning import Plan
from scraper.core.units import LARGEST_COUNT, Credits
from scraper.runs.resume import Opening
from scraper.wiring.auto_budget import budgeted_job
from scraper.wiring.files import load_job
from scraper.wiring.project import job_path, project_of
from scraper.wiring.settings import Settings, run_words

if TYPE_CHECKING:
    from scraper.core.jobs import Job
    from scraper.ports import Listener
    from scraper.runs.standby import Stoppable
    from scraper.wiring.run import RunOrder

T = TypeVar("T")
Words = str | os.PathLike[str]


@dataclass(frozen=True, slots=True)
class JobRun:
    """A run of a job, as the ledger knows it."""

    result: RunResult
    """How it stands or ended, over all its processes; `RunStatus.OPEN` while one carries it out."""
    started_at: datetime
    """Aware, in UTC, as every time."""
    ended_at: datetime | None
    night_at: datetime | None
    """When the night begins that it belongs to; ``None``: the job is not repeated."""


class LoadedJob:
    """A job that was read and checked: see `scraper.load`.

    `sandbox=True` plans and runs it against simulated vendors in this process, without a key and without cost; their
    data is apart from the real. `data` names another data directory than the project's.
    """

    def __init__(self, path: Path, settings: Settings) -> None:
        """`settings`: its project and clock, and where keys may go."""
        self._path, self._settings = path, settings
        self._job, self._catalogue = load_job(path, None, settings.project)

    def __repr__(self) -> str:
        return f"<job {self.name}: {self._path}>"

    @property
    def name(self) -> str:
        """Its name, which its runs carry."""
        return self._job.name

    @property
    def path(self) -> Path:
        """Its file."""
        return self._path

    def plan(self, *, budget: Credits | None = None, sandbox: bool = False, data: Words | None = None) -> Plan:
        """Return requests, credits, rows and time of a run begun now; spends and writes nothing, needs no key."""
        return _awaited(_planned(self._with(budget), self._placed(sandbox, data)))

    async def run(
        self,
        *,
        budget: Credits | None = None,
        new: bool = False,
        resume: bool = False,
        sandbox: bool = False,
        data: Words | None = None,
        progress: bool = False,
        on_event: Callable[[Event], object] | None = None,
    ) -> RunResult:
        """Run the job within its budget, as `scraper run` does, but without asking above `confirm_above`.

        `budget`: credits of the whole run, instead of the job's. `new`: begin a new run even if one is open, or done.
        `resume`: go on with the last run, even if it has ended. `progress`: draw a panel, on a terminal or in a
        notebook. `on_event` is called with each event of the run; it must not block. What it raises stops the run in
        order, and is raised again.

        A run that ends at its budget, is refused or fails is a result, with its status, message and exit code. Raises
        ScraperError for what keeps it from starting. A run that is cancelled stops in order: answers in flight land
        and are kept. Cancelled again it is aborted, and requests in flight count as unknown.
        """
        opening = _opening(new=new, resume=resume)
        job, settings = self._with(budget), self._placed(sandbox, data)
        order = self._order(job, settings, opening, budget)
        order = replace(order, most_requests=(await _planned(job, settings)).requests.high)
        callback = _Callback(on_event)
        async with _listening(job, settings, callback, progress=progress) as listener:
            result = await _to_its_end(order, settings, listener, callback)
        if callback.failure is not None:
            raise callback.failure
        return result

    def run_sync(
        self,
        *,
        budget: Credits | None = None,
        new: bool = False,
        resume: bool = False,
        sandbox: bool = False,
        data: Words | None = None,
        progress: bool = False,
        on_event: Callable[[Event], object] | None = None,
    ) -> RunResult:
        """Run the job, where no event loop runs: see `run`.

        Ctrl-C stops the run in order, and then raises KeyboardInterrupt; `status` has its result.
        """
        if _loop_runs():
            raise UsageError(
                "an event loop runs here already, as in every notebook. Nothing was sent; write "
                "`await job.run(...)` instead of `job.run_sync(...)`."
            )
        return asyncio.run(
            self.run(
                budget=budget, new=new, resume=resume, sandbox=sandbox, data=data, progress=progress, on_event=on_event
            )
        )

    def status(self, *, sandbox: bool = False, data: Words | None = None, limit: int = 10) -> tuple[JobRun, ...]:
        """Return the last runs of the job, the newest first; none before the first one."""
        return _awaited(_runs(self._job, self._placed(sandbox, data), limit))

    def _with(self, budget: Credits | None) -> Job:
        if budget is None:
            return self._job
        credits = 0 if type(budget) is bool else getattr(budget, "__index__", int)()  # numpy's integers have one too
        if not 1 <= credits <= LARGEST_COUNT:
            raise UsageError(f"budget should be credits, 1 or more, not {budget!r}. Nothing was sent.")
        return replace(self._job, budget=credits, auto=False)

    def _placed(self, sandbox: bool, data: Words | None) -> Settings:
        chosen = None if data is None else Path(data)
        return replace(self._settings, data=chosen, sandbox=sandbox, keeps_rate=not sandbox)

    def _order(self, job: Job, settings: Settings, opening: Opening, budget: Credits | None) -> RunOrder:
        from scraper.wiring.access import key_warning
        from scraper.wiring.run import RunOrder

        configs = settings.project.configs
        if (warning := key_warning(configs, settings)) is not None:
            warnings.warn(warning, stacklevel=3)
        command = shlex.join(["scraper", *run_words(self._path, settings)])
        return RunOrder(job, self._catalogue, configs, opening, budget, command)


def load(job: Words, *, vendor_urls: Mapping[str, str] | None = None, allow_hosts: Sequence[str] = ()) -> LoadedJob:
    """Read a job: see `scraper.load`."""
    refuse_windows()
    path = job_path(os.fspath(job))
    if path.is_dir():
        raise UsageError(f"{path} is a directory: give the path of a job file, or the name of a job in configs.")
    settings = Settings(project=project_of(path), vendor_urls=vendor_urls or {}, allow_hosts=tuple(allow_hosts))
    return LoadedJob(path, settings)


def _opening(*, new: bool, resume: bool) -> Opening:
    if new and resume:
        raise UsageError("new and resume exclude each other: give one of them. Nothing was sent.")
    return Opening.RESUME if resume else Opening.NEW if new else Opening.GO_ON


async def _planned(job: Job, settings: Settings) -> Plan:
    from scraper.wiring.plan import plan_job

    budgeted, allowance = await budgeted_job(job, settings)
    return await plan_job(budgeted, settings, allowance)


async def _runs(job: Job, settings: Settings, limit: int) -> tuple[JobRun, ...]:
    from scraper.wiring.inspect import results_of

    return tuple(
        JobRun(result, run.started_at, run.ended_at, run.night_at)
        for run, result in await results_of(job, settings, limit)
    )


# --- event loops ------------------------------------------------------------------------------------------------------


def _loop_runs() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def _awaited(reading: Coroutine[Any, Any, T]) -> T:
    """Return what it returns, from a loop of its own: on another thread where one runs here, as in a notebook."""
    if not _loop_runs():
        return asyncio.run(reading)
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, reading).result()


async def _to_its_end(order: RunOrder, settings: Settings, listener: Listener, callback: _Callback) -> RunResult:
    """Run it; cancelled once it stops in order, twice it aborts."""
    from scraper.wiring.run import run_job

    crawls: list[Stoppable] = []

    def begun(crawl: Stoppable) -> None:
        crawls.append(crawl)
        callback.may_stop(crawl)

    running = asyncio.ensure_future(run_job(order, settings, listener, begun))
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        if crawls:
            crawls[-1].stop()
        else:
            running.cancel()
        await running
        raise


# --- listening --------------------------------------------------------------------------------------------------------


class _Callback:
    """Calls the user's function; the first exception that it raises stops the run."""

    def __init__(self, on_event: Callable[[Event], object] | None) -> None:
        self._on_event = on_event
        self._crawl: Stoppable | None = None
        self.failure: Exception | None = None

    def hear(self, event: Event) -> None:
        if self._on_event is None or self.failure is not None:
            return
        try:
            self._on_event(event)
        except Exception as failure:
            self.failure = failure
            self._stop()

    def may_stop(self, crawl: Stoppable) -> None:
        """Note what is to be stopped; it is at once if the function has failed already."""
        self._crawl = crawl
        if self.failure is not None:
            self._stop()

    def _stop(self) -> None:
        if self._crawl is not None:
            self._crawl.stop()


@dataclass(frozen=True, slots=True)
class _Both:
    """Two listeners."""

    first: Listener
    second: Listener

    def hear(self, event: Event) -> None:
        self.first.hear(event)
        self.second.hear(event)


@asynccontextmanager
async def _listening(job: Job, settings: Settings, callback: _Callback, *, progress: bool) -> AsyncIterator[Listener]:
    """Yield the listener of a run, with the panel if it is wanted and can be drawn."""
    if not progress:
        yield callback
        return
    from rich.console import Console

    console, likely = Console(stderr=True), (await _planned(job, settings)).requests.likely
    if console.is_jupyter:
        async with _below_the_cell(settings, likely) as panel:
            yield _Both(callback, panel)
        return
    from scraper.cli.progress import ProgressListener

    with ProgressListener(console, settings.clock.monotonic, likely) as live:
        yield _Both(callback, live)


@asynccontextmanager
async def _below_the_cell(settings: Settings, likely_requests: int) -> AsyncIterator[Listener]:
    from scraper.cli.notebook import NotebookProgress, drawn_in_place

    display = import_module("IPython.display").display  # there wherever rich finds a notebook
    panel = NotebookProgress(drawn_in_place(display), settings.clock.monotonic, likely_requests)
    ticking = asyncio.ensure_future(panel.tick())
    try:
        yield panel
    finally:
        ticking.cancel()
