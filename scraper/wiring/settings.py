"""What a command says about where and how."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from scraper.core.errors import UnreadableError, UsageError
from scraper.io.clock import SystemClock

if TYPE_CHECKING:
    from scraper.ports import Clock

DATA = Path("data")
SANDBOX_DATA = Path("data/sandbox")
SANDBOX_KEY = "sandbox-key"
"""Opens nothing but a sandbox of ours."""
SANDBOX_VENDORS = ("crawlora", "keyapi")


@dataclass(frozen=True, slots=True)
class Settings:
    """What the command line says about where and how."""

    data: Path | None = None
    """``None``: `data`, or `data/sandbox` with the sandbox."""
    sandbox: bool = False
    seed: int = 0
    day: date | None = None
    """The day that the sandbox's records are drawn for; ``None``: the clock's."""
    faults: Sequence[str] = ()
    """What goes wrong in the sandbox on purpose, as `--fault` has it."""
    vendor_urls: Mapping[str, str] = field(default_factory=dict)
    """Other base URLs, by vendor."""
    environment: Mapping[str, str] = field(default_factory=lambda: os.environ, repr=False)
    clock: Clock = field(default_factory=SystemClock)
    """The program's own time, and what the sandbox meters by."""

    @property
    def data_directory(self) -> Path:
        """Where state and archive are."""
        if self.data is not None:
            return self.data
        return SANDBOX_DATA if self.sandbox else DATA

    @property
    def kind(self) -> str:
        """``real`` or ``sandbox``: what a data directory is for ever."""
        return "sandbox" if self.sandbox else "real"


def data_is_there(settings: Settings) -> None:
    """Raise UsageError unless the data directory exists: reading commands create nothing."""
    try:
        settings.data_directory.stat()
    except (FileNotFoundError, NotADirectoryError):
        raise no_data(settings) from None
    except OSError as failure:
        raise UnreadableError(str(settings.data_directory), failure.strerror) from failure


def no_data(settings: Settings) -> UsageError:
    """The error for a data directory that does not exist."""
    where = settings.data_directory
    return UsageError(f"there is no data in {where}: name the directory with --data, or run a job first.")
