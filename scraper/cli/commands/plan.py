"""``scraper plan JOB``."""

from __future__ import annotations

from pathlib import Path

import click

from scraper.cli.options import (
    CREDITS,
    data_option,
    format_option,
    job_argument,
    opened,
    output_option,
    sandbox_option,
    settings_of,
)


@click.command()
@job_argument
@click.option("--budget", type=CREDITS, help="Credits, in place of the job's budget.")
@click.option("--explain", is_flag=True, help="Say where each figure comes from.")
@data_option
@sandbox_option
@format_option("table", "json")
@output_option
def plan(
    job: Path,
    *,
    budget: int | None,
    explain: bool,
    data: Path | None,
    sandbox: bool,
    seed: int,
    format_name: str | None,
    output: Path | None,
) -> None:
    """Say what a job will cost; spends nothing.

    Requests, credits, rows and time, each as a range: known, observed in earlier runs of this data directory, or
    assumed; its nights under the account's caps; what the budget drops. Needs no key.
    """
    import asyncio

    from scraper import wiring
    from scraper.cli.output import Format, console_on, default_format, write_object

    found, _ = wiring.load_job(job, budget)
    settings = settings_of(data, sandbox=sandbox, seed=seed)
    found, allowance = asyncio.run(wiring.budgeted_job(found, settings))
    planned = asyncio.run(wiring.plan_job(found, settings, allowance))
    if allowance is not None:
        click.echo(allowance.words(), err=True)
    with opened(output) as stream:
        if Format(format_name or default_format(stream)) is Format.JSON:
            write_object(planned.to_json(), stream)
            return
        from scraper.cli.display.plan import print_plan

        with console_on(stream) as console:
            print_plan(planned, found, console, explain=explain)
