"""Exclusive holds of a process: on a job, or on the archive.

A state on one machine uses file locks, which the kernel releases when their holder dies. A shared state uses leases:
rows that their holder renews, and that lapse once it no longer does.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from scraper.core.errors import LeaseLostError

WAIT_OR_STOP = "wait for it (--standby resumes the run if it dies), or stop it"
"""The advice for a job that another process runs."""
ARCHIVE = "archive"
"""`Lease.what` of the archive's files."""


@dataclass(frozen=True, slots=True)
class Lease:
    """The row of the state that names the holder of a job or the archive, and when its hold ends unless renewed."""

    what: str
    """``job:NAME`` or ``archive``."""
    holder: str
    """``host:pid``."""
    epoch: int
    """Incremented whenever the lease is taken: a process with an older epoch has lost it."""
    since: datetime
    """The time at which its holder took it, by the database's clock."""
    expires_at: datetime
    is_live: bool
    """False if it has lapsed or was released, and may be taken."""

    @property
    def job(self) -> str | None:
        """The job that is held; ``None``: the archive."""
        kind, _, name = self.what.partition(":")
        return name if kind == "job" else None

    @property
    def words(self) -> str:
        """Its holder, for messages."""
        return f"process {self.holder}, since {self.since:%Y-%m-%d %H:%M:%S} UTC"


class Holding(Protocol):
    """A job or the archive, while this process holds it."""

    @property
    def is_certain(self) -> bool:
        """False if by this process's clock the hold may have lapsed: nothing may be sent until it is renewed."""

    def refuse_if_lost(self) -> None:
        """Raise LeaseLostError if another process is known to have taken it."""

    def when_lost(self, tell: Callable[[LeaseLostError], object]) -> None:
        """Call `tell`, in any thread, once another process is known to have taken it."""

    def when_renewed(self, tell: Callable[[float], object]) -> None:
        """Call `tell` now, and in any thread at each renewal, with the machine's uptime at which certainty ends."""


class HeldForGood:
    """A `Holding` that lasts until the process ends: a file lock."""

    @property
    def is_certain(self) -> bool:
        return True

    def refuse_if_lost(self) -> None:
        """Raise nothing."""

    def when_lost(self, tell: Callable[[LeaseLostError], object]) -> None:
        """Never call `tell`."""

    def when_renewed(self, tell: Callable[[float], object]) -> None:
        """Never call `tell`."""
