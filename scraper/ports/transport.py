"""Requests to the vendors."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Protocol, TypeAlias

if TYPE_CHECKING:
    from scraper.core.catalogue import Vendor
    from scraper.core.outcomes import Reply
    from scraper.core.requests import Request

Start: TypeAlias = Callable[[], Awaitable[bool]]
"""Waits for a request's send slot. False: the request must not leave."""


async def at_once() -> bool:
    """Start without waiting for a slot."""
    return True


class Transport(Protocol):
    """Sends one request, once: no retry, no redirect."""

    async def send(self, request: Request, start: Start = at_once) -> Reply:
        """Return the answer, or the fact that none came; never raise what a network or a vendor can cause.

        `start` is awaited once there is a connection, right before the request is written to it; again, where another
        connection had to be made meanwhile. Where it returns False, nothing is sent.
        """


class BillingSource(Protocol):
    """The pages of a vendor about the account itself."""

    async def account_page(self, vendor: Vendor, path: str, params: Mapping[str, str]) -> Reply:
        """Return the vendor's answer; never raise what a network or a vendor can cause."""


class Pacer(Protocol):
    """Spreads the starts of one account inside this process; the guarantee is the ledger's slots."""

    async def turn(self) -> None:
        """Wait until the next request may reserve a slot."""
