"""The receiver of a run's events: logs, progress."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from scraper.core.events import Event


class Listener(Protocol):
    """Receives the events of a run."""

    def hear(self, event: Event) -> None:
        """Receive an event; must neither raise nor block."""
