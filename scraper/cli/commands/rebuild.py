"""``scraper rebuild [TABLE]``."""

from __future__ import annotations

from pathlib import Path

import click

from scraper.cli.options import (
    FORMATS,
    configs_option,
    data_option,
    format_option,
    opened,
    output_option,
    settings_of,
)


@click.command()
@click.argument("table", required=False)
@click.option("--where", metavar="SQL", help="Only partitions for which this holds, over vendor and date.")
@click.option("--sandbox", is_flag=True, help="Of the sandbox's data directory.")
@data_option
@configs_option
@format_option(*FORMATS)
@output_option
def rebuild(
    *,
    table: str | None,
    where: str | None,
    sandbox: bool,
    data: Path | None,
    configs: Path,
    format_name: str | None,
    output: Path | None,
) -> None:
    """Make tables anew from the pages, for 0 credits.

    One TABLE or all: after a vendor file was corrected or a table added, or where files are lost or damaged. A changed
    SELECT needs no command: the next run makes its table anew by itself. Each file is exchanged in one step.

    \b
    scraper rebuild hashtags --where "date >= DATE '2026-11-01' AND vendor = 'crawlora'"
    """
    import asyncio

    from scraper import wiring
    from scraper.cli.output import Format, default_format, rows_of_objects, write_rows

    async def done() -> list[dict[str, object]]:
        found = wiring.rebuild_tables(settings_of(data, sandbox=sandbox), configs, table, where)
        return [each.to_json() async for each in found]

    rows = asyncio.run(done())
    with opened(output) as stream:
        write_rows(rows_of_objects(rows), Format(format_name or default_format(stream)), stream)
