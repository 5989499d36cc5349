"""The way to the people who wait for a run."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from scraper.core.notify import Notice


class ToldStarts(Protocol):
    """The reported starts of a job that left no run, so that their nights are not reported as missed.

    A memory that cannot be read or written is empty: the worst that follows is a second message.
    """

    def note(self, at: datetime) -> None:
        """Note that a start at this instant was reported."""

    def all(self) -> Sequence[datetime]:
        """Return the starts noted since the job's last run."""

    def clear(self) -> None:
        """Forget them: a run has begun."""


class Notifier(Protocol):
    """Tells of a run. A hook that is dead changes nothing: it is returned as a sentence."""

    async def begin(self) -> Sequence[str]:
        """Tell that a run begins; return a sentence for each hook that could not be told."""

    async def end(self, notice: Notice) -> Sequence[str]:
        """Tell how a run ended; return a sentence for each hook that could not be told."""

    async def ping(self, notice: Notice) -> Sequence[str]:
        """Like `end`, for a check only: people know how this run ended."""

    async def tell(self, notice: Notice) -> Sequence[str]:
        """Report an earlier night to people; a check has noticed the missing end by itself."""
