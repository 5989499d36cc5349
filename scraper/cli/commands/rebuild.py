"""``scraper rebuild [TABLE]``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from scraper.cli.formatting import counted
from scraper.cli.options import (
    FORMATS,
    configs_option,
    data_option,
    format_option,
    output_option,
    settings_of,
    warn,
)

if TYPE_CHECKING:
    from scraper.runs.rebuild import Rebuilt


@click.command()
@click.argument("table", required=False)
@click.option("--where", metavar="SQL", help="Only partitions that match this condition on vendor and date.")
@click.option("--sandbox", is_flag=True, help="Use the sandbox's data directory.")
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
    """Rebuild tables from the pages, for 0 credits.

    Rebuilds TABLE, or all tables: after a vendor file was corrected or a table added, or when files are lost or
    damaged. A changed SELECT needs no command: the next run rebuilds its table. Each file is replaced atomically.

    \b
    scraper rebuild hashtags --where "date >= DATE '2026-11-01' AND vendor = 'crawlora'"
    """
    import asyncio

    from scraper.cli.output import Format, write_rows, written
    from scraper.cli.rows import rows_of_objects
    from scraper.wiring.upkeep import rebuild_tables

    settings = settings_of(data, sandbox=sandbox)

    async def done() -> list[Rebuilt]:
        found = rebuild_tables(settings, configs, table, where)
        return [each async for each in found]

    tables = asyncio.run(done())
    rows = [each.to_json() for each in tables]
    with written(output, format_name) as (stream, format):
        columns = list(rows[0]) if rows else None
        if format is Format.TABLE and columns is not None:  # figures that are 0 for all tables need no column
            columns = [name for name in columns if name in {"files", "rows"} or any(row[name] for row in rows)]
        write_rows(rows_of_objects(rows, columns), format, stream)
    if taken_out := sum(each.taken_out for each in tables):
        kept = settings.data_directory / "trash" / "without-pages"
        counted_files = counted(taken_out, "file")
        warn(f"{counted_files} removed: no rows are left in them; those without pages are in {kept}")
