"""The rest of the world, as the use cases see it: vendors, time, listeners."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from scraper.core.catalogue import Vendor
from scraper.core.events import Event
from scraper.core.outcomes import Reply
from scraper.core.requests import Request


class Books(Protocol):
    """A vendor's own list of what it billed."""

    async def billing_events(self, vendor: Vendor, since: datetime, until: datetime) -> Reply:
        """The vendor's answer about this time. Raises nothing that a network or a vendor can do."""


class Transport(Protocol):
    """Sends one request, once: no retry, no redirect."""

    async def send(self, request: Request) -> Reply:
        """What came back, or that nothing did. Raises nothing that a network or a vendor can do."""


class Pacer(Protocol):
    """Smooths the starts of one account inside this process; the guarantee is the ledger's slots."""

    async def turn(self) -> None:
        """Returns when the next request may ask for a slot."""


class Clock(Protocol):
    """Time, and waiting for it."""

    def now(self) -> datetime:
        """Aware, UTC."""

    def monotonic(self) -> float:
        """Seconds, for durations."""

    async def sleep(self, seconds: float) -> None:
        """Waits."""


class Listener(Protocol):
    """Hears what happens in a run: log, progress."""

    def hear(self, event: Event) -> None:
        """Must not raise and must not block."""
