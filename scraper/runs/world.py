"""What a run needs besides its job."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from scraper.ports import Archive, Clock, Listener, Pacer, State, Transport


@dataclass(frozen=True, slots=True)
class World:
    """The ports, and chance."""

    state: State
    archive: Archive
    transport: Transport
    pacers: Mapping[str, Pacer]
    """By vendor."""
    clock: Clock
    listener: Listener
    jitter: Callable[[], float]
    """A random number in 0..1."""
