"""Units that a plain number cannot say by itself."""

from datetime import UTC, datetime
from typing import TypeAlias

Credits: TypeAlias = int
"""What a vendor counts in. Always a whole number; never a float, never a dollar."""

LARGEST_COUNT = 10**12
"""The most that a file or an option may state of anything: the sum of a million of them still fits into 64 bits."""


def iso_utc(moment: datetime) -> str:
    """An aware instant as ISO 8601 in UTC, with a Z: ``2026-11-21T02:15:00Z``; microseconds where there are any."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
