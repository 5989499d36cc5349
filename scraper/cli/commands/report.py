"""``scraper report``."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import click

from scraper.cli.next_step import tell_next_step
from scraper.cli.options import beside, calendar_day, configs_option, data_option, opened, settings_of, warn, writable
from scraper.core.errors import OutputError, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from scraper.core.report import Period
    from scraper.wiring.settings import Settings

STDOUT = "-"
FAILED = 6

_MONTH = re.compile(r"(\d{4})-(\d{2})")


@click.command()
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, allow_dash=True, dir_okay=False),
    callback=writable,
    help="File to write; - for stdout.  [default: scraper.toml's, else report.html in the data directory]",
)
@click.option(
    "--since",
    callback=calendar_day,
    metavar="YYYY-MM-DD",
    help="First day; the last one is today.  [default: scraper.toml's days, else 30]",
)
@click.option("--month", metavar="YYYY-MM", help="A whole month, instead of the days up to today.")
@click.option("--force", is_flag=True, help="Replace a file that is not a report.")
@click.option("--sandbox", is_flag=True, help="Use the sandbox's data directory.")
@data_option
@configs_option
def report(
    *,
    output: Path | None,
    since: date | None,
    month: str | None,
    force: bool,
    sandbox: bool,
    data: Path | None,
    configs: Path,
) -> int:
    """Write nights, credits, boards and failures as one HTML page.

    The page needs no network and no script; each figure comes from a query printed next to it. Charts are drawn if
    vl-convert-python is installed, else their figures are tables. Charts of your own: an SQL file and a Vega-Lite file
    in configs/reports/. Exits 6 if a query or a chart fails.
    """
    from scraper.cli.display.report import page
    from scraper.cli.formatting import size
    from scraper.wiring.query import reader_of
    from scraper.wiring.report import report_file, report_of, report_settings

    settings = settings_of(data, sandbox=sandbox)
    stated = report_settings(settings)
    period = _period(settings.clock.now().date(), since, month, stated.days)
    reader_of(settings)  # before anything is said of the file
    target = output or report_file(settings, stated)
    if str(target) != STDOUT:
        _require_ours(target, force)
    made = report_of(settings, configs, period)
    text = page(made)
    for warning in made.warnings:
        warn(warning)
    code = FAILED if made.warnings else 0
    if str(target) == STDOUT:
        with opened(None) as stream:
            stream.write(text)
        return code
    with beside(target) as path:
        path.write_text(text, encoding="utf-8")
    drawn = "" if made.drawable else "; tables only: pip install vl-convert-python draws the charts"
    click.echo(f"wrote {target} ({size(len(text.encode()))}): {period.since} to {period.until}{drawn}", err=True)
    tell_next_step(settings, "Every night", _schedule_words(settings))
    return code


def _schedule_words(settings: Settings) -> Sequence[str]:
    """Return the command that prints the timer of the user's own job, or that makes such a job."""
    from scraper.wiring.project import QUICKSTART, job_names

    jobs = [name for name in job_names(settings.project.configs) if name != QUICKSTART]
    return ["schedule", jobs[0]] if jobs else ["init"]


def _period(today: date, since: date | None, month: str | None, days: int) -> Period:
    from scraper.core.report import Period, last_days, month_until

    if since is not None and month is not None:
        raise UsageError("--since and --month exclude each other: give one of them.")
    if month is not None:
        first = _first_of(month)
        if first > today:
            raise UsageError(f"the month {month} has not begun: today is {today} (UTC).")
        return month_until(first, today)
    if since is None:
        return last_days(today, days)
    if since > today:
        raise UsageError(f"{since} is not over yet: today is {today} (UTC); --since is a day up to today.")
    return Period(since, today)


def _first_of(month: str) -> date:
    met = _MONTH.fullmatch(month)
    if met is None or not (1 <= int(met[2]) <= 12 and int(met[1]) >= 1):
        raise UsageError(f"{month!r} is not a month: --month has the form 2026-11.")
    return date(int(met[1]), int(met[2]), 1)


def _require_ours(target: Path, force: bool) -> None:
    """Refuse a file that cannot be written, that is not named as HTML, or that exists and is not a report."""
    from scraper.cli.display.report import is_report
    from scraper.core.report import HTML_ENDINGS

    writable(click.get_current_context(), click.Option(["-o"]), target)
    if target.suffix.lower() not in HTML_ENDINGS:
        raise UsageError(f"{target} does not end in .html, and a report is an HTML page: give it a name that does.")
    if force or not target.is_file():
        return
    try:
        with target.open("rb") as file:
            beginning = file.read(1_000)
    except OSError as failure:
        raise OutputError(str(target), failure.strerror or str(failure), "Nothing was changed.") from failure
    if beginning and not is_report(beginning):
        raise UsageError(f"{target} exists and is not a report: --force replaces it, -o names another file.")
