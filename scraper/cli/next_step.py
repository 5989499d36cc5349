"""The next step for newcomers: one line on stderr, in the sandbox and on a terminal only."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from scraper.cli.formatting import harmless
from scraper.cli.options import program

if TYPE_CHECKING:
    from scraper.wiring.settings import Settings


def tell_next_step(settings: Settings, purpose: str, words: Sequence[str]) -> None:
    """Print ``purpose: scraper words`` if the sandbox's data is in use and stderr is a terminal."""
    of_sandbox = settings.project.data_directory(sandbox=True).absolute()
    is_tried = settings.sandbox or settings.data_directory.absolute() == of_sandbox
    if is_tried and sys.stderr.isatty():
        click.echo(err=True)
        click.echo(harmless(f"{purpose}:  {shlex.join([*program(), *words])}"), err=True)
