"""``scraper status [RUN]``."""

from __future__ import annotations

from pathlib import Path

import click

from scraper.cli.completion import complete_run
from scraper.cli.options import data_option, format_option, opened, output_option, settings_of


@click.command()
@click.argument("run", required=False, shell_complete=complete_run)
@click.option("--limit", default=10, show_default=True, type=click.IntRange(1, 10_000), help="Number of runs.")
@click.option("--sandbox", is_flag=True, help="Use the sandbox's data directory.")
@data_option
@format_option("table", "json")
@output_option
def status(
    run: str | None, limit: int, sandbox: bool, data: Path | None, format_name: str | None, output: Path | None
) -> None:
    """Show runs, accounts and unknown credits.

    With the id of a RUN, also lists its incomplete walks and their reasons, and how earlier processes of it ended.
    """
    import asyncio

    from scraper.cli.display.status import details_json, print_details, print_places, print_status, status_json
    from scraper.cli.output import Format, console_on, default_format, write_object
    from scraper.wiring.inspect import status_of

    settings = settings_of(data, sandbox=sandbox)
    runs, accounts, details = asyncio.run(status_of(settings, run, limit))
    places = {**settings.project.in_use(), "data": str(settings.data_directory.absolute())}
    with opened(output) as stream:
        if Format(format_name or default_format(stream)) is Format.JSON:
            content = {**status_json(runs, accounts), "places": places}
            write_object(content if details is None else {**content, **details_json(details)}, stream)
            return
        with console_on(stream) as console:
            print_places(places, console)
            print_status(runs, accounts, console)
            if details is not None:
                print_details(runs[0][0], details, console)
