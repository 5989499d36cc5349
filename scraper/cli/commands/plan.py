"""``scraper plan JOB``."""

from __future__ import annotations

import shlex
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import click

from scraper.cli.job_argument import job_argument
from scraper.cli.options import (
    CREDITS,
    data_option,
    format_option,
    output_option,
    program,
    sandbox_option,
    settings_of,
)

if TYPE_CHECKING:
    from scraper.wiring.settings import Settings


@click.command()
@job_argument
@click.option("--budget", type=CREDITS, help="Budget in credits, instead of the job's.")
@click.option("--explain", is_flag=True, help="Explain the basis of each figure.")
@data_option
@sandbox_option
@format_option("table", "json")
@output_option
def plan(  # noqa: PLR0913 - one for each option
    job: Path,
    *,
    budget: int | None,
    explain: bool,
    data: Path | None,
    sandbox: bool,
    seed: int,
    day: date | None,
    format_name: str | None,
    output: Path | None,
) -> None:
    """Estimate the cost of a job; spends nothing.

    Shows requests, credits, rows and time as ranges (known, observed in earlier runs of this data directory, or
    assumed), the nights that the account's caps require, and the pages that the budget drops. Needs no key.
    """
    import asyncio

    from scraper.cli.output import Format, console_on, write_object, written
    from scraper.wiring.auto_budget import budgeted_job
    from scraper.wiring.destinations import destinations_of, questions
    from scraper.wiring.files import load_job
    from scraper.wiring.plan import plan_job

    settings = settings_of(data, job=job, sandbox=sandbox, seed=seed, day=day)
    found, catalogue = load_job(job, budget, settings.project)
    found, allowance = asyncio.run(budgeted_job(found, settings))
    planned = asyncio.run(plan_job(found, settings, allowance))
    sends = destinations_of(found, catalogue, settings)
    asks = [str(fault) for fault in questions(sends, settings)]
    if allowance is not None:
        click.echo(allowance.words(), err=True)
    with written(output, format_name) as (stream, format):
        if format is Format.JSON:
            access = [{"owner": each.owner, "variable": each.variable, "host": each.host} for each in sends]
            write_object({**planned.to_json(), "access": access, "access_questions": asks}, stream)
            return
        from rich.text import Text

        from scraper.cli.display.plan import print_access, print_plan

        with console_on(stream) as console:
            print_plan(planned, found, console, explain=explain, sandbox=sandbox)
            print_access(sends, asks, console)
            console.print()
            words = _run_words(job, settings, budget, sandbox=found.sandbox_only, done=planned.done)
            console.print(Text(f"{'Run it again' if planned.done else 'Run it'}:  {words}"), soft_wrap=True)


def _run_words(job: Path, settings: Settings, budget: int | None, *, sandbox: bool, done: bool) -> str:
    """Return the command that runs the job as it was planned. `done`: its run is over; only --new buys again."""
    from scraper.wiring.settings import run_words

    words = [*program(), *run_words(job, replace(settings, keeps_rate=False))]
    words += ["--sandbox"] if sandbox and not settings.sandbox else []
    words += ["--budget", str(budget)] if budget is not None else []
    return shlex.join([*words, *(["--new"] if done else [])])
