"""The argument JOB: a path, or the name of a job in the project's configs."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from scraper.cli.completion import complete_job
from scraper.core.errors import ScraperError, UsageError

F = TypeVar("F", bound=Callable[..., Any])


class _Job(click.types.StringParamType):
    """The argument JOB; the message for a missing one lists the jobs."""

    def get_missing_message(self, param: click.Parameter, ctx: click.Context | None) -> str | None:  # noqa: ARG002 - as click has it
        from scraper.wiring.project import job_names, project_of

        try:
            return f"The jobs are {', '.join(job_names(project_of().configs))}."
        except ScraperError:
            return None


def job_argument(function: F) -> F:
    """Add the argument JOB: a path, or the name of a job in the project's configs."""
    return click.argument("job", type=_Job(), callback=_job, shell_complete=complete_job)(function)


def optional_job_argument(function: F) -> F:
    """Add the argument [JOB]; `named_job` refuses its absence where it is needed."""
    argument = click.argument(
        "job", metavar="[JOB]", type=_Job(), required=False, callback=_job, shell_complete=complete_job
    )
    return argument(function)


def named_job(job: Path | None) -> Path:
    """Return the job; click's error for a missing argument, which lists the jobs, if there is none."""
    if job is None:
        context = click.get_current_context()
        argument = next(each for each in context.command.params if each.name == "job")
        raise click.MissingParameter(ctx=context, param=argument, param_hint="'JOB'")
    return job


def jobs_argument(function: F) -> F:
    """Add the argument JOB... as text; `job_file` turns each into a path."""
    argument = click.argument(
        "jobs", metavar="JOB...", type=_Job(), nargs=-1, required=True, shell_complete=complete_job
    )
    return argument(function)


def _job(_context: click.Context, _argument: click.Parameter, words: str | None) -> Path | None:
    return None if words is None else job_file(words)


def job_file(words: str) -> Path:
    """Return the file of a job; see `job_path`."""
    from scraper.wiring.project import job_path

    path = job_path(words)
    if path.is_dir():
        raise click.BadParameter(f"File {words!r} is a directory.")
    return path


def refuse_no_job(path: Path) -> None:
    """Raise UsageError, which lists the jobs, for a missing file or one of the project's own."""
    from scraper.core.nearest import nearest
    from scraper.wiring.project import ACCOUNTS_FILE, PROJECT_FILE, job_names, project_of

    is_other = path.name in {ACCOUNTS_FILE, PROJECT_FILE}
    if is_other or not os.path.lexists(path):
        known = job_names(project_of().configs)
        met = "states no job" if is_other else f"cannot be read: No such file or directory{nearest(path.stem, known)}"
        raise UsageError(f"{path}: {met}; the jobs are {', '.join(known)}.")
