"""``scraper compact``."""

from __future__ import annotations

from pathlib import Path

import click

from scraper.cli.options import (
    FORMATS,
    configs_option,
    data_option,
    format_option,
    output_option,
    settings_of,
)


@click.command()
@click.option("--where", metavar="SQL", help="Only partitions that match this condition on vendor and date.")
@click.option("--all", "today_too", is_flag=True, help="Include today's partitions (UTC).")
@click.option("--offline", is_flag=True, help="Swap without an atomic exchange; stop readers first.")
@click.option("--dry-run", is_flag=True, help="Show what would be done, and do nothing.")
@click.option("--sandbox", is_flag=True, help="Use the sandbox's data directory.")
@data_option
@configs_option
@format_option(*FORMATS)
@output_option
def compact(  # noqa: PLR0913 - one for each option
    *,
    where: str | None,
    today_too: bool,
    offline: bool,
    dry_run: bool,
    sandbox: bool,
    data: Path | None,
    configs: Path,
    format_name: str | None,
    output: Path | None,
) -> None:
    """Merge many small files into few large ones.

    Merges the files of each table, vendor and past day; rows are verified before the old files move to DATA/trash for
    15 minutes. Queries may run meanwhile; one that reads a partition during its swap may miss a file: run it
    again.
    """
    import asyncio

    from scraper.cli.output import Format, write_rows, written
    from scraper.cli.rows import rows_of_objects
    from scraper.wiring.upkeep import compact_archive

    if offline and not dry_run:
        click.echo("offline: do not read the archive until this is done", err=True)

    async def done() -> list[dict[str, object]]:
        settings = settings_of(data, sandbox=sandbox)
        found = compact_archive(settings, configs, where, today_too=today_too, offline=offline, dry_run=dry_run)
        return [each.to_json() async for each in found]

    rows = asyncio.run(done())
    with written(output, format_name) as (stream, format):
        if format is not Format.TABLE or rows:
            columns = ["vendor", "date", "files_before", "files_after", "bytes_before", "bytes_after", "left_because"]
            if format is Format.TABLE:  # without empty columns
                columns = [name for name in columns if any(row[name] is not None for row in rows)]
            write_rows(rows_of_objects(rows, columns), format, stream)
    if not rows:
        click.echo("nothing to compact", err=True)
