"""What a run needs besides its job."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from scraper.ports import Archive, Clock, Listener, Pacer, Stores, Transport
from scraper.runs.drain import drain


@dataclass(frozen=True, slots=True)
class RunContext:
    """The ports, and chance."""

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
    """Tables whose SELECT has changed are made anew before new pages join; else pages wait in the spool."""

    async def drain(self) -> tuple[str, ...]:
        """Empties the spool into the archive; see `runs.drain`."""
        return await drain(self.stores.journal, self.archive, self.clock, self.listener, rebuild=self.rebuild)
