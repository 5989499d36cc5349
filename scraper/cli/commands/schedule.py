"""``scraper schedule JOB``."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from scraper.cli.job_argument import named_job, optional_job_argument
from scraper.cli.options import data_option, settings_of, warn
from scraper.core.errors import UsageError

if TYPE_CHECKING:
    from scraper.core.schedule import ScheduleFile

_KINDS = ("cron", "systemd", "github-actions", "kubernetes")


def _period(_context: click.Context, _option: click.Parameter, text: str | None) -> timedelta | None:
    """Read a period as a job's `every`."""
    from scraper.io.config_files.periods import period_of

    period = None if text is None else period_of(text, "--every", [])
    if text is not None and period is None:
        raise click.BadParameter(f"{text!r} is not a period of at least 10 minutes: write hour, day, week, 6h or 2d.")
    return period


def _time_of_day(_context: click.Context, _option: click.Parameter, text: str | None) -> timedelta | None:
    """Read a time of day as a job's `starts_at`."""
    from scraper.io.config_files.periods import time_of_day_of

    at = time_of_day_of(text, "--at", [])
    if text is not None and at is None:
        raise click.BadParameter(f"{text!r} is not a time of day (UTC) like 02:15.")
    return at


@click.command()
@optional_job_argument
@click.option("--worker", is_flag=True, help="Print a unit that keeps `scraper worker` running instead; takes no JOB.")
@click.option("--for", "kind", type=click.Choice(_KINDS), help="Default: systemd if it runs, else cron.")
@click.option("--every", callback=_period, metavar="PERIOD", help="hour, day, week, 6h … Default: the job's, else day.")
@click.option("--at", callback=_time_of_day, metavar="HH:MM", help="Time in UTC. Default: the job's, else 02:15.")
@click.option(
    "-o", "--output", type=click.Path(file_okay=False, path_type=Path), help="Write the files into this directory."
)
@data_option
def schedule(
    job: Path | None,
    *,
    worker: bool,
    kind: str | None,
    every: timedelta | None,
    at: timedelta | None,
    output: Path | None,
    data: Path | None,
) -> None:
    """Print a timer that runs a job every night.

    The files are complete: working directory, keys, a lock against a second start, catching up on missed runs if the
    timer can, and a place for the data. Nothing is installed; stderr explains how to install it.

    A worker (scraper docs fleet) runs all the time and needs no timer: --worker prints what keeps it running, for
    systemd or kubernetes.
    """
    if worker:
        if job is not None or every is not None or at is not None:
            raise UsageError(
                "--worker is for all jobs of the project, at their own times: give no JOB, --every or --at."
            )
        _print_files(_worker_files(kind, data), output)
        return
    from scraper.core.schedule import KINDS
    from scraper.wiring.files import load_job
    from scraper.wiring.schedule import program_here, scheduled_job

    job = named_job(job)
    settings = settings_of(data, job=job)
    found, _ = load_job(job, project=settings.project)
    scheduled = scheduled_job(found, job, settings, program_here(), every, at)
    here = "systemd" if Path("/run/systemd/system").is_dir() else "cron"
    _print_files(KINDS[kind or here](scheduled), output)
    if found.sandbox_only:
        warn(
            f"job {found.name} runs against the sandbox alone: each start by a timer is refused (exit code 2). "
            "Schedule a job of your own; scraper init makes one"
        )
    elif found.every is None:
        every_is = 'every = "day"'
        warn(f"job {found.name} is one-off: once it is complete, each start exits 2; {every_is} in it repeats it")


def _worker_files(kind: str | None, data: Path | None) -> Sequence[ScheduleFile]:
    from scraper.core.schedule import WORKER_KINDS
    from scraper.wiring.schedule import program_here, scheduled_worker

    if kind not in {None, *WORKER_KINDS}:
        raise UsageError(f"{kind} starts jobs at set times, but a worker always runs: use --for systemd or kubernetes.")
    return WORKER_KINDS[kind or "systemd"](scheduled_worker(settings_of(data), program_here()))


def _print_files(files: Sequence[ScheduleFile], output: Path | None) -> None:
    for place, file in enumerate(files):
        if output is not None:
            _write(output / file.name, file.content)
        else:
            head = f"# --- {file.name}\n" if len(files) > 1 else ""
            click.echo(("\n" if place else "") + head + file.content, nl=False)
    for file in files:
        click.echo(f"{file.name}: {file.install}", err=True)


def _write(path: Path, content: str) -> None:
    from scraper.core.errors import OutputError

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    except OSError as failure:
        raise OutputError(str(path), failure.strerror or str(failure), "Nothing else was changed.") from failure
