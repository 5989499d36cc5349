"""Vendors, as the use cases reach them."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from scraper.core.catalogue import Vendor
from scraper.core.outcomes import Reply
from scraper.core.requests import Request


class Transport(Protocol):
    """Sends one request, once: no retry, no redirect."""

    async def send(self, request: Request) -> Reply:
        """The answer, or the fact that none came. Raises nothing that a network or a vendor can cause."""


class BillingSource(Protocol):
    """A vendor's own list of what it billed."""

    async def billing_events(self, vendor: Vendor, since: datetime, until: datetime) -> Reply:
        """The vendor's answer for this period. Raises nothing that a network or a vendor can cause."""


class Pacer(Protocol):
    """Smooths the starts of one account inside this process; the guarantee is the ledger's slots."""

    async def turn(self) -> None:
        """Returns when the next request may ask for a slot."""
