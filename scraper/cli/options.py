"""Options shared by several commands."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stderr, suppress
from dataclasses import replace
from datetime import date
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TextIO, TypeVar, cast

import click

from scraper.cli.completion import complete_fault
from scraper.cli.formats import format_of, mismatch
from scraper.cli.formatting import harmless
from scraper.cli.place_options import named_places, place_options
from scraper.cli.streams import ReaderGone
from scraper.cli.world_options import pairs, played_world, world_options
from scraper.core.errors import OutputError, UsageError
from scraper.core.units import LARGEST_COUNT

if TYPE_CHECKING:
    from scraper.ports import Clock
    from scraper.wiring.settings import Settings

F = TypeVar("F", bound=Callable[..., Any])

FORMATS = ("table", "json", "csv", "ndjson")
ROW_FORMATS = (*FORMATS, "markdown")
"""Formats of a result that is only rows."""


class _Credits(click.IntRange):
    """A budget. Its upper bound refuses nonsense and is not worth a place in the help."""

    name = "integer"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:  # noqa: ANN401
        if not isinstance(value, int) and not value.strip().lstrip("-").isdecimal():
            self.fail(f"{value!r} is not a valid integer: write credits in digits alone, such as 1000.", param, ctx)
        credits = super().convert(value, param, ctx)
        if credits > LARGEST_COUNT:
            self.fail(f"{value} is not in the range 1<=x<={LARGEST_COUNT}.", param, ctx)
        return credits


CREDITS = _Credits(min=1)


def calendar_day(_context: click.Context, _option: click.Parameter, value: str | None) -> date | None:
    """Return the day that an option names."""
    try:
        return None if value is None else date.fromisoformat(value)
    except ValueError as fault:
        raise click.BadParameter(f"{value!r} is not a day of the calendar, written as 2026-11-21.") from fault


def refuse_windows() -> None:
    """Raise UsageError on Windows: a port that half works would spend credits without the ledger's guarantees."""
    if sys.platform == "win32":
        raise UsageError(
            "scraper does not run on Windows itself: its file locks, durable renames and signals are those of Linux "
            "and macOS. Nothing was sent or changed; run it inside WSL, with the data directory on WSL's own disk: "
            "https://learn.microsoft.com/windows/wsl/install"
        )


def _on_a_system_that_can(_context: click.Context, _option: click.Parameter, data: Path | None) -> Path | None:
    refuse_windows()
    return data


