"""The ports and settings that a run needs in addition to its job."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from scraper.ports import Archive, Clock, Listener, Pacer, Stores, Transport
from scraper.runs.drain import drain


@dataclass(frozen=True, slots=True)
class RunContext:
    """The ports, a source of randomness, and settings."""

    stores: Stores
    archive: Archive
    transport: Transport
    pacers: Mapping[str, Pacer]
    """By vendor."""
    clock: Clock
    listener: Listener
    jitter: Callable[[], float]
    """A random number in 0..1."""
    rebuild: bool = True
    """Tables whose SELECT has changed are rebuilt before new pages are added; otherwise pages wait in the spool."""

    access: str = ""
    """Where the vendors' keys go, in words."""

    async def drain(self) -> tuple[str, ...]:
        """Drain the spool into the archive; see `runs.drain`."""
        return await drain(self.stores.journal, self.archive, self.clock, self.listener, rebuild=self.rebuild)
