"""``scraper check``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, TextIO

import click

from scraper.cli.options import configs_option, data_option, format_option, opened, output_option, settings_of
from scraper.core.errors import StorageError, UsageError

if TYPE_CHECKING:
    from scraper.runs.check import Checked, CheckFinding


@click.command()
@click.option("--repair", is_flag=True, help="Do what is safe: finish, archive, make anew, move strays to the trash.")
@click.option("--quick", is_flag=True, help="Footers, sizes and keys only, without the columns' bytes.")
@click.option("--deep", is_flag=True, help="Compare the tables' rows with what their SELECTs give for the pages, too.")
@click.option("--sandbox", is_flag=True, help="Of the sandbox's data directory.")
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
    """Hold the ledger against the archive.

    Every paid answer has its page, once; every file is there, known and whole; nothing is left unfinished. A file of
    pages is never deleted or replaced. The exit code is 0 where all is sound, 5 where faults are found, or left after a
    repair.
    """
    import asyncio

    from scraper import wiring
    from scraper.cli.output import Format, default_format, write_object

    if quick and deep:
        raise UsageError("--quick leaves out what --deep looks into: give one of the two.")
    settings = settings_of(data, sandbox=sandbox)
    checked = asyncio.run(wiring.check_archive(settings, configs, repair=repair, quick=quick, deep=deep))
    with opened(output) as stream:
        if Format(format_name or default_format(stream)) is Format.JSON:
            write_object(checked.to_json(), stream)
        else:
            _print(checked, repair, stream)
    return StorageError.exit_code if checked.findings else 0


def _print(checked: Checked, repair: bool, stream: TextIO) -> None:
    from rich.text import Text

    from scraper.cli.output import console_on
    from scraper.cli.wording import count, counted, harmless

    def told(finding: CheckFinding, mark: str, style: str) -> Text:
        where = f"{finding.path}: " if finding.path else ""
        return Text(f"{mark:11}", style=style) + Text(harmless(f"{where}{finding.text}"), style="")

    with console_on(stream) as console:
        for finding in checked.repaired:
            console.print(told(finding, "repaired", "green"))
        for finding in checked.findings:
            console.print(told(finding, finding.kind, "red"))
        looked = f"{counted(checked.files, 'file')}, {count(checked.rows)} rows, {counted(checked.answers, 'answer')}"
        console.print(f"{'checked':11}{looked}; {checked.spooled} wait in the spool")
        mendable = sum(finding.repairable for finding in checked.findings)
        if not checked.findings:
            console.print(Text(f"{'sound':11}everything that was paid for is there, once", style="green"))
        elif mendable and not repair:
            console.print(f"{'advice':11}--repair mends {mendable} of {len(checked.findings)}")
