"""The result of a run as commands print it, with a probe's findings."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO, TypeAlias

import click

from scraper.cli.formatting import harmless
from scraper.cli.options import aloud, is_quiet, opened, program
from scraper.cli.output import Format, console_on, default_format, write_object
from scraper.core.errors import OutputError

if TYPE_CHECKING:
    from scraper.core.events import RunResult
    from scraper.runs.probe import ProbeFinding
    from scraper.wiring.settings import Settings

Bought: TypeAlias = "tuple[RunResult, Sequence[ProbeFinding] | None]"

NORMAL_ENDS = {0, 3}
"""Exit codes of a complete run and of a spent budget: with -q, a run prints nothing for these."""


def show_result(bought: Bought, format_name: str | None, output: Path | None, settings: Settings) -> int:
    """Print the result; return its exit code."""
    result = bought[0]
    try:
        with opened(output) as stream:
            if format_for(format_name, stream) is Format.JSON:
                write_object(content_of(*bought), stream)
            else:
                print_bought(*bought, stream, settings)
    except OutputError as failure:
        kept = f"Run {result.run_id} has ended ({result.status}), and what it bought is kept: scraper status"
        raise OutputError(failure.place, failure.reason, f"{kept} {result.run_id}") from failure
    code = exit_code_of(*bought)
    on_screen = output is None and sys.stdout.isatty() and format_for(format_name, sys.stdout) is Format.TABLE
    if is_quiet() and code not in NORMAL_ENDS and not on_screen:  # otherwise the log or the result has said it
        with aloud():
            told = result.warnings[0] if result.asks and result.warnings else result.message or result.status
            click.echo(harmless(f"error: {told}"), err=True)
    return code


def format_for(format_name: str | None, stream: TextIO) -> Format:
    return Format(format_name or default_format(stream))


def exit_code_of(result: RunResult, findings: Sequence[ProbeFinding] | None) -> int:
    as_described = findings is None or all(finding.as_described for finding in findings)
    return result.exit_code or (0 if as_described else 6)


def content_of(result: RunResult, findings: Sequence[ProbeFinding] | None) -> Mapping[str, Any]:
    content = result.to_json()
    if findings is not None:
        content["findings"] = [
            {"endpoint": f.endpoint, "as_described": f.as_described, "text": f.text} for f in findings
        ]
    return content


def print_bought(
    result: RunResult, findings: Sequence[ProbeFinding] | None, stream: TextIO, settings: Settings
) -> None:
    from scraper.cli.display.run import print_findings, print_result

    with console_on(stream) as console:
        if findings is not None:
            print_findings(findings, console)
        print_result(result, console, str(settings.data_directory), shlex.join(program()))
    if not stream.isatty() and result.message:
        click.echo(harmless(result.message), err=True)
