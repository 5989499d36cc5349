"""Settings that commands share."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from scraper.core.errors import UnreadableError, UsageError
from scraper.io.clock import SystemClock
from scraper.wiring.project import SANDBOX, Project, first_with_data, has_data

if TYPE_CHECKING:
    from scraper.ports import Clock

SANDBOX_KEY = "sandbox-key"
"""Accepted by our sandbox only."""
SANDBOX_VENDORS = ("crawlora", "keyapi")


@dataclass(frozen=True, slots=True)
class Settings:
    """Data directory, vendors and sandbox, as the command line states them."""

    data: Path | None = None
    """``None``: the project's, or `sandbox` below it with the sandbox."""
    project: Project = field(default_factory=Project)
    """Default: outside any project."""
    sandbox: bool = False
    seed: int = 0
    day: date | None = None
    """The day for which the sandbox generates records; ``None``: the clock's."""
    faults: Sequence[str] = ()
    """Faults to inject into the sandbox, in the syntax of `--fault`."""
    vendor_urls: Mapping[str, str] = field(default_factory=dict)
    """Vendor → a base URL that replaces the vendor file's."""
    allow_hosts: Sequence[str] = ()
    """Hosts that keys may go to because the user says so: HOST or HOST=VARIABLE."""
    environment: Mapping[str, str] = field(default_factory=lambda: os.environ, repr=False)
    clock: Clock = field(default_factory=SystemClock)
    """The clock of the program and of the sandbox's metering."""

    @property
    def data_directory(self) -> Path:
        return self.project.data_directory(sandbox=self.sandbox) if self.data is None else self.data

    @property
    def kind(self) -> str:
        """``real`` or ``sandbox``: the kind of a data directory never changes."""
        return "sandbox" if self.sandbox else "real"


def data_is_there(settings: Settings) -> None:
    """Raise UsageError unless the data directory holds data: commands that read create none."""
    try:
        found = has_data(settings.data_directory)
    except OSError as failure:
        raise UnreadableError(str(settings.data_directory), failure.strerror) from failure
    if not found:
        raise no_data(settings)


def no_data(settings: Settings) -> UsageError:
    """Return the error for a directory without data; it says where data is."""
    where = settings.data_directory
    return UsageError(f"there is no data in {where}{_but_elsewhere(settings)}")


def _but_elsewhere(settings: Settings) -> str:
    """Return the end of the sentence: the directory that the user probably means, or the usual advice."""
    where, real = settings.data_directory, settings.project.data
    sandbox = settings.project.data_directory(sandbox=True)
    place = first_with_data(place for place in (where / SANDBOX, sandbox, real) if place != where)
    if place is None:
        return "; name another directory with --data, or run a job first."
    if settings.data is None:
        return f". {'Real' if settings.sandbox else 'Sandbox'} data is in {place}: " + (
            "leave out --sandbox." if settings.sandbox else "add --sandbox."
        )
    return f". There is data in {place}: --data {shlex.quote(str(place))}"
