"""``scraper state``."""

from __future__ import annotations

from pathlib import Path

import click

from scraper.cli.options import FORMATS, format_option, output_option, settings_of


@click.group()
def state() -> None:
    """Copy the state to another database."""


@state.command()
@click.argument("source", metavar="FROM")
@click.argument("target", metavar="TO")
@format_option(*FORMATS)
@output_option
def copy(source: str, target: str, format_name: str | None, output: Path | None) -> None:
    """Copy a whole state from a file into a PostgreSQL database, or back.

    FROM and TO are data directories, files, or URLs: postgresql+psycopg://HOST/DATABASE. TO must be empty, and no job
    may be running on FROM. Every table is read back from TO and compared before the copy is committed; FROM is not
    changed. Afterwards, use only one of the two.
    """
    from dataclasses import asdict

    from scraper.cli.output import Format, write_rows, written
    from scraper.cli.rows import rows_of_objects
    from scraper.io.state import without_password
    from scraper.wiring.state import copy_state

    found = copy_state(source, target, settings_of(None, sandbox=False))
    with written(output, format_name) as (stream, format):
        shown = [each for each in found if each.rows or format is not Format.TABLE]
        digits = 12 if format is Format.TABLE else None
        columns = ["table", "rows", "sum", "digest"]
        rows = [{**asdict(each), "digest": each.digest[:digits]} for each in shown]
        write_rows(rows_of_objects(rows, columns), format, stream)
    place = without_password(target) if "://" in target else target
    rows_copied = sum(each.rows for each in found)
    click.echo(
        f"copied and verified: {rows_copied:,} rows. From now on, use only {place}: "
        "name it as state in scraper.toml, or in SCRAPER_STATE",
        err=True,
    )