class _Directory(click.Path):
    """A directory with a name: an unset shell variable does not mean the working directory."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:  # noqa: ANN401 - as click has it
        if value == "":
            self.fail("the name is empty: name a directory, such as . for this one.", param, ctx)
        return super().convert(value, param, ctx)


def data_option(function: F) -> F:
    """Add --data, --state and --archive. On Windows, a command with these options is refused before it begins."""
    return click.option(
        "--data",
        type=_Directory(path_type=Path, file_okay=False),
        callback=_on_a_system_that_can,
        help="Data directory.  [default: the project's data, with --sandbox data/sandbox; env: SCRAPER_DATA]",
    )(place_options(function))


def sandbox_option(function: F) -> F:
    """Add --sandbox, --seed, --day, --turnover and --world."""
    function = world_options(day_option(function))
    function = click.option("--seed", default=0, show_default=True, help="Seed for the sandbox's data and faults.")(
        function
    )
    return click.option("--sandbox", is_flag=True, help="Use simulated vendors inside this process: no key, no cost.")(
        function
    )


def day_option(function: F) -> F:
    """Add --day."""
    return click.option(
        "--day",
        callback=calendar_day,
        metavar="YYYY-MM-DD",
        help="Day of the sandbox's data (UTC).  [default: today]",
    )(function)


def rate_option(function: F) -> F:
    """Add --rate."""
    return click.option("--rate", is_flag=True, help="Keep to the plan's rate in the sandbox too, as at the vendor.")(
        function
    )


def fault_option(function: F) -> F:
    """Add --fault."""
    return click.option(
        "--fault",
        "faults",
        multiple=True,
        shell_complete=complete_fault,
        metavar="KIND[:KEY=VALUE]",
        help="Fault of the sandbox, such as http_500:share=0.05; `scraper sandbox --faults` lists the kinds.",
    )(function)


def configs_option(function: F) -> F:
    """Add --configs."""
    return click.option(
        "--configs",
        type=click.Path(path_type=Path, file_okay=False),
        callback=_configs,
        help="Your own vendors/, tables/ and reports/.  [default: the project's configs; env: SCRAPER_CONFIGS]",
    )(function)


def _configs(_context: click.Context, _option: click.Parameter, configs: Path | None) -> Path:
    from scraper.wiring.project import project_of

    if configs is not None and not configs.exists():
        raise click.BadParameter(f"there is no directory {configs}.")
    return project_of().configs if configs is None else configs


def format_option(*formats: str) -> Callable[[F], F]:
    """Add --format; without it the ending of -o FILE decides, then $SCRAPER_FORMAT."""

    def with_format(function: F) -> F:
        @wraps(function)
        def in_format(*arguments: Any, format_name: str | None, output: Path | None, **options: Any) -> Any:  # noqa: ANN401
            if format_name is None:
                format_name = format_of(formats, output, os.environ)
            else:
                warn(mismatch(format_name, output))
            return function(*arguments, format_name=format_name, output=output, **options)

        return click.option(
            "--format",
            "format_name",
            type=click.Choice(formats),
            help="Output format.  [default: by the ending of -o; table on a terminal, json in a pipe; "
            "env: SCRAPER_FORMAT]",
        )(cast("F", in_format))

    return with_format


def output_option(function: F) -> F:
    """Add -o."""
    return click.option(
        "-o",
        "--output",
        type=click.Path(path_type=Path, dir_okay=False),
        callback=writable,
        help="Write to a file instead of stdout.",
    )(function)


def writable(_context: click.Context, _option: click.Parameter, output: Path | None) -> Path | None:
    """Refuse a file that cannot be created, before anything is done or bought."""
    directory = None if output is None else output.parent
    if directory is not None and not (directory.is_dir() and os.access(directory, os.W_OK)):
        if not directory.is_dir():
            why = (
                "is not a directory: name one"
                if directory.exists()
                else "does not exist: make this directory, or name one"
            )
            raise UsageError(f"{output} cannot be written: {directory} {why} that is there.")
        raise UsageError(f"{output} cannot be written: {directory} is not writable for you: name another directory.")
    return output


def vendor_url_option(function: F) -> F:
    """Add --vendor-url."""
    return click.option(
        "--vendor-url",
        "vendor_urls",
        multiple=True,
        metavar="VENDOR=URL",
        callback=lambda _context, _option, values: pairs(values, "VENDOR=URL"),
        help="Another base URL for a vendor (a proxy, a test server); plain http only to loopback, or with allow_http.",
    )(function)


def allow_host_option(function: F) -> F:
    """Add --allow-host."""
    return click.option(
        "--allow-host",
        "allow_hosts",
        multiple=True,
        metavar="HOST[=VARIABLE]",
        callback=_allowed_hosts,
        help="Allow files of the project to send a key to this host; =VARIABLE also allows a variable of any name.",
    )(function)


def _allowed_hosts(_context: click.Context, _option: click.Parameter, values: tuple[str, ...]) -> tuple[str, ...]:
    from scraper.wiring.destinations import entry_fault

    for value in values:
        if fault := entry_fault(value):
            raise click.BadParameter(fault)
    return values


_ALOUD: Final = "scraper.stderr"


def quiet(context: click.Context, _option: click.Parameter, given: bool) -> None:
    """Silence stderr until the command has ended: errors are printed after that, by `cli.main`."""
    root = context.find_root()
    if given and not context.resilient_parsing and _ALOUD not in root.meta:
        root.meta[_ALOUD] = sys.stderr
        nowhere = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - closed with the context
        root.with_resource(redirect_stderr(root.with_resource(nowhere)))


QUIET: Final = click.Option(
    ["-q", "--quiet"],
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=quiet,
    help="Print nothing on stderr but errors.",
)


def is_quiet() -> bool:
    """Return True with -q."""
    return _ALOUD in click.get_current_context().meta


@contextmanager
def aloud() -> Iterator[None]:
    """Let a question or an error through to stderr in spite of -q."""
    context = click.get_current_context(silent=True)
    with redirect_stderr(sys.stderr if context is None else context.meta.get(_ALOUD, sys.stderr)):
        yield


def log_file_option(function: F) -> F:
    """Add --log-file."""
    return click.option(
        "--log-file",
        type=click.Path(path_type=Path, dir_okay=False),
        callback=writable,
        help="Append the log to this file as well; only you may read one that is created.",
    )(function)


def settings_of(  # noqa: PLR0913 - one for each option
    data: Path | None,
    *,
    job: Path | None = None,
    sandbox: bool = False,
    seed: int = 0,
    day: date | None = None,
    rate: bool = True,
    faults: Sequence[str] = (),
    vendor_urls: Mapping[str, str] | None = None,
    allow_hosts: Sequence[str] = (),
) -> Settings:
    """Return the options as wiring takes them, with the project of the job or of the working directory."""
    from scraper.cli.job_argument import refuse_no_job
    from scraper.wiring.project import project_of
    from scraper.wiring.settings import Settings

    if job is not None:
        refuse_no_job(job)
    played, places = played_world(), named_places()
    given = {"--fault": faults, "--day": day, "--seed": seed, **{f"--{name}": value for name, value in played.items()}}
    if not sandbox and (lone := [option for option, value in given.items() if value]):
        raise UsageError(f"{lone[0]} needs --sandbox.")
    settings = Settings(
        data=data,
        state=places.get("state"),
        archive=places.get("archive"),
        project=project_of(job),
        sandbox=sandbox,
        seed=seed,
        day=day,
        world=played.get("world"),
        turnover=played.get("turnover", {}),
        keeps_rate=rate,
        faults=faults,
        vendor_urls=vendor_urls or {},
        allow_hosts=allow_hosts,
    )
    clock: Clock | None = click.get_current_context().find_root().obj  # see `cli.main.main`
    return settings if clock is None else replace(settings, clock=clock)


def warn(warning: str | None) -> None:
    """Print a warning on stderr."""
    if warning is not None:
        click.echo(harmless(f"warning: {warning}"), err=True)


def program() -> list[str]:
    """Return the command that starts this program again, for advice to be copied."""
    started = Path(sys.argv[0])
    if started.name == "__main__.py":
        return ["python", "-m", "scraper"]
    on_path = shutil.which(started.name)
    is_that_one = on_path is not None and Path(on_path).resolve() == started.resolve()
    return [started.name if is_that_one or not started.exists() else str(started)]


@contextmanager
def opened(output: Path | None) -> Iterator[TextIO]:
    """Yield stdout, or a file that is written whole or not at all. A reader that goes ends the block."""
    if output is None:
        with suppress(ReaderGone):
            yield sys.stdout
            sys.stdout.flush()
        return
    with beside(output) as path, path.open("w", encoding="utf-8", newline="") as stream:
        yield stream


@contextmanager
def beside(output: Path) -> Iterator[Path]:
    """Yield a temporary path in the same directory; it replaces the file at the end, and is removed on failure.

    A device or a named pipe is written to directly.
    """
    is_device = output.exists() and not output.is_file()
    path = output if is_device else output.with_name(f".{output.name}.part")
    try:
        if is_device:
            yield path
            return
        path.unlink(missing_ok=True)
        yield path
        path.replace(output)
    except OSError as failure:
        raise OutputError(str(output), failure.strerror or str(failure)) from failure
    finally:
        if not is_device:
            with suppress(OSError):
                path.unlink(missing_ok=True)
