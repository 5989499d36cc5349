"""``scraper init [DIR]``."""

from __future__ import annotations

import shlex
from pathlib import Path

import click

from scraper.cli.formatting import harmless
from scraper.cli.options import program, warn


@click.command()
@click.argument("directory", metavar="[DIR]", default=".", type=click.Path(path_type=Path))
def init(directory: Path) -> None:
    """Make a project: jobs, accounts and settings to start from.

    A project is a directory with a scraper.toml: from wherever a command is started in it, its data, configs, accounts
    and .env are the ones in use. Files that are there already are never overwritten.
    """
    from scraper.wiring.init import FIRST_JOB, SCHEMA_DIRECTORY, init_project
    from scraper.wiring.project import QUICKSTART, find_root

    above = find_root(directory.absolute().parent)
    done = list(init_project(directory))
    for file, written in done:
        if file.path.parent.name != SCHEMA_DIRECTORY:
            click.echo(f"{'made' if written else 'kept'}  {harmless(str(directory / file.path)):28}  {file.purpose}")
    schemas = [written for file, written in done if file.path.parent.name == SCHEMA_DIRECTORY]
    state = "made" if all(schemas) else "kept"
    click.echo(f"{state}  {harmless(str(directory / SCHEMA_DIRECTORY)):28}  schemas of these files, for editors")
    if any(str(file.path) == ".gitignore" and not written for file, written in done):
        warn(f"{directory / '.gitignore'} was there: see that it names .env and data/, so that no key is committed")
    if above is not None:
        warn(f"{above} is a project as well; what is started in {directory} belongs to the new one")
    words = shlex.join(program())
    here = "" if directory.absolute() == Path.cwd() else f"cd {shlex.quote(harmless(str(directory)))} && "
    click.echo(f"\nTry it:    {here}{words} plan {QUICKSTART}")
    click.echo(f"Your own:  configs/{FIRST_JOB}.toml and configs/accounts.toml, then {words} plan {FIRST_JOB}")
