"""``scraper init [DIR]``."""

from __future__ import annotations

import shlex
from pathlib import Path

import click

from scraper.cli.formatting import harmless
from scraper.cli.options import program, warn


@click.command()
@click.argument("directory", metavar="[DIR]", default=".", type=click.Path(path_type=Path, file_okay=False))
def init(directory: Path) -> None:
    """Make a project: jobs, accounts and settings to start from.

    A project is a directory with a scraper.toml: commands started anywhere below it use its data, configs, accounts and
    .env. Existing files are never overwritten.
    """
    from scraper.wiring.init import FIRST_JOB, init_project
    from scraper.wiring.project import QUICKSTART, find_root

    above = find_root(directory.absolute().parent)
    done = list(init_project(directory))
    click.echo(f"in {harmless(str(directory.absolute()))}:")
    for file, written in done:
        click.echo(f"{'made' if written else 'kept'}  {file.path!s:30}{file.purpose}")
    if any(str(file.path) == ".gitignore" and not written for file, written in done):
        warn(
            f"{directory / '.gitignore'} already exists: make sure that it lists .env and data/, so no key is committed"
        )
    if above is not None:
        warn(f"{above} is a project too; commands started in {directory} use the new one")
    words = shlex.join(program())
    here = "" if directory.absolute() == Path.cwd() else f"cd {shlex.quote(harmless(str(directory)))} && "
    click.echo(f"\nTry it:    {here}{words} plan {QUICKSTART}")
    click.echo(f"Your own:  {words} plan {FIRST_JOB} (edit configs/{FIRST_JOB}.toml and accounts.toml)")
