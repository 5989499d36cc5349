"""A fleet: its worker, submitted tasks, and its overview."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import dataclass
from datetime import timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import scraper
from scraper.core.errors import ScraperError, UsageError
from scraper.core.fleet import LOST_AFTER_S, FleetTask, TaskKind
from scraper.core.nearest import nearest
from scraper.core.nights import LastRun
from scraper.core.tables import PAGES_TABLE
from scraper.ports.fleet import FleetOverview, ServeTerms
from scraper.runs.fleet import FleetJob, FleetWorker, Surroundings
from scraper.runs.signals import SAME_REQUEST_S
from scraper.wiring.files import load_job, load_tables
from scraper.wiring.project import (
    PROJECT_FILE,
    QUICKSTART,
    STATE_VARIABLE,
    job_names,
    job_path,
    job_words,
)
from scraper.wiring.settings import Settings
from scraper.wiring.state import known_stores, stores_if_any

if TYPE_CHECKING:
    from scraper.io.fleet.queue import PostgresQueue
    from scraper.ports import Lease, Runs

T = TypeVar("T")

_NEEDS_SERVER: Final = (
    "a fleet needs its state in a PostgreSQL database, but this project's is a file: name one with state = "
    '"postgresql+psycopg://HOST/DATABASE" in scraper.toml, --state or SCRAPER_STATE. Nothing was changed; a single '
    "machine needs no fleet: scraper schedule makes its timer."
)


_IN_ORDER: Final = "stopping: running tasks finish their requests and are queued again; signal again to stop at once"
_AT_ONCE: Final = "stopping at once: requests in flight count as unknown until they are reconciled"


@dataclass(frozen=True, slots=True)
class WorkerOptions:
    """The options of `scraper worker`."""

    jobs: tuple[str, ...] = ()
    """The jobs as named by the user; empty: all of the project."""
    at_once: int = 1
    runs_of_account: int = 1
    lost_after_s: float = LOST_AFTER_S
    run_words: tuple[str, ...] = ()
    """Further options of each run."""


Say = Callable[[str, str], object]


async def work(settings: Settings, options: WorkerOptions, say: Say, hear: Say) -> None:
    """Work until a signal ends it. `say` receives the worker's messages, `hear` the lines of its tasks."""
    from scraper.io.fleet import ChildPrograms

    _refuse_without_server(settings)
    jobs = ProjectJobs(settings, options.jobs, lambda told: say("", told))
    names = tuple(jobs.all())
    if not names:
        raise UsageError(f"no job of {settings.project.configs} can be run. Nothing was changed.{jobs.advice}")
    terms = ServeTerms(
        lambda: jobs.all().keys(), options.at_once, options.runs_of_account, options.lost_after_s, scraper.__version__
    )
    environment = {**os.environ, STATE_VARIABLE: settings.state_url}  # an argument would be visible to other users
    runner = ChildPrograms(_program(), environment, hear)
    async with _queue(settings, lambda told: say("", told), terms) as queue:
        around = Surroundings(
            jobs=jobs.all,
            last_runs=lambda: _read(settings, _last_runs, {}),
            is_running=lambda job: _read(settings, lambda runs: _is_running(runs, job), False),
            options=_data_words(settings),
            run_options=[*_vendor_words(settings), *options.run_words],
        )
        worker = FleetWorker(queue, runner, around, settings.clock, say, options.lost_after_s)
        hung_up = () if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN else (signal.SIGHUP,)  # ignored under nohup
        stopping = Stopping(worker, say)
        for number in (signal.SIGINT, signal.SIGTERM, *hung_up):
            asyncio.get_running_loop().add_signal_handler(number, stopping)
        repeated = [job.name for job in jobs.all().values() if job.every is not None]
        say("", f"{worker_name()} takes {', '.join(names)}; queues the nights of {', '.join(repeated) or 'none'}")
        await worker.work()


async def submit_jobs(settings: Settings, jobs: Sequence[Path]) -> list[tuple[FleetTask, int | None]]:
    """Queue a run of each job now; see `ports.fleet.TaskQueue.submit`."""
    _refuse_without_server(settings)
    return await _submit(settings, [_fleet_job(settings, path).task() for path in jobs])


async def submit_compaction(settings: Settings) -> list[tuple[FleetTask, int | None]]:
    """Queue a compaction of each partition that needs one."""
    from scraper.wiring.upkeep import compact_archive

    _refuse_without_server(settings)
    found = compact_archive(settings, settings.project.configs, today_too=False, offline=False, dry_run=True)
    partitions = [each.partition async for each in found if each.left_because is None]
    return await _submit(settings, [FleetTask(TaskKind.COMPACT, partition=each) for each in partitions])


async def submit_rebuild(settings: Settings, table: str | None) -> list[tuple[FleetTask, int | None]]:
    """Queue a rebuild of one table, or of all, in each partition. UsageError for an unknown table."""
    _refuse_without_server(settings)
    known = [each.name for each in load_tables(settings.project.configs)]
    if table is not None and table not in known:
        raise UsageError(f"no table {table} is made from pages{nearest(table, known)}; there are {', '.join(known)}")
    with known_stores(settings) as stores:
        parts = await stores.journal.parts()
    partitions = sorted({part.partition for part in parts if part.table == PAGES_TABLE})
    return await _submit(settings, [FleetTask(TaskKind.REBUILD, table=table, partition=each) for each in partitions])


async def fleet_overview(settings: Settings, since: timedelta) -> tuple[FleetOverview, Sequence[Lease]]:
    """Return workers and tasks, of ended ones those that ended within `since`; and the live leases."""
    _refuse_without_server(settings)
    async with _queue(settings, lambda _: None) as queue:
        found = await queue.overview(since)
    return found, await _read(settings, _live_leases, [])


