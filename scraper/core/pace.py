"""Slowing down an account after a 429 that its pacing should have prevented, and its recovery.

Such a 429 means that someone else uses the key, or that the vendor counts differently from its documents: after the
pause of a first 429 the account resumes at nine tenths of its rate; another one that follows before it has recovered
halves its pace. Each minute without another 429 restores a tenth of its rate. The pace is a function of the ledger, so
that every process of the account keeps it; an account without a 429 is never slowed down.
"""

from __future__ import annotations

from datetime import datetime

FULL_PERCENT = 100
FIRST_PERCENT = 90
"""After a first 429, which a jolt of the network can cause."""
SLOWEST_PERCENT = 25
"""The lower bound: a vendor that still answers 429 gets longer and longer pauses instead."""
RECOVERED_PERCENT_A_MINUTE = 10


def pace_percent(slowed_to: int, paused_until: datetime | None, now: datetime) -> int:
    """Return an account's current pace in percent of its rate; `slowed_to`: its pace after the last 429."""
    if paused_until is None or now <= paused_until:
        return slowed_to
    minutes = int((now - paused_until).total_seconds() // 60)
    return min(FULL_PERCENT, slowed_to + RECOVERED_PERCENT_A_MINUTE * minutes)


def slowed_down(percent: int) -> int:
    """Return the pace after another 429."""
    return FIRST_PERCENT if percent >= FULL_PERCENT else max(SLOWEST_PERCENT, percent // 2)
