"""``scraper archive``."""

from __future__ import annotations

from pathlib import Path

import click

from scraper.cli.options import FORMATS, QUIET, data_option, format_option, opened, output_option, settings_of


@click.group()
def archive() -> None:
    """Copy the archive to another place."""


@archive.command(params=[QUIET])
@click.argument("target", metavar="TO")
@click.option("--sandbox", is_flag=True, help="Use the sandbox's data directory.")
@data_option
@format_option(*FORMATS)
@output_option
def copy(target: str, *, sandbox: bool, data: Path | None, format_name: str | None, output: Path | None) -> None:
    """Copy the archive whole, from its directory into a bucket or back.

    TO is a directory or s3://bucket/prefix. Every part is compared by its checksum, and the archive in use is left as
    it is. A copy that was cut short is continued by the same command. Afterwards name TO as `archive` in scraper.toml;
    the ledger stays where it is.
    """
    from dataclasses import asdict

    from scraper.cli.output import Format, default_format, write_rows
    from scraper.cli.rows import rows_of_objects
    from scraper.wiring.archive import copy_archive

    found = copy_archive(target, settings_of(data, sandbox=sandbox))
    with opened(output) as stream:
        format = Format(format_name or default_format(stream))
        write_rows(rows_of_objects([asdict(found)], ["parts", "copied", "rows", "size_bytes"]), format, stream)
    told = f"copied and verified: {found.parts:,} parts, {found.rows:,} rows"
    click.echo(f'{told}. Now set archive = "{target}" in scraper.toml', err=True)
