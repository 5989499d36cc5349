"""``scraper sql QUERY``."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

import click

from scraper.cli.formats import PARQUET
from scraper.cli.next_step import tell_next_step
from scraper.cli.options import (
    ROW_FORMATS,
    beside,
    configs_option,
    data_option,
    format_option,
    output_option,
    settings_of,
)
from scraper.core.errors import UsageError

ENDING = ".sql"


def _parameters(_context: click.Context, _option: click.Parameter, given: tuple[str, ...]) -> Mapping[str, str]:
    parameters: dict[str, str] = {}
    for each in given:
        name, equals, value = each.partition("=")
        name = name.removeprefix("$")
        if not equals or not name.isidentifier():
            raise click.BadParameter(f"{each!r} is not of the form NAME=VALUE, as country=US for $country.")
        if name.lower() in map(str.lower, parameters):
            raise click.BadParameter(f"{name} is given twice: give it once.")
        parameters[name] = value
    return parameters


class _Query(click.types.StringParamType):
    """The argument QUERY; the error for a missing one shows an example."""

    def get_missing_message(self, param: click.Parameter, ctx: click.Context | None) -> str:  # noqa: ARG002 - as click has it
        return 'Write a SELECT in quotes, such as: scraper sql "SELECT count(*) FROM pages"'


class _QuotedQuery(click.Command):
    """A command whose argument is a query, which arrives as many words if it is not in quotes."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        try:
            return super().parse_args(ctx, args)
        except click.UsageError as fault:
            if "unexpected extra argument" in fault.message:
                raise click.UsageError('The query is one argument: write it in quotes, "SELECT ...".', ctx) from fault
            raise


@click.command(cls=_QuotedQuery)
@click.argument("query", type=_Query())
@click.option(
    "--param",
    "parameters",
    multiple=True,
    metavar="NAME=VALUE",
    callback=_parameters,
    help="Value of $NAME in the query, as text; $NAME::INT makes it a number.",
)
@click.option("--sandbox", is_flag=True, help="Use the sandbox's data directory.")
@data_option
@configs_option
@format_option(*ROW_FORMATS, PARQUET)
@output_option
def sql(
    *,
    query: str,
    parameters: Mapping[str, str],
    sandbox: bool,
    data: Path | None,
    configs: Path,
    format_name: str | None,
    output: Path | None,
) -> None:
    """Query the archive in read-only SQL.

    QUERY may be a file whose name ends in .sql, or - for standard input. `scraper tables` lists the tables. Parquet
    keeps the types of columns and needs -o.
    """
    from scraper.cli.output import write_rows, written
    from scraper.cli.rows import rows_of_reader
    from scraper.wiring.query import queried, write_parquet
    from scraper.wiring.settings import place_words

    if format_name == PARQUET and output is None:
        raise UsageError("Parquet cannot go to stdout: name a file with -o.")
    settings = settings_of(data, sandbox=sandbox)
    with queried(settings, configs, _query_text(query), parameters) as reader:
        if format_name == PARQUET and output is not None:
            if output.exists() and not output.is_file():
                raise UsageError(f"{output} is not a file, and Parquet needs one: name a file with -o.")
            with beside(output) as path:
                write_parquet(reader, path)
            return
        with written(output, format_name) as (stream, format):
            write_rows(rows_of_reader(reader), format, stream)
    if output is None and sys.stdout.isatty():
        from scraper.core.report import REPORT_FILE

        if not (settings.data_directory / REPORT_FILE).exists():
            tell_next_step(settings, "As charts", ["report", *place_words(settings)])


def _query_text(query: str) -> str:
    """Return the query, the text of a file, or stdin for ``-``; UsageError if it is not text."""
    path = Path(query)
    try:
        if query == "-":
            text = sys.stdin.read()
        elif query.lower().endswith(ENDING) and (len(query.split()) == 1 or path.exists()):
            text = path.read_text(encoding="utf-8-sig")
        else:
            text = query
        text.encode()
    except OSError as failure:
        why = "there is no such file" if isinstance(failure, FileNotFoundError) else failure.strerror
        raise UsageError(
            f"{query} cannot be read: {why}. Name a file with a SELECT, or write it in quotes."
        ) from failure
    except (UnicodeDecodeError, UnicodeEncodeError) as fault:
        encoding = sys.stdin.encoding if query == "-" else "UTF-8"
        raise UsageError(f"the query of {query!r} is not {encoding} text: {fault.reason}.") from fault
    if text.isidentifier():
        raise UsageError(f'{text} is not a query: "FROM {text}" shows a table, `scraper tables {text}` its columns.')
    if not text.strip():
        raise UsageError('the query is empty: write a SELECT, such as: scraper sql "SELECT count(*) FROM pages"')
    return text
