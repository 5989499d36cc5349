"""``scraper duckdb``."""

from __future__ import annotations

import shlex
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

import click

from scraper.cli.options import beside, configs_option, data_option, settings_of, writable
from scraper.wiring import Settings

SHELL = "duckdb"
IN_UTC = "SET TimeZone = 'UTC'"
"""Instants are UTC: compared with now(), a session must stand there too."""


@click.command()
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    callback=writable,
    help="Write this database and open none.",
)
@click.option("--sandbox", is_flag=True, help="Of the sandbox's data directory.")
@data_option
@configs_option
def duckdb(output: Path | None, sandbox: bool, data: Path | None, configs: Path) -> int:
    """Open DuckDB's own shell on the archive, or write what opens it.

    With a duckdb program on the PATH: its shell, with every table and view, read-only. Without one, or with -o: a
    database of the views over this archive (default: archive.duckdb in the data directory) and beside it views.sql, the
    same for an archive that has moved.
    """
    settings = settings_of(data, sandbox=sandbox)
    shell = shutil.which(SHELL)
    if output is None and shell is not None:
        return _opened(shell, settings, configs)
    _write(output or settings.data_directory / "archive.duckdb", settings, configs)
    return 0


def _opened(shell: str, settings: Settings, configs: Path) -> int:
    """The shell's exit code. Ctrl-C is the shell's: it stops a query there."""
    from scraper import wiring

    with tempfile.TemporaryDirectory() as directory:
        database = Path(directory) / "archive.duckdb"
        wiring.write_views(settings, configs, database, None)
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            command = [shell, "-readonly", "-cmd", IN_UTC, str(database)]
            return subprocess.run(command, check=False).returncode  # noqa: S603 - the user's own shell, our arguments
        finally:
            signal.signal(signal.SIGINT, before)


def _write(database: Path, settings: Settings, configs: Path) -> None:
    from scraper import wiring

    script = database.with_name("views.sql")
    with beside(database) as new_database, beside(script) as new_script:
        wiring.write_views(settings, configs, new_database, new_script)
    click.echo(f"Open it:         {SHELL} -readonly {shlex.quote(str(database))}")
    click.echo(
        f"Archive moved:   name its place at the head of {script}, then {SHELL} -init {shlex.quote(str(script))}"
    )
