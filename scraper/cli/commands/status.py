"""``scraper status [RUN]``."""

from __future__ import annotations

import re
import shlex
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from scraper.cli.completion import complete_run
from scraper.cli.options import data_option, format_option, output_option, program, settings_of

if TYPE_CHECKING:
    from scraper.wiring.settings import Settings
    from scraper.wiring.status import Overview

_AGO = re.compile(r"([1-9][0-9]{0,4})([hdw])")
_UNITS = {"h": "hours", "d": "days", "w": "weeks"}


def _since(_context: click.Context, _option: click.Parameter, value: str | None) -> timedelta | date | None:
    """Read an age (24h, 7d, 2w) or a day (UTC)."""
    if value is None:
        return None
    if ago := _AGO.fullmatch(value.strip().lower()):
        return timedelta(**{_UNITS[ago[2]]: int(ago[1])})
    try:
        return date.fromisoformat(value.strip())
    except ValueError as failure:
        raise click.BadParameter(f"{value!r} is neither an age (24h, 7d, 2w) nor a day (2026-11-21).") from failure


@click.command()
@click.argument("run", required=False, shell_complete=complete_run)
@click.option("--job", metavar="NAME", help="Only this job.")
@click.option("--since", callback=_since, metavar="24h|DATE", help="All runs and missed nights since this time (UTC).")
@click.option(
    "--limit", type=click.IntRange(1, 10_000), help="Number of runs.  [default: 10, with --since all of them]"
)
@click.option("--check", is_flag=True, help="Exit as the worst night shown; a missed night counts as 6.")
@click.option("--sandbox", is_flag=True, help="Use the sandbox's data directory.")
@data_option
@format_option("table", "json")
@output_option
def status(  # noqa: PLR0913 - one for each option
    *,
    run: str | None,
    job: str | None,
    since: timedelta | date | None,
    limit: int | None,
    check: bool,
    sandbox: bool,
    data: Path | None,
    format_name: str | None,
    output: Path | None,
) -> int:
    """Show how last night went, what is missing and what comes next.

    Shows the newest night of each job: whether it ran and is complete, what is missing and why, rows and credits
    compared with the median of the seven nights before, nights without a run; then new drift, other runs and accounts.
    With RUN (an id, the beginning of one, or `last`), shows that run in full: its incomplete walks, and how its
    processes ended.

    With --check, the command exits as the worst night: 1, 5, 4, 6, 130, 7, 3, 0, the worst first. Runs in progress do
    not count, and of other runs only those since --since.
    """
    import asyncio

    from scraper.core.errors import UsageError
    from scraper.wiring.settings import place_words
    from scraper.wiring.status import LAST, MOST_RUNS, StatusQuery, overview_of

    if run is not None and (since is not None or limit is not None):
        raise UsageError("RUN is one run: leave out --since and --limit, or leave out RUN.")
    if run is not None and job is not None and run != LAST:
        raise UsageError("--job goes with `last` or without RUN: a run id names its job.")
    settings = settings_of(data, sandbox=sandbox)
    most = limit or (10 if since is None else MOST_RUNS)
    query = StatusQuery(run, job, None if since is None else _instant(since, settings.clock.now()), most)
    overview = asyncio.run(overview_of(settings, query))
    run_command = shlex.join([*program(), "run", *place_words(settings)])
    _show(overview, settings, run_command, format_name, output)
    return overview.worst_code if check else 0


def _instant(since: timedelta | date, now: datetime) -> datetime:
    if isinstance(since, timedelta):
        return now - since
    return datetime.combine(since, time(), UTC)


def _show(
    overview: Overview, settings: Settings, run_command: str, format_name: str | None, output: Path | None
) -> None:
    from scraper.cli.display.status import details_json, print_details, print_places, print_status, status_json
    from scraper.cli.display.status_jobs import overview_json, print_overview
    from scraper.cli.output import Format, console_on, write_object, written

    places = {**settings.project.in_use(), "data": str(settings.data_directory.absolute())}
    elsewhere = {"state": settings.state_elsewhere, "archive": settings.archive_elsewhere}
    places |= {name: place for name, place in elsewhere.items() if place}
    details = overview.details
    with written(output, format_name) as (stream, format):
        if format is Format.JSON:
            if details is None:
                write_object({**overview_json(overview, run_command), "places": places}, stream)
            else:
                content = status_json(overview.runs, overview.accounts)
                write_object({**content, "places": places, **details_json(details)}, stream)
            return
        with console_on(stream) as console:
            if details is None:
                print_overview(overview, places, run_command, console)
                return
            print_status(overview.runs, overview.accounts, console)
            print_details(overview.runs[0][0], details, console)
            console.print()
            print_places(places, console)
