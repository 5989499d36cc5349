"""A set of texts that remembers only whether it has met them: 12 to 24 bytes each, where a set of str takes over 100.

A walk of 100,000 pages lists three million ids. That two of them share one of 2^64 fingerprints happens in one of
four million such walks.
"""

from __future__ import annotations

from array import array
from hashlib import blake2b

_EMPTY = 0
_FIRST_SLOTS = 8


class Fingerprints:
    """Open addressing in one flat array of 64-bit numbers, at most two thirds full."""

    __slots__ = ("_slots", "_used")

    def __init__(self) -> None:
        self._slots = array("Q", [_EMPTY]) * _FIRST_SLOTS
        self._used = 0

    def __len__(self) -> int:
        return self._used

    def add(self, text: str) -> bool:
        """Remembers a text; whether it is new."""
        if self._used * 3 >= len(self._slots) * 2:
            self._grow()
        digest = blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()
        return self._place(int.from_bytes(digest) or 1)

    def _place(self, fingerprint: int) -> bool:
        slots = self._slots
        size = len(slots)
        place = fingerprint % size
        while slots[place] != _EMPTY:
            if slots[place] == fingerprint:
                return False
            place = (place + 1) % size
        slots[place] = fingerprint
        self._used += 1
        return True

    def _grow(self) -> None:
        held = [fingerprint for fingerprint in self._slots if fingerprint != _EMPTY]
        self._slots, self._used = array("Q", [_EMPTY]) * (len(self._slots) * 2), 0
        for fingerprint in held:
            self._place(fingerprint)
