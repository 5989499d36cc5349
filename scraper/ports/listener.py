"""Events of a run, for logs and progress."""

from __future__ import annotations

from typing import Protocol

from scraper.core.events import Event


class Listener(Protocol):
    """Receives the events of a run."""

    def hear(self, event: Event) -> None:
        """Must not raise and must not block."""
