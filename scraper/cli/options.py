"""Options that several commands share, spelled once."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO, TypeVar

import click

from scraper.cli.wording import harmless
from scraper.core.errors import UsageError

if TYPE_CHECKING:
    from scraper.wiring import Settings

F = TypeVar("F", bound=Callable[..., Any])

FORMATS = ("table", "json", "csv", "ndjson")


def refuse_windows() -> None:
    """UsageError on Windows: a port that works by half would spend credits without the ledger's guarantees."""
    if sys.platform == "win32":
        raise UsageError(
            "scraper does not run on Windows itself: its file locks, durable renames and signals are those of Linux "
            "and macOS. Nothing was sent or changed; run it inside WSL, with the data directory on WSL's own disk: "
            "https://learn.microsoft.com/windows/wsl/install"
        )


def _on_a_system_that_can(_context: click.Context, _option: click.Parameter, data: Path | None) -> Path | None:
    refuse_windows()
    return data


def data_option(function: F) -> F:
    """Where state and archive are. A command that has them is refused on Windows before it does anything."""
    return click.option(
        "--data",
        type=click.Path(path_type=Path, file_okay=False),
        callback=_on_a_system_that_can,
        envvar="SCRAPER_DATA",
        help="Data directory.  [default: data, with --sandbox data/sandbox; env: SCRAPER_DATA]",
    )(function)


def sandbox_option(function: F) -> F:
    """Vendors played by this process."""
    function = click.option("--seed", default=0, show_default=True, help="Seed of the sandbox's data and faults.")(
        function
    )
    return click.option("--sandbox", is_flag=True, help="Play the vendors inside this process: no key, no cost.")(
        function
    )


def fault_option(function: F) -> F:
    """What goes wrong in the sandbox."""
    return click.option(
        "--fault",
        "faults",
        multiple=True,
        metavar="KIND[:KEY=VALUE]",
        help="Goes wrong in the sandbox: http_500:share=0.05; `scraper sandbox --faults` lists the kinds.",
    )(function)


def configs_option(function: F) -> F:
    """Where files of the user's own are."""
    return click.option(
        "--configs",
        type=click.Path(path_type=Path, file_okay=False),
        default=Path("configs"),
        show_default=True,
        help="Directory with your own vendors/ and tables/.",
    )(function)


def format_option(*formats: str) -> Callable[[F], F]:
    """How data is written to stdout."""

    def with_format(function: F) -> F:
        return click.option(
            "--format",
            "format_name",
            type=click.Choice(formats),
            help="Of what goes to stdout.  [default: table on a terminal, json in a pipe]",
        )(function)

    return with_format


def output_option(function: F) -> F:
    """A file in place of stdout."""
    return click.option(
        "-o", "--output", type=click.Path(path_type=Path, dir_okay=False), help="Write to a file instead of stdout."
    )(function)


def vendor_url_option(function: F) -> F:
    """Other base URLs."""
    return click.option(
        "--vendor-url",
        "vendor_urls",
        multiple=True,
        metavar="VENDOR=URL",
        callback=_vendor_urls,
        help="Another base URL for a vendor (a proxy, a test server); plain http only to loopback, or with allow_http.",
    )(function)


def _vendor_urls(_context: click.Context, _option: click.Parameter, values: tuple[str, ...]) -> Mapping[str, str]:
    urls = {}
    for value in values:
        vendor, equals, url = value.partition("=")
        if not equals or not vendor or not url:
            raise click.BadParameter(f"{value!r} is not of the form VENDOR=URL")
        urls[vendor] = url
    return urls


def job_argument(function: F) -> F:
    """A job file."""
    return click.argument("job", type=click.Path(path_type=Path, dir_okay=False))(function)


def settings_of(
    data: Path | None,
    *,
    sandbox: bool = False,
    seed: int = 0,
    faults: Sequence[str] = (),
    vendor_urls: Mapping[str, str] | None = None,
) -> Settings:
    """The options as wiring takes them."""
    from scraper.wiring import Settings

    return Settings(data=data, sandbox=sandbox, seed=seed, faults=faults, vendor_urls=vendor_urls or {})


def warn(warning: str | None) -> None:
    """Says on stderr what somebody should know, and goes on."""
    if warning is not None:
        click.echo(harmless(f"warning: {warning}"), err=True)


def program() -> list[str]:
    """The words that start this program again as it was started, for advice that can be copied."""
    started = Path(sys.argv[0])
    if started.name == "__main__.py":
        return ["python", "-m", "scraper"]
    on_path = shutil.which(started.name)
    is_that_one = on_path is not None and Path(on_path).resolve() == started.resolve()
    return [started.name if is_that_one or not started.exists() else str(started)]


@contextmanager
def opened(output: Path | None) -> Iterator[TextIO]:
    """The stream that data goes to: a file that is whole or not there, or stdout."""
    if output is None:
        yield sys.stdout
        return
    with beside(output) as path, path.open("w", encoding="utf-8", newline="") as stream:
        yield stream


@contextmanager
def beside(output: Path) -> Iterator[Path]:
    """A path in the same directory that takes the file's place when all is written, and is gone where that fails."""
    path = output.with_name(f".{output.name}.part")
    try:
        path.unlink(missing_ok=True)
        yield path
        path.replace(output)
    except OSError as failure:
        raise UsageError(f"{output} cannot be written: {failure.strerror}.") from failure
    finally:
        with suppress(OSError):
            path.unlink(missing_ok=True)
