"""``scraper fleet``."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import click

from scraper.cli.options import FORMATS, data_option, format_option, output_option, settings_of


@click.command()
@click.option(
    "--hours", type=click.IntRange(1, 8760), default=24, show_default=True, help="Hours of ended tasks to show."
)
@data_option
@format_option(*FORMATS)
@output_option
def fleet(*, hours: int, data: Path | None, format_name: str | None, output: Path | None) -> None:
    """Show a fleet's workers, tasks and leases.

    A lease says which process holds a job, or the archive. A worker that sends no heartbeat is shown as lost until
    another one has taken over its tasks. `scraper status` shows the results of runs.
    """
    import asyncio

    from scraper.cli.display.fleet import fleet_json, print_fleet, task_rows
    from scraper.cli.output import Format, console_on, write_object, write_rows, written
    from scraper.cli.rows import rows_of_objects
    from scraper.wiring.fleet import fleet_overview

    found, leases = asyncio.run(fleet_overview(settings_of(data), timedelta(hours=hours)))
    with written(output, format_name) as (stream, format):
        match format:
            case Format.JSON:
                write_object(fleet_json(found, leases), stream)
            case Format.TABLE:
                with console_on(stream) as console:
                    print_fleet(found, leases, console)
            case Format.CSV | Format.NDJSON:
                write_rows(rows_of_objects(task_rows(found)), format, stream)
