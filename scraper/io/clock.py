"""The machine's own time."""

from __future__ import annotations

import time
from datetime import UTC, datetime


class SystemClock:
    """Wall time in UTC, and waiting on the running event loop."""

    def now(self) -> datetime:
        """Aware, UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Seconds, for durations."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Waits."""
        import asyncio  # noqa: PLC0415 - most commands only ask for the time

        await asyncio.sleep(max(0.0, seconds))
