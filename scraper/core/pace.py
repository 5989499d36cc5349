"""How an account that met a 429 in spite of its pacing is slowed down, and recovers.

Somebody else uses the key, or the vendor counts otherwise than it says: after the pause the account goes on at half its
pace, and each minute without another 429 gives a tenth of its rate back. The pace is a function of what the ledger
holds, so that every process of the account keeps it; an account that was never refused is not slowed at all.
"""

from __future__ import annotations

from datetime import datetime

FULL_PERCENT = 100
SLOWEST_PERCENT = 25
"""Below that a vendor that still refuses is waited for, with longer and longer pauses, and not crept up on."""
RECOVERED_PERCENT_A_MINUTE = 10


def pace_percent(slowed_to: int, paused_until: datetime | None, now: datetime) -> int:
    """Percent of its rate that an account keeps now; `slowed_to`: when it met its last 429."""
    if paused_until is None or now <= paused_until:
        return slowed_to
    minutes = int((now - paused_until).total_seconds() // 60)
    return min(FULL_PERCENT, slowed_to + RECOVERED_PERCENT_A_MINUTE * minutes)


def slowed_down(percent: int) -> int:
    """The pace after one 429 more."""
    return max(SLOWEST_PERCENT, percent // 2)
