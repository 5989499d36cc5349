"""``scraper plan JOB``."""

from __future__ import annotations

from pathlib import Path

import click

from scraper.cli.options import format_option, job_argument, opened, output_option


@click.command()
@job_argument
@click.option("--budget", type=click.IntRange(min=1), help="Credits, in place of the job's budget.")
@format_option("table", "json")
@output_option
def plan(job: Path, budget: int | None, format_name: str | None, output: Path | None) -> None:
    """Say what a job will cost; spends nothing.

    Requests, credits, rows and time, each as a range labelled known or assumed; what the budget drops. Needs no key.
    """
    from scraper import wiring
    from scraper.cli.output import Format, console_on, default_format, write_object
    from scraper.core.planning import plan as plan_of

    found, _ = wiring.load_job(job, budget)
    planned = plan_of(found)
    with opened(output) as stream:
        if Format(format_name or default_format(stream)) is Format.JSON:
            write_object(planned.to_json(), stream)
            return
        from scraper.cli.summaries import print_plan

        with console_on(stream) as console:
            print_plan(planned, found, console)
