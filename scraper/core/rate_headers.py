"""Headers that state how many requests remain, and until when: ``RateLimit-*``, ``X-RateLimit-*`` and their likes.

They report the vendor's own count, which includes others with the same key. They can only slow an account down: its own
limits always apply, and a report applies for `LONGEST_TOLD_S` at most.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

LONGEST_TOLD_S = 900.0
"""Longest time for which a report applies: like our own longest pause; after it, one request tries."""
SINCE_1970_S = 1e9
"""A larger number is an instant: the draft's ``RateLimit-Reset`` is seconds to wait, that of others is an instant."""
IN_MILLISECONDS = 1e12
"""A larger instant counts milliseconds."""
MOST_REMAINING = 10**6
"""A higher number limits no run."""

_DIGITS = re.compile(r"[0-9]{1,18}(\.[0-9]{1,9})?")
_MEMBER = re.compile(r'(?:^|[;,\s])(?P<name>r|t|remaining|reset)\s*=\s*"?(?P<value>[0-9]{1,18}(?:\.[0-9]{1,9})?)')


@dataclass(frozen=True, slots=True)
class RateHeaders:
    """Names of a vendor's headers, in lower case; both are the same if one header has both numbers."""

    remaining: str
    resets: str


@dataclass(frozen=True, slots=True)
class Told:
    """The report of an answer: so many requests may still start within these seconds."""

    remaining: int
    resets_in_s: float


def told(names: RateHeaders | None, headers: Mapping[str, str], now: datetime) -> Told | None:
    """Return the report of an answer's headers; ``None`` if it has none that is understood."""
    if names is None:
        return None
    remaining = _number(headers.get(names.remaining, ""), ("r", "remaining"))
    resets = _number(headers.get(names.resets, ""), ("t", "reset"))
    if remaining is None or resets is None or remaining >= MOST_REMAINING:
        return None
    if resets >= SINCE_1970_S:
        resets = (resets / 1000 if resets >= IN_MILLISECONDS else resets) - now.timestamp()
    return Told(math.floor(remaining), min(max(0.0, resets), LONGEST_TOLD_S))


def _number(value: str, members: tuple[str, str]) -> float | None:
    """Return the number of a header, or of its member: ``12``, ``limit=60, remaining=12`` or ``"default";r=12;t=7``."""
    stripped = value.strip()
    if _DIGITS.fullmatch(stripped):
        return float(stripped)
    found = [float(met["value"]) for met in _MEMBER.finditer(value) if met["name"] in members]
    return min(found, default=None)  # of several limits the tightest
