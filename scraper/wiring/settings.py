"""What a command says about where and how."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from scraper.core.errors import UsageError
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


def is_there(settings: Settings, file: str = "") -> bool:
    """Whether the data directory, or a file of it, is there; UsageError where this user may not know."""
    path = settings.data_directory / file
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as failure:
        raise UsageError(
            f"{path} cannot be read: {failure.strerror}. Nothing was spent or changed; let the owner of "
            f"{settings.data_directory} give you the right to it, or name another directory with --data."
        ) from failure
    return True


def data_is_there(settings: Settings, file: str = "") -> None:
    """Looking creates nothing: a mistyped directory is told of, not made."""
    if not is_there(settings, file):
        where = settings.data_directory
        raise UsageError(f"there is no data in {where}: name the directory with --data, or run a job first.")
