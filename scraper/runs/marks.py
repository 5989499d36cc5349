"""Marks of the credits that a run may commit, written to the archive first: they limit what a lost state can hide."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from scraper.core.units import Credits
from scraper.ports import Archive, Clock, Journal, SpendMark
from scraper.runs.threads import in_a_thread

REQUESTS_AHEAD = 32
"""Requests between two marks: one small file each, written and flushed to the disk. If the state is lost during a run,
at most this many count as unknown although they were never sent."""


@dataclass(slots=True)
class Marks:
    """The marks of one process of a run."""

    journal: Journal
    archive: Archive
    clock: Clock
    _left: Counter[str] = field(default_factory=Counter)
    """Account → credits that the last mark still allows."""
    _reserving: Counter[str] = field(default_factory=Counter)
    """Account → credits that are allowed, and not yet in the ledger."""
    _most: dict[str, Credits] = field(default_factory=dict)
    _marking: asyncio.Lock = field(default_factory=asyncio.Lock)

    @asynccontextmanager
    async def reserving(self, run_id: str, account: str, cost: Credits) -> AsyncIterator[None]:
        """Reserve inside the block, once the archive records that the run may commit so much."""
        async with self._marking:
            if self._left[account] < cost:
                await self._mark(run_id, account, cost * REQUESTS_AHEAD)
            self._left[account] -= cost
            self._reserving[account] += cost
        try:
            yield
        finally:
            self._reserving[account] -= cost

    async def _mark(self, run_id: str, account: str, ahead: Credits) -> None:
        reserving = self._reserving.copy()  # before the ledger is read: counted twice rather than not at all
        spent = await self.journal.run_spending(run_id)
        if spent is None:
            raise AssertionError(f"run {run_id} spends and is not in the state")
        for known, committed in spent.committed.items():
            self._most[known] = max(self._most.get(known, 0), committed)
        self._most[account] = spent.committed.get(account, 0) + reserving[account] + ahead
        mark = SpendMark(
            run_id=run_id,
            job=spent.job,
            budget=spent.budget,
            started_at=spent.started_at,
            marked_at=self.clock.now(),
            last_attempt=spent.last_attempt,
            most=dict(self._most),
        )
        await in_a_thread(self.archive.ledger.write_mark, mark)
        self._left[account] = ahead
