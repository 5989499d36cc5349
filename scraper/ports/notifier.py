"""The way to the people who wait for a run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from scraper.core.notify import Notice


class Notifier(Protocol):
    """Tells of a run. A hook that is dead changes nothing: it is returned as a sentence."""

    async def begin(self) -> Sequence[str]:
        """Tell that a run begins; return a sentence for each hook that could not be told."""

    async def end(self, notice: Notice) -> Sequence[str]:
        """Tell how a run ended; return a sentence for each hook that could not be told."""
