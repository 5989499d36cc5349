"""Facts about this machine that a job's timer needs."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import scraper
from scraper.core.errors import UsageError
from scraper.core.schedule import BUCKET_VARIABLES, ScheduledJob, ScheduledWorker, Timing
from scraper.io.objects import is_s3
from scraper.wiring.files import load_job
from scraper.wiring.project import ARCHIVE_VARIABLE, job_names, job_path

if TYPE_CHECKING:
    from scraper.core.jobs import Job
    from scraper.core.nights import Every
    from scraper.wiring.settings import Settings

_DISTRIBUTION = "metered-scraper"  # asking importlib.metadata for it takes half a second
_PASSWORD = "PGPASSWORD"  # noqa: S105 - a variable's name
_ENDPOINTS = ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3")
_BROKEN = re.compile(r"[\x00-\x1f\x7f\x85\u2028\u2029]")


def scheduled_job(
    job: Job,
    path: Path,
    settings: Settings,
    program: Sequence[str],
    period: timedelta | None,
    at: timedelta | None,
) -> ScheduledJob:
    """Return a job and its timing: `period` and `at` if given, else the job's own, else the defaults.

    Raises UsageError for a path that a timer's file cannot contain.
    """
    base = (settings.project.root or path.parent).absolute()
    place = path.absolute()
    _refuse_broken(base, place, settings.data_directory.absolute(), *program)
    return ScheduledJob(
        name=job.name,
        job=str(place.relative_to(base) if place.is_relative_to(base) else place),
        base=str(base),
        data=str(settings.data_directory.absolute()),
        shared=_shared(settings),
        shared_variables=_shared_variables(settings),
        extras=_extras(settings),
        program=tuple(program),
        distribution=_DISTRIBUTION,
        version=scraper.__version__,
        key_variables=tuple(sorted({job.accounts[vendor].key_env for vendor in job.vendors})),
        timing=_timing(job.every, period, at),
        zone=settings.clock.now().astimezone().utcoffset() or timedelta(0),
    )


def scheduled_worker(settings: Settings, program: Sequence[str]) -> ScheduledWorker:
    """Return a worker of the project, with the keys of all its jobs; ConfigurationError if a job has faults."""
    project = settings.project
    base, configs = project.base.absolute(), project.configs.absolute()
    _refuse_broken(base, configs, settings.data_directory.absolute(), *program)
    keys = set[str]()
    for name in job_names(project.configs):
        job, _ = load_job(job_path(name), project=project)
        if not job.sandbox_only:
            keys |= {job.accounts[vendor].key_env for vendor in job.vendors}
    return ScheduledWorker(
        base=str(base),
        configs=str(configs),
        data=None if settings.data is None else str(settings.data.absolute()),
        program=tuple(program),
        version=scraper.__version__,
        key_variables=tuple(sorted(keys)),
        shared_variables=_worker_variables(settings),
    )


def _shared(settings: Settings) -> tuple[str, ...]:
    """Return the options for a state and an archive outside the data directory, without a password."""
    from scraper.io.state import passwordless

    state = ("--state", passwordless(settings.state_url)) if settings.state_elsewhere else ()
    archive = settings.archive_elsewhere
    return state + (("--archive", archive if is_s3(archive) else str(Path(archive).absolute())) if archive else ())


def _shared_variables(settings: Settings) -> tuple[str, ...]:
    from scraper.io.state import passwordless

    environment, is_elsewhere = settings.environment, bool(settings.state_elsewhere)
    is_cut = is_elsewhere and passwordless(settings.state_url) != settings.state_url
    password = (_PASSWORD,) if is_cut or (is_elsewhere and environment.get(_PASSWORD)) else ()
    return password + _bucket_variables(settings)


def _worker_variables(settings: Settings) -> tuple[str, ...]:
    archive = (ARCHIVE_VARIABLE,) if settings.environment.get(ARCHIVE_VARIABLE) else ()
    return archive + _bucket_variables(settings)


def _bucket_variables(settings: Settings) -> tuple[str, ...]:
    """Return the variables for the archive's bucket that are set here, else the usual ones."""
    if not is_s3(settings.archive_elsewhere):
        return ()
    named = tuple(name for name in (*BUCKET_VARIABLES, *_ENDPOINTS) if settings.environment.get(name))
    return named or BUCKET_VARIABLES


def _extras(settings: Settings) -> tuple[str, ...]:
    uses = {"postgres": settings.state_elsewhere.startswith("postgres"), "s3": is_s3(settings.archive_elsewhere)}
    return tuple(name for name, is_used in uses.items() if is_used)


def _refuse_broken(*paths: Path | str) -> None:
    for each in paths:
        if _BROKEN.search(str(each)):
            raise UsageError(
                f"the path {str(each)!r} contains a line break or another control character, and a timer's file cannot "
                "hold it. Nothing was written; rename the directory or the file."
            )


def program_here() -> tuple[str, ...]:
    """Return the command of this program with absolute paths: a timer has another PATH."""
    beside = Path(sys.executable).with_name("scraper")
    return (str(beside),) if beside.is_file() else (sys.executable, "-m", "scraper")


def _timing(every: Every | None, period: timedelta | None, at: timedelta | None) -> Timing:
    default = Timing()
    if at is None:
        at = None if every is None else every.starts_at
    return Timing(
        period or (default.period if every is None else every.period), default.starts_at if at is None else at
    )