# --- the queue --------------------------------------------------------------------------------------------------------


def worker_name() -> str:
    """Return the name of this process, as runs record it too."""
    return f"{socket.gethostname()}:{os.getpid()}"


def _refuse_without_server(settings: Settings) -> None:
    missing = [name for name in ("procrastinate", "psycopg") if find_spec(name) is None]
    if missing:
        raise UsageError("a fleet needs the extra fleet: pip install 'metered-scraper[fleet]'. Nothing was changed.")
    if not settings.state_url.startswith("postgresql"):
        raise UsageError(_NEEDS_SERVER)


def _queue(
    settings: Settings, say: Callable[[str], object], terms: ServeTerms | None = None
) -> AbstractAsyncContextManager[PostgresQueue]:
    from scraper.io.fleet.queue import opened_queue
    from scraper.io.state import libpq_settings

    return opened_queue(libpq_settings(settings.state_url), worker_name(), say, terms)


async def _submit(settings: Settings, tasks: Sequence[FleetTask]) -> list[tuple[FleetTask, int | None]]:
    async with _queue(settings, lambda _: None) as queue:
        return [(task, await queue.submit(task)) for task in tasks]


# --- the worker's surroundings ----------------------------------------------------------------------------------------


class ProjectJobs:
    """The jobs of the project, read again when a file has changed."""

    def __init__(self, settings: Settings, named: Sequence[str], say: Callable[[str], object]) -> None:
        self._settings, self._named, self._say = settings, tuple(named), say
        self._seen: object = None
        self._found: dict[str, FleetJob] = {}
        self._faulty = False

    @property
    def advice(self) -> str:
        """The advice for a project without a usable job."""
        return " Mend the files named above." if self._faulty else " scraper init writes a first one."

    def all(self) -> Mapping[str, FleetJob]:
        """Return name → job. A job whose file has a fault is left out, and reported once."""
        if (seen := self._files()) != self._seen:
            self._seen, self._found = seen, dict(self._read())
        return self._found

    def _files(self) -> object:
        project = self._settings.project
        vendors = project.configs / "vendors"
        places = [*project.configs.glob("*.toml"), *vendors.glob("*.toml"), project.base / PROJECT_FILE]
        if project.accounts_file is not None:
            places.append(project.accounts_file)
        found = []
        for place in sorted(places):
            with suppress(OSError):
                status = place.stat()
                found.append((str(place), status.st_mtime_ns, status.st_size))
        return found

    def _read(self) -> Mapping[str, FleetJob]:
        found = {}
        for path in self._paths():
            try:
                job = _fleet_job(self._settings, path)
            except ScraperError as fault:
                self._faulty = True
                self._say(f"{path} is left out: {fault}".replace("\n", "; "))
                continue
            found[job.name] = job
        return found

    def _paths(self) -> Sequence[Path]:
        if self._named:
            return [job_path(words) for words in self._named]
        names = [name for name in job_names(self._settings.project.configs) if name != QUICKSTART]
        return [job_path(name) for name in names]


def _fleet_job(settings: Settings, path: Path) -> FleetJob:
    """Read a job; ConfigurationError with its faults, UsageError for one that runs only in the sandbox."""
    job, _ = load_job(path, project=settings.project)
    if job.sandbox_only:
        raise UsageError(
            f"job {job.name} runs against the sandbox alone, as its accounts are made up, and workers do not use it. "
            "Nothing was queued; name a job of your own."
        )
    accounts = tuple(sorted(job.accounts[vendor].id for vendor in job.vendors))
    return FleetJob(job.name, job_words(path), accounts, job.weight, job.every)


class Stopping:
    """A signal handler: the first signal stops a worker and its runs gracefully, the next one at once."""

    def __init__(self, worker: FleetWorker, say: Say, time_s: Callable[[], float] = time.monotonic) -> None:
        self._worker, self._say, self._time_s = worker, say, time_s
        self._asked_at: float | None = None

    def __call__(self) -> None:
        now = self._time_s()
        if self._asked_at is not None and now - self._asked_at <= SAME_REQUEST_S:
            return  # one Ctrl-C may arrive twice; its runs count it once too
        self._asked_at = now if self._asked_at is None else self._asked_at
        self._say("", _AT_ONCE if self._worker.is_stopping else _IN_ORDER)
        self._worker.stop()


async def _read(settings: Settings, read: Callable[[Runs], Coroutine[Any, Any, T]], without: T) -> T:
    """Read the runs in a thread; return `without` if there is no state yet."""

    async def opened() -> T:
        with stores_if_any(settings, None) as stores:
            return without if stores is None else await read(stores.runs)

    return await asyncio.to_thread(lambda: asyncio.run(opened()))


async def _last_runs(runs: Runs) -> Mapping[str, LastRun]:
    return {
        run.job: LastRun(run.night_at, run.started_at) for run in await runs.last_runs() if run.night_at is not None
    }


async def _live_leases(runs: Runs) -> Sequence[Lease]:
    return [lease for lease in await runs.leases() if lease.is_live]


async def _is_running(runs: Runs, job: str) -> bool:
    return runs.is_running(job)


def _program() -> Sequence[str]:
    """Return the command line of this program without its arguments."""
    arguments = len(sys.argv) - 1
    return [sys.executable, *sys.orig_argv[1 : len(sys.orig_argv) - arguments]]


def _data_words(settings: Settings) -> list[str]:
    words = ["--data", str(settings.data)] if settings.data is not None else []
    return words + (["--archive", settings.archive] if settings.archive is not None else [])


def _vendor_words(settings: Settings) -> list[str]:
    words = [f"--vendor-url={vendor}={url}" for vendor, url in settings.vendor_urls.items()]
    return words + [f"--allow-host={host}" for host in settings.allow_hosts]
