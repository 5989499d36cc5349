"""``scraper check``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final, TextIO

import click

from scraper.cli.options import configs_option, data_option, format_option, output_option, settings_of
from scraper.core.errors import StorageError, UsageError

if TYPE_CHECKING:
    from scraper.runs.check import Checked

_INDENT: Final = len("undecodable") + 2
"""Columns before a finding's text: the longest kind, and a gap."""


@click.command()
@click.option(
    "--repair",
    is_flag=True,
    help="Make all safe repairs: recreate a lost or old ledger from the archive, finish open work, archive the spool, "
    "rebuild tables, move stray files to the trash.",
)
@click.option("--quick", is_flag=True, help="Check footers, sizes and keys only, not the data of columns.")
@click.option("--deep", is_flag=True, help="Also compare every table with its SELECT over the pages.")
@click.option("--sandbox", is_flag=True, help="Use the sandbox's data directory.")
@data_option
@configs_option
@format_option("table", "json")
@output_option
def check(
    *,
    repair: bool,
    quick: bool,
    deep: bool,
    sandbox: bool,
    data: Path | None,
    configs: Path,
    format_name: str | None,
    output: Path | None,
) -> int:
    """Check the archive against the ledger.

    The two must belong together, neither older than the other; every paid answer must have exactly one page; every file
    must exist, be known and be intact; no work may be left unfinished. Page files are never deleted or replaced. Exits
    0 if no fault is found, or none is left after a repair; otherwise 5.
    """
    import asyncio

    from scraper.cli.output import Format, write_object, written
    from scraper.wiring.upkeep import check_archive

    if quick and deep:
        raise UsageError("--quick and --deep exclude each other: give one of them.")
    settings = settings_of(data, sandbox=sandbox)
    checked = asyncio.run(check_archive(settings, configs, repair=repair, quick=quick, deep=deep))
    with written(output, format_name) as (stream, format):
        if format is Format.JSON:
            write_object(checked.to_json(), stream)
        else:
            _print(checked, repair, stream)
    return StorageError.exit_code if checked.findings else 0


def _print(checked: Checked, repair: bool, stream: TextIO) -> None:
    from rich.text import Text

    from scraper.cli.formatting import count, counted, harmless
    from scraper.cli.output import console_on
    from scraper.cli.tables import print_fields

    def show(label: str, path: str, text: str, style: str = "") -> None:
        if path:  # never broken, so that it can be copied
            console.print(Text.assemble((f"{label:{_INDENT}}", style), harmless(f"{path}:")), soft_wrap=True)
        print_fields(console, [("" if path else label, harmless(text))], style, _INDENT)

    with console_on(stream) as console:
        for finding in checked.repaired:
            show("repaired", finding.path, finding.text, "green")
        for finding in checked.findings:
            show(finding.kind, finding.path, finding.text, "red")
        looked = f"{counted(checked.files, 'file')}, {count(checked.rows)} rows, {counted(checked.answers, 'answer')}"
        show("checked", "", f"{looked}; {checked.spooled} in the spool")
        mendable = sum(finding.repairable for finding in checked.findings)
        if not checked.findings:
            show("sound", "", "every paid answer is archived exactly once", "green")
        elif mendable and not repair:
            show("advice", "", f"--repair fixes {mendable} of {len(checked.findings)}")
