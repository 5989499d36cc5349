"""``scraper``: the commands, and the one place where an error becomes a sentence and an exit code."""

from __future__ import annotations

import atexit
import io
import os
import re
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Final, NoReturn

import click

import scraper
from scraper.cli.commands import Commands, listed
from scraper.cli.error_text import tell
from scraper.cli.formatting import harmless
from scraper.cli.streams import ReaderGone, program_streams
from scraper.core.errors import ScraperError
from scraper.io import heap
from scraper.io.collection import rare_collections

if TYPE_CHECKING:
    from scraper.ports import Clock

INTERRUPTED = 130
_PROGRAM = ("scraper", "__main__.py")
"""Names of the program. Its process is ours alone, and saves 0.3 s by not loading unused libraries; a caller of `main`
in another process keeps them."""
_NAMED_AS_A_KEY = ("KEY", "TOKEN", "SECRET", "PASS", "AUTH", "CRED")


class _WithoutNumpy:
    """Keeps numpy out of the process: pyarrow works without it, and then leaves out pandas as well."""

    def find_spec(self, name: str, *_: object) -> None:
        """Refuse numpy, and leave the rest to other finders. psycopg takes ``None`` in `sys.modules` for the module."""
        if name == "numpy":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


def _quiet(context: click.Context, option: click.Parameter, given: bool) -> None:
    """Apply -q as if it were after the command (`options.QUIET`), which is imported only if needed."""
    if given:
        from scraper.cli.options import quiet

        quiet(context, option, given)


def _attended(context: click.Context, _option: click.Parameter, given: bool) -> None:
    """Stop this process in order when its standard input ends: the process that started it is gone."""
    if given and not context.resilient_parsing:
        from scraper.cli.attended import stop_when_alone

        stop_when_alone()


@click.group(
    cls=Commands,
    commands=listed(),
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(scraper.__version__, prog_name="scraper")
@click.option(
    "-q", "--quiet", is_flag=True, is_eager=True, expose_value=False, callback=_quiet, help="Only errors on stderr."
)
@click.option("--attended", is_flag=True, is_eager=True, expose_value=False, hidden=True, callback=_attended)
def cli() -> None:
    """Buy pages from metered APIs within a budget and keep them as Parquet.

    \b
    scraper run quickstart --sandbox                        try it for free
    scraper sql --sandbox "SELECT count(*) FROM hashtags"   query what it bought
    scraper init                                            start a project
    scraper plan trends                                     estimate its cost

    Exit codes: 0 complete · 2 usage or configuration · 3 the run's budget is spent · 4 vendor refused ·
    5 archive or state fault · 6 failures, or rows missing · 7 a limit of the account or the vendor ·
    130 interrupted · 1 a bug in scraper.
    """


def main(clock: Clock | None = None) -> NoReturn:
    """Run the command line and exit. `clock`: the time that it uses; ``None``: the machine's."""
    codes: list[int] = []
    if os.path.basename(sys.argv[0]) in _PROGRAM:  # noqa: PTH119 - the name alone
        atexit.register(_end_at_once, codes)  # the first one registered is the last one called
        sys.meta_path.insert(0, _WithoutNumpy())
        if any(not word.startswith("-") for word in sys.argv[1:]):  # ctypes takes 4 ms; --help saves them
            heap.keep_small()
    codes.append(run(clock))
    sys.exit(codes[-1])


def run(clock: Clock | None = None) -> int:
    """Run the command line in a process that continues afterwards; return the exit code."""
    with program_streams(), rare_collections():  # objects of a start stay alive; searching them took 6 % of its time
        return _exit_code(clock)


def _end_at_once(codes: Sequence[int]) -> None:
    """End the process of a command that has returned, without freeing every object: a sixth of a short command.

    It runs after the non-daemon threads and the exit handlers that were registered later; those that were registered
    before, as by a sitecustomize, do not run.
    """
    if not codes:
        return
    for stream in (sys.stdout, sys.stderr):
        with suppress(AttributeError, OSError, ValueError):  # closed, or none: nothing is left to write
            stream.flush()
    os._exit(codes[-1])


def _exit_code(clock: Clock | None) -> int:
    try:
        code = cli.main(standalone_mode=False, obj=clock)
        sys.stdout.flush()
    except ReaderGone:
        return 0
    except (click.exceptions.Abort, KeyboardInterrupt):  # click turns one into the other
        return _tell_interrupted()
    except click.ClickException as fault:
        page = io.StringIO()
        fault.show(page)
        _show(page.getvalue())
        return fault.exit_code
    except ScraperError as fault:
        tell(fault)
        return fault.exit_code
    except Exception as fault:
        if _is_interrupted_query(fault):
            return _tell_interrupted()
        import traceback

        _tell_bug(traceback.format_exc(), os.environ)
        return 1
    return code if isinstance(code, int) else 0


def _is_interrupted_query(fault: Exception) -> bool:
    """Return True for a Ctrl-C during a query: DuckDB has no exception of its own for it."""
    return isinstance(fault, RuntimeError) and str(fault) == "Query interrupted"


def _tell_interrupted() -> int:
    click.echo("interrupted: settled requests are safe", err=True)
    return INTERRUPTED


def _show(page: str) -> None:
    for line in page.splitlines():
        click.echo(harmless(line), err=True)


_PASSWORD: Final = re.compile(r"(://[^\s:/@]*:)[^\s@/]+@")
"""The password in a URL, such as that of the state's database."""


def _tell_bug(trace: str, environment: Mapping[str, str]) -> None:
    """Print a traceback without control characters and without the values of variables whose names suggest a key.

    None of our exceptions contains a key (`io.http_transport`); this covers unforeseen ones.
    """
    from scraper.core.masking import Mask, key_fault

    secret = (value for name, value in environment.items() if any(word in name.upper() for word in _NAMED_AS_A_KEY))
    keys = [value for value in secret if key_fault(value) is None]
    _show(_PASSWORD.sub(r"\1***@", Mask(keys).text(trace)))
    click.echo("error: this is a bug in scraper; settled requests are safe. Please report the lines above.", err=True)
