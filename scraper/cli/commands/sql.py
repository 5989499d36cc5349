"""``scraper sql QUERY``."""

from __future__ import annotations

import sys
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
from scraper.core.errors import UsageError


@click.command()
@click.argument("query")
@click.option("--sandbox", is_flag=True, help="Use the sandbox's data directory.")
@data_option
@configs_option
@format_option(*FORMATS)
@output_option
def sql(
    query: str, sandbox: bool, data: Path | None, configs: Path, format_name: str | None, output: Path | None
) -> None:
    """Query the archive in read-only SQL.

    QUERY may be - for standard input. `scraper tables` lists the tables.
    """
    from scraper.cli.output import Format, default_format, write_rows
    from scraper.cli.rows import rows_of_reader
    from scraper.wiring.query import queried

    with (
        queried(settings_of(data, sandbox=sandbox), configs, _query_text(query)) as reader,
        opened(output) as stream,
    ):
        write_rows(rows_of_reader(reader), Format(format_name or default_format(stream)), stream)


def _query_text(query: str) -> str:
    """Return the query, or stdin for ``-``; UsageError where it is not text."""
    try:
        text = sys.stdin.read() if query == "-" else query
        text.encode()
    except (UnicodeDecodeError, UnicodeEncodeError) as fault:
        raise UsageError(f"the query is not {sys.stdin.encoding} text: {fault.reason}.") from fault
    return text
