"""Units of plain numbers, and instants as text."""

from datetime import UTC, datetime
from typing import TypeAlias

Credits: TypeAlias = int
"""The vendor's unit of price: always a whole number, never a float or dollars."""

LARGEST_COUNT = 10**12
"""The largest number in a file or an option: the sum of a million of them still fits into 64 bits."""


def iso_utc(moment: datetime) -> str:
    """Return an aware instant as ISO 8601 in UTC: ``2026-11-21T02:15:00Z``, with microseconds unless these are 0."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
