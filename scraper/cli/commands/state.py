"""``scraper state``."""

from __future__ import annotations

from pathlib import Path

import click

from scraper.cli.options import FORMATS, QUIET, format_option, opened, output_option, settings_of


@click.group()
def state() -> None:
    """Copy the state from one database into another."""


@state.command(params=[QUIET])
@click.argument("source", metavar="FROM")
@click.argument("target", metavar="TO")
@format_option(*FORMATS)
@output_option
def copy(source: str, target: str, format_name: str | None, output: Path | None) -> None:
    """Copy a state whole, from a file into a PostgreSQL database or back.

    FROM and TO are data directories, files, or URLs: postgresql+psycopg://HOST/DATABASE. TO has to be empty, and no
    job may be under way on FROM. Every table is read again in TO and compared before the copy is committed; FROM is
    left as it is. From then on, use one of them only.
    """
    from dataclasses import asdict

    from scraper.cli.output import Format, default_format, write_rows
    from scraper.cli.rows import rows_of_objects
    from scraper.io.state import without_password
    from scraper.wiring.state import copy_state

    found = copy_state(source, target, settings_of(None, sandbox=False))
    with opened(output) as stream:
        format = Format(format_name or default_format(stream))
        shown = [each for each in found if each.rows or format is not Format.TABLE]
        digits = 12 if format is Format.TABLE else None
        columns = ["table", "rows", "sum", "digest"]
        rows = [{**asdict(each), "digest": each.digest[:digits]} for each in shown]
        write_rows(rows_of_objects(rows, columns), format, stream)
    place = without_password(target) if "://" in target else target
    rows_copied = sum(each.rows for each in found)
    click.echo(
        f"copied and verified: {rows_copied:,} rows. From now on, use {place} alone: "
        "name it as state in scraper.toml, or in SCRAPER_STATE",
        err=True,
    )
