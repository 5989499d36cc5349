"""``scraper duckdb``."""

from __future__ import annotations

import shlex
import shutil
import signal
import subprocess
import tempfile
from contextlib import nullcontext
from pathlib import Path

import click

from scraper.cli.options import beside, configs_option, data_option, settings_of, writable
from scraper.core.errors import UsageError
from scraper.wiring.settings import Settings

SHELL = "duckdb"
ENDINGS = {".duckdb", ".ddb", ".db", ""}
IN_UTC = "SET TimeZone = 'UTC'"
"""Instants are UTC; comparisons with now() need a session in UTC."""


@click.command()
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    callback=writable,
    help="Write this database instead of opening a shell.",
)
@click.option("--sandbox", is_flag=True, help="Use the sandbox's data directory.")
@data_option
@configs_option
def duckdb(output: Path | None, sandbox: bool, data: Path | None, configs: Path) -> int:
    """Open DuckDB's shell on the archive, or write a database for it.

    With a duckdb program on the PATH, opens its shell with every table and view, read-only. Without one, or with -o,
    writes a database of views over this archive (default: archive.duckdb in the data directory), and next to it
    views.sql, for an archive that has moved.
    """
    settings = settings_of(data, sandbox=sandbox)
    shell = shutil.which(SHELL)
    if output is None and shell is not None:
        return _opened(shell, settings, configs)
    if output is not None and output.suffix.lower() not in ENDINGS:
        raise UsageError(
            f"{output} is named as another kind of file, and this writes a DuckDB database: end the name in .duckdb. "
            f"A table goes into a file with scraper export TABLE -o {output.name}."
        )
    _write(output or settings.data_directory / "archive.duckdb", settings, configs)
    return 0


def _opened(shell: str, settings: Settings, configs: Path) -> int:
    """Run the shell and return its exit code. Ctrl-C is left to the shell: it stops a query."""
    from scraper.wiring.query import write_views

    with tempfile.TemporaryDirectory() as directory:
        database = Path(directory) / "archive.duckdb"
        write_views(settings, configs, database, None)
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            command = [shell, "-readonly", "-cmd", IN_UTC, str(database)]
            return subprocess.run(command, check=False).returncode  # noqa: S603 - the user's own shell, our arguments
        finally:
            signal.signal(signal.SIGINT, before)


def _write(database: Path, settings: Settings, configs: Path) -> None:
    from scraper.io.objects import is_s3
    from scraper.wiring.query import write_views

    script = None if is_s3(settings.archive_place) else database.with_name("views.sql")  # copies do not move
    with beside(database) as new_database, nullcontext() if script is None else beside(script) as new_script:
        write_views(settings, configs, new_database, new_script)
    click.echo(f"Open it:         {SHELL} -readonly {shlex.quote(str(database))}")
    if script is not None:
        opened = f"{SHELL} -init {shlex.quote(str(script))}"
        click.echo(f"Archive moved:   set its path at the head of {script}, then {opened}")
