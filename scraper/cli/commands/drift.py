"""``scraper drift``."""

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

COLUMNS = ("endpoint", "kind", "path", "what", "times", "of", "first_seen", "last_seen", "request_key", "page")

_PAGE = "SELECT * FROM pages WHERE run_id = '{run_id}' AND request_key = '{request_key}'"


@click.command()
@click.option("--all", "settled", is_flag=True, help="Include drift that the tables now read or expect.")
@click.option("--sandbox", is_flag=True, help="Use the sandbox's data directory.")
@data_option
@configs_option
@format_option(*FORMATS)
@output_option
def drift(
    settled: bool, sandbox: bool, data: Path | None, configs: Path, format_name: str | None, output: Path | None
) -> None:
    """Show where answers differ from the tables' SELECTs.

    One row for each endpoint, kind and path: new, missing, type, coerced, unfit; records without_key; pages repaired or
    unreadable. Columns give the records (or pages) affected, those examined, and a query for one such page.
    """
    import asyncio

    from scraper.cli.output import Format, write_rows, written
    from scraper.cli.rows import rows_of_objects
    from scraper.wiring.inspect import drift_of

    found = asyncio.run(drift_of(settings_of(data, sandbox=sandbox), configs, settled=settled))
    rows = [
        {
            "endpoint": record.endpoint,
            "kind": record.finding.kind.value,
            "path": record.finding.path,
            "what": record.finding.detail,
            "times": record.count,
            "of": record.of,
            "first_seen": record.first_at.replace(microsecond=0),
            "last_seen": record.last_at.replace(microsecond=0),
            "request_key": record.request_key,
            "page": _PAGE.format(run_id=record.run_id, request_key=record.request_key),
        }
        for record in found
    ]
    with written(output, format_name) as (stream, format):
        write_rows(rows_of_objects(rows, COLUMNS), format, stream)
        if rows and format is Format.TABLE:
            click.echo(f"query for a page of the first row: {rows[0]['page']}", err=True)
