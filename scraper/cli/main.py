"""``scraper``: the commands, and the one place where an error becomes a sentence and an exit code."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, NoReturn

import click

import scraper
from scraper.cli.commands import Commands, listed
from scraper.cli.wording import harmless
from scraper.core.errors import ConfigurationError, ScraperError

if TYPE_CHECKING:
    from scraper.ports import Clock

INTERRUPTED = 130
_NAMED_AS_A_KEY = ("KEY", "TOKEN", "SECRET", "PASS")


@click.group(
    cls=Commands,
    commands=listed(),
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(scraper.__version__, prog_name="scraper")
def cli() -> None:
    """Buys pages from metered APIs inside a budget, and keeps them as Parquet.

    \b
    scraper plan configs/quickstart.toml             what will it cost? (spends nothing)
    scraper run configs/quickstart.toml --sandbox    try it, for nothing
    scraper sql "SELECT count(*) FROM hashtags"      ask the archive

    Exit codes: 0 complete · 2 usage or configuration · 3 budget or quota reached, resumable · 4 vendor refused ·
    5 archive or state fault · 6 finished with failures · 130 interrupted · 1 a bug of ours.
    """


def main(clock: Clock | None = None) -> NoReturn:
    """Run the command line and exit. `clock`: the program's own time; ``None``: the machine's."""
    try:
        code = cli.main(standalone_mode=False, obj=clock)
    except (click.exceptions.Abort, KeyboardInterrupt):  # click makes the one of the other
        _tell_interrupted()
    except click.ClickException as fault:
        page = io.StringIO()
        fault.show(page)
        _show(page.getvalue())
        sys.exit(fault.exit_code)
    except ScraperError as fault:
        _tell(fault)
        sys.exit(fault.exit_code)
    except Exception as fault:
        if _is_interrupted_query(fault):
            _tell_interrupted()
        import traceback

        _tell_bug(traceback.format_exc(), os.environ)
        sys.exit(1)
    sys.exit(code if isinstance(code, int) else 0)


def _is_interrupted_query(fault: Exception) -> bool:
    """DuckDB tells of a Ctrl-C in mid-query as of this, and as of no exception of its own."""
    return isinstance(fault, RuntimeError) and str(fault) == "Query interrupted"


def _tell_interrupted() -> NoReturn:
    click.echo("interrupted: what was settled is safe", err=True)
    sys.exit(INTERRUPTED)


def _tell(fault: ScraperError) -> None:
    if isinstance(fault, ConfigurationError) and len(fault.faults) > 1:
        click.echo(f"error: {len(fault.faults)} faults, nothing was sent:", err=True)
        for each in fault.faults:
            click.echo(f"  {harmless(str(each))}", err=True)
        return
    nothing_sent = ". Nothing was sent." if isinstance(fault, ConfigurationError) else ""
    click.echo(harmless(f"error: {fault}{nothing_sent}"), err=True)


def _show(page: str) -> None:
    for line in page.splitlines():
        click.echo(harmless(line), err=True)


def _tell_bug(trace: str, environment: Mapping[str, str]) -> None:
    """A traceback as it may be sent to us: nothing that a terminal obeys, and no value of a variable named as keys are.

    A key gets into no exception of ours (`io.http_transport`); this is for those that nobody thought of.
    """
    from scraper.core.masking import Mask, key_fault

    secret = (value for name, value in environment.items() if any(word in name.upper() for word in _NAMED_AS_A_KEY))
    keys = [value for value in secret if key_fault(value) is None]
    _show(Mask(keys).text(trace))
    click.echo("error: this is a bug of ours; what was settled is safe. Please report the lines above.", err=True)
