"""Notifications of faults that keep an unattended run from starting."""

from __future__ import annotations

import asyncio
import shlex
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from scraper.cli.options import program, settings_of, warn
from scraper.core.errors import ScraperError

if TYPE_CHECKING:
    from scraper.wiring.settings import Settings


@contextmanager
def faults_told_of(job: str, places: Mapping[str, Any]) -> Iterator[None]:
    """Notify of a fault that kept a run from starting, and raise it. `places`: options that `settings_of` takes.

    Nothing is sent if a person typed the command.
    """
    try:
        yield
    except ScraperError as fault:
        if not sys.stdin.isatty():
            _tell(job, fault, places)
        raise


def _tell(job: str, fault: ScraperError, places: Mapping[str, Any]) -> None:
    from scraper.wiring.notify import tell_of_fault

    with suppress(ScraperError, click.ClickException):  # the fault may be the settings' own
        command = shlex.join([*program(), "run", job])
        for sentence in asyncio.run(tell_of_fault(_settings(job, places), Path(job).stem, fault, command)):
            warn(sentence)


def _settings(job: str, places: Mapping[str, Any]) -> Settings:
    path = Path(job)
    return settings_of(job=path if path.is_file() else None, **places)
