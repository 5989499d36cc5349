"""The way to the vendors."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from scraper.core.catalogue import Vendor
from scraper.core.outcomes import Reply
from scraper.core.requests import Request


class Transport(Protocol):
    """Sends one request, once: no retry, no redirect."""

    async def send(self, request: Request) -> Reply:
        """Return the answer, or the fact that none came; never raise what a network or a vendor can cause."""


class BillingSource(Protocol):
    """The billing events of a vendor."""

    async def billing_events(self, vendor: Vendor, since: datetime, until: datetime) -> Reply:
        """Return the vendor's answer for this period; never raise what a network or a vendor can cause."""


class Pacer(Protocol):
    """Spreads the starts of one account inside this process; the guarantee is the ledger's slots."""

    async def turn(self) -> None:
        """Wait until the next request may reserve a slot."""
