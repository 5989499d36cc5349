"""``scraper export TABLE``."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import click

from scraper.cli.completion import complete_relation
from scraper.cli.formats import DELTA, format_of, mismatch
from scraper.cli.options import beside, configs_option, data_option, opened, settings_of, warn, writable
from scraper.cli.streams import copy_bytes
from scraper.core.errors import OutputError, UsageError

if TYPE_CHECKING:
    from scraper.wiring.settings import Settings

FORMATS = ("csv", "json", "ndjson", "parquet", DELTA)

STDOUT = "-"


@click.command()
@click.argument("table", shell_complete=complete_relation)
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(path_type=Path, allow_dash=True),
    callback=writable,
    help="Output file, or directory of a Delta table; - for stdout.",
)
@click.option(
    "--format",
    "format_name",
    type=click.Choice(FORMATS),
    help="File format.  [default: by the extension of -o; env: SCRAPER_FORMAT]",
)
@click.option("--where", metavar="CONDITION", help="Write only these rows: --where \"country = 'US'\".")
@click.option("--force", is_flag=True, help="Replace an existing file, or the rows of a Delta table.")
@click.option("--append", is_flag=True, help="Add the rows to a Delta table, which is created if needed.")
@click.option("--sandbox", is_flag=True, help="Use the sandbox's data directory.")
@data_option
@configs_option
def export(  # noqa: PLR0913 - one for each option
    *,
    table: str,
    output: Path,
    format_name: str | None,
    where: str | None,
    force: bool,
    append: bool,
    sandbox: bool,
    data: Path | None,
    configs: Path,
) -> None:
    """Write a table or a view to a file, or to a Delta table.

    TABLE may be a macro with its arguments: "hashtags_as_of('2026-11-21')". Writes all columns, as DuckDB does. CSV
    contains nested values as JSON, and a ' before text that a spreadsheet would take for a formula; NDJSON and Parquet
    keep every value unchanged. A Delta table is a directory (-o posts.delta); its times are instants in UTC.
    """
    from scraper.cli.formatting import counted
    from scraper.wiring.query import exported

    if where is not None and not where.strip():
        raise UsageError("the condition of --where is empty: write one, such as \"country = 'US'\", or leave it out.")
    _refuse_directory(format_name, output)
    chosen = _chosen(format_name, output)
    settings = settings_of(data, sandbox=sandbox)
    if chosen == DELTA:
        rows = _to_delta(settings, configs, table, output, where, force=force, append=append)
        click.echo(f"wrote {counted(rows, 'row')} of {table} to {output}", err=True)
        return
    if append:
        raise UsageError("--append adds rows to a Delta table, and -o is a file: leave it out, or give --format delta.")
    if str(output) == STDOUT:
        if chosen == "parquet":
            raise UsageError("Parquet cannot go to stdout: name a file with -o.")
        with tempfile.TemporaryDirectory() as directory:
            whole = Path(directory) / "export"
            exported(settings, configs, table, chosen, whole, where)
            _print(whole)
        return
    if output.exists() and not force:
        raise UsageError(f"{output} exists: --force replaces it.")
    with beside(output) as path:
        try:
            rows = exported(settings, configs, table, chosen, path, where)
        except OutputError as failure:  # of the temporary file
            reason = failure.reason.replace(str(path.absolute()), str(output))
            raise OutputError(str(output), reason, "Nothing was changed.") from failure
    click.echo(f"wrote {counted(rows, 'row')} of {table} to {output}", err=True)


def _to_delta(
    settings: Settings, configs: Path, table: str, place: Path, where: str | None, *, force: bool, append: bool
) -> int:
    from scraper.io.query.delta_table import DeltaMode
    from scraper.wiring.query import exported_to_delta

    if str(place) == STDOUT:
        raise UsageError("a Delta table cannot go to stdout: name a directory with -o.")
    if force and append:
        raise UsageError("--force replaces the rows of a Delta table, --append adds to them: give one of them.")
    mode = DeltaMode.APPEND if append else DeltaMode.REPLACE if force else DeltaMode.NEW
    return exported_to_delta(settings, configs, table, place, where, mode)


def _refuse_directory(format_name: str | None, output: Path) -> None:
    """Refuse a directory as click does, unless it is for a Delta table."""
    if output.is_dir() and (format_name or output.suffix.lower().removeprefix(".")) != DELTA:
        raise click.BadParameter(f"File '{output}' is a directory.", param_hint="'-o' / '--output'")


def _chosen(format_name: str | None, output: Path) -> str:
    if format_name is not None:
        warn(mismatch(format_name, output))
        return format_name
    if (found := format_of(FORMATS, output, os.environ)) is None:
        raise UsageError(f"{output} has no file extension that names a format: give --format.")
    return found


def _print(path: Path) -> None:
    with opened(None) as stream, path.open("rb") as file:
        copy_bytes(file, stream)
