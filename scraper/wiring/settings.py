"""Settings that commands share."""

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
"""Accepted by our sandbox only."""
SANDBOX_VENDORS = ("crawlora", "keyapi")


@dataclass(frozen=True, slots=True)
class Settings:
    """Data directory, vendors and sandbox, as the command line states them."""

    data: Path | None = None
    """``None``: `data`, or `data/sandbox` with the sandbox."""
    sandbox: bool = False
    seed: int = 0
    day: date | None = None
    """The day for which the sandbox generates records; ``None``: the clock's."""
    faults: Sequence[str] = ()
    """Faults to inject into the sandbox, in the syntax of `--fault`."""
    vendor_urls: Mapping[str, str] = field(default_factory=dict)
    """Vendor → a base URL that replaces the vendor file's."""
    environment: Mapping[str, str] = field(default_factory=lambda: os.environ, repr=False)
    clock: Clock = field(default_factory=SystemClock)
    """The clock of the program and of the sandbox's metering."""

    @property
    def data_directory(self) -> Path:
        if self.data is not None:
            return self.data
        return SANDBOX_DATA if self.sandbox else DATA

    @property
    def kind(self) -> str:
        """``real`` or ``sandbox``: the kind of a data directory never changes."""
        return "sandbox" if self.sandbox else "real"


def data_is_there(settings: Settings) -> None:
    """Raise UsageError unless the data directory exists: commands that read create none."""
    try:
        settings.data_directory.stat()
    except (FileNotFoundError, NotADirectoryError):
        raise no_data(settings) from None
    except OSError as failure:
        raise UnreadableError(str(settings.data_directory), failure.strerror) from failure


def no_ledger(settings: Settings) -> UsageError:
    """Return the error of a command that reads the ledger where there is none, beside an archive or not."""
    where = settings.data_directory
    if not archive_is_there(settings):
        return no_data(settings)
    return UsageError(
        f"there is no ledger in {where} beside its archive: the next run, or scraper check --repair, makes it again "
        "from the archive; or put the ledger back from a backup."
    )


def archive_is_there(settings: Settings) -> bool:
    """Return whether the data directory has an archive: a part, or the mark of a run that has archived nothing yet."""
    root = settings.data_directory / "archive"
    return any(next(root.glob(files), None) for files in ("_ledger/*.json", "*/vendor=*/date=*/*.parquet"))


def no_data(settings: Settings) -> UsageError:
    where = settings.data_directory
    return UsageError(f"there is no data in {where}; name another directory with --data, or run a job first.")
