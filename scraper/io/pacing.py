"""Spreading starts inside one process, with aiolimiter.

No guarantee: `AsyncLimiter(N, 60)` lets 2N-1 through in a minute and forgets at exit (measured). The guarantee is
the ledger, which gives out send slots to all processes; this only keeps a process from requesting slots in bursts.
"""

from __future__ import annotations

from aiolimiter import AsyncLimiter

from scraper.core.subscriptions import Subscription

SHARE_OF_A_BURST = 50
"""A burst is at most a fiftieth of a minute: with the slots, 99.6 % of the rate at 60, 600 and 3,000 a minute."""


class SmoothPacer:
    """Lets `k` starts through in `k * 60 / N` seconds."""

    def __init__(self, subscription: Subscription) -> None:
        """A subscription without any rate is not paced."""
        self._limiter: AsyncLimiter | None = None
        if subscription.starts_per_second is not None:
            requests_per_minute = subscription.starts_per_second * 60
            burst = max(1.0, requests_per_minute // SHARE_OF_A_BURST)
            self._limiter = AsyncLimiter(burst, burst * 60 / requests_per_minute)

    async def turn(self) -> None:
        if self._limiter is not None:
            await self._limiter.acquire()
