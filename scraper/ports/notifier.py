"""Notifications about runs."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from scraper.core.notify import Notice


class ToldStarts(Protocol):
    """The reported starts of a job that left no run, so that their nights are not reported as missed.

    A record that cannot be read or written counts as empty: at worst, a message is sent twice.
    """

    def note(self, at: datetime) -> None:
        """Note that a start at this instant was reported."""

    def all(self) -> Sequence[datetime]:
        """Return the starts noted since the job's last run."""

    def clear(self) -> None:
        """Forget them: a run has begun."""


class Notifier(Protocol):
    """Notifies people and checks of a run. A hook that fails changes nothing: it is returned as a sentence."""

    async def begin(self) -> Sequence[str]:
        """Report that a run begins; return a sentence for each hook that failed."""

    async def end(self, notice: Notice) -> Sequence[str]:
        """Report how a run ended; return a sentence for each hook that failed."""

    async def ping(self, notice: Notice) -> Sequence[str]:
        """Like `end`, for a check only: people know how this run ended."""

    async def tell(self, notice: Notice) -> Sequence[str]:
        """Report an earlier night to people; a check has noticed the missing end by itself."""
