"""``scraper archive``."""

from __future__ import annotations

from pathlib import Path

import click

from scraper.cli.options import FORMATS, data_option, format_option, output_option, settings_of


@click.group()
def archive() -> None:
    """Copy the archive to another place."""


@archive.command()
@click.argument("target", metavar="TO")
@click.option("--sandbox", is_flag=True, help="Use the sandbox's data directory.")
@data_option
@format_option(*FORMATS)
@output_option
def copy(target: str, *, sandbox: bool, data: Path | None, format_name: str | None, output: Path | None) -> None:
    """Copy the whole archive from its directory into a bucket, or back.

    TO is a directory or s3://bucket/prefix. The checksum of every part is compared, and the archive in use is not
    changed. The same command resumes an interrupted copy. Afterwards, set `archive` in scraper.toml to TO; the ledger
    stays where it is.
    """
    from dataclasses import asdict

    from scraper.cli.output import write_rows, written
    from scraper.cli.rows import rows_of_objects
    from scraper.wiring.archive import copy_archive

    found = copy_archive(target, settings_of(data, sandbox=sandbox))
    with written(output, format_name) as (stream, format):
        write_rows(rows_of_objects([asdict(found)], ["parts", "copied", "rows", "size_bytes"]), format, stream)
    told = f"copied and verified: {found.parts:,} parts, {found.rows:,} rows"
    click.echo(f'{told}. Now set archive = "{target}" in scraper.toml', err=True)
