"""``scraper export TABLE``."""

from __future__ import annotations

import tempfile
from pathlib import Path

import click

from scraper.cli.options import beside, configs_option, data_option, opened, settings_of, writable
from scraper.cli.streams import copy_bytes
from scraper.core.errors import UsageError

FORMATS = {".csv": "csv", ".ndjson": "ndjson", ".jsonl": "ndjson", ".parquet": "parquet"}
"""What a file's name says of its format."""

STDOUT = "-"


@click.command()
@click.argument("table")
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(path_type=Path, allow_dash=True),
    callback=writable,
    help="File; - for stdout.",
)
@click.option(
    "--format",
    "format_name",
    type=click.Choice(["csv", "ndjson", "parquet"]),
    help="Of the file.  [default: as its name ends]",
)
@click.option("--force", is_flag=True, help="Replace a file that is there.")
@click.option("--sandbox", is_flag=True, help="Of the sandbox's data directory.")
@data_option
@configs_option
def export(
    *, table: str, output: Path, format_name: str | None, force: bool, sandbox: bool, data: Path | None, configs: Path
) -> None:
    """Write a table or a view to a file.

    All its columns and rows, as DuckDB writes them. CSV has nested values as JSON, and a ' before a text that a
    spreadsheet would take for a formula; NDJSON and Parquet hold everything as it is.
    """
    from scraper import wiring
    from scraper.cli.formatting import counted

    chosen = format_name or FORMATS.get(output.suffix.lower())
    if chosen is None:
        raise UsageError(f"{output} does not say which format it should have: name one with --format.")
    settings = settings_of(data, sandbox=sandbox)
    if str(output) == STDOUT:
        if chosen == "parquet":
            raise UsageError("Parquet goes to a file: name one with -o.")
        with tempfile.TemporaryDirectory() as directory:
            whole = Path(directory) / "export"
            wiring.exported(settings, configs, table, chosen, whole)
            _print(whole)
        return
    if output.exists() and not force:
        raise UsageError(f"{output} is there already: --force replaces it.")
    with beside(output) as path:
        rows = wiring.exported(settings, configs, table, chosen, path)
    click.echo(f"{counted(rows, 'row')} of {table} in {output}", err=True)


def _print(path: Path) -> None:
    with opened(None) as stream, path.open("rb") as file:
        copy_bytes(file, stream)
