"""``scraper tables [NAME]``."""

from __future__ import annotations

from pathlib import Path

import click

from scraper.cli.completion import complete_relation
from scraper.cli.options import (
    ROW_FORMATS,
    configs_option,
    data_option,
    format_option,
    output_option,
    settings_of,
)


@click.command()
@click.argument("name", required=False, shell_complete=complete_relation)
@click.option("--sandbox", is_flag=True, help="Use the sandbox's data directory.")
@data_option
@configs_option
@format_option(*ROW_FORMATS)
@output_option
def tables(
    name: str | None, sandbox: bool, data: Path | None, configs: Path, format_name: str | None, output: Path | None
) -> None:
    """List the archive's tables, views and columns.

    Shows rows, files and bytes of each table; with a NAME, its columns and their meanings.
    """
    from scraper.cli.output import Format, write_rows, written
    from scraper.cli.rows import rows_of_objects
    from scraper.wiring.query import table_columns, table_list

    settings = settings_of(data, sandbox=sandbox)
    found = table_list(settings, configs) if name is None else table_columns(settings, configs, name)
    with written(output, format_name) as (stream, shown):
        if name is not None or shown not in {Format.TABLE, Format.MARKDOWN}:
            write_rows(rows_of_objects(found, prose="meaning"), shown, stream)
            return
        tables = [row for row in found if "files" in row]
        write_rows(rows_of_objects(tables, prose="one row is"), shown, stream)
        stream.write("\n")
        views = [{"view": row["table"], "one row is": row["one row is"]} for row in found if "files" not in row]
        write_rows(rows_of_objects(views, prose="one row is"), shown, stream)
