"""``scraper submit JOB...``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from scraper.cli.completion import complete_job
from scraper.cli.formatting import counted, harmless
from scraper.cli.job_argument import job_file
from scraper.cli.options import data_option, settings_of
from scraper.core.errors import UsageError


@click.command()
@click.argument("jobs", metavar="[JOB...]", nargs=-1, shell_complete=complete_job)
@click.option("--compact", is_flag=True, help="Queue a compaction of the archive instead, one task per partition.")
@click.option("--rebuild", metavar="TABLE|all", help="Queue a rebuild of a table instead, one task per partition.")
@data_option
def submit(*, jobs: Sequence[str], compact: bool, rebuild: str | None, data: Path | None) -> None:
    """Queue runs, a compaction or a rebuild for the workers.

    A worker takes a run when its accounts are free, and continues this night's open run as `scraper run JOB` would; if
    the night's run is over, nothing is sent. A job that is already queued is not queued again.
    """
    import asyncio

    from scraper.wiring.fleet import submit_compaction, submit_jobs, submit_rebuild

    if (bool(jobs) + compact + (rebuild is not None)) != 1:
        raise UsageError("give one or more jobs, or --compact, or --rebuild TABLE.")
    files = [job_file(words) for words in dict.fromkeys(jobs)]
    settings = settings_of(data, job=files[0] if files else None)
    if rebuild is not None:
        submitted = asyncio.run(submit_rebuild(settings, None if rebuild == "all" else rebuild))
    elif compact:
        submitted = asyncio.run(submit_compaction(settings))
    else:
        submitted = asyncio.run(submit_jobs(settings, files))
    for task, number in submitted:
        click.echo(harmless(f"{task.title}: " + ("queued" if number is not None else "already queued")))
    if not jobs:
        click.echo(f"{counted(len(submitted), 'task')} in all" if submitted else "nothing to do", err=True)
