"""Spells of entries on a board, and how much of them a set of reads shows."""

from __future__ import annotations

from collections.abc import Hashable, Sequence, Set
from dataclasses import dataclass
from itertools import accumulate
from typing import TypeAlias

Nights: TypeAlias = Sequence[Set[Hashable]]
"""The entries of a board, night by night, without gaps."""


@dataclass(frozen=True, slots=True)
class Seen:
    """Events on a board: all of them, those that a read saw, and those that reads date to the night."""

    all: int = 0
    seen: int = 0
    dated: int = 0

    def __add__(self, other: Seen) -> Seen:
        return Seen(self.all + other.all, self.seen + other.seen, self.dated + other.dated)


@dataclass(frozen=True, slots=True)
class Spell:
    """Consecutive nights of an entry on a board."""

    first: int
    end: int
    """The first night without it."""
    ended: bool
    """False: it was still there on the last night."""


def spells(nights: Nights) -> list[Spell]:
    """Return the spells of a board, by their end."""
    begun: dict[Hashable, int] = {}
    found = []
    for night, entries in enumerate(nights):
        for entry in [entry for entry in begun if entry not in entries]:
            found.append(Spell(begun.pop(entry), night, ended=True))
        for entry in entries:
            begun.setdefault(entry, night)
    return found + [Spell(first, len(nights), ended=False) for first in begun.values()]


class Reads:
    """The nights on which a board was read."""

    def __init__(self, nights: Sequence[int], length: int) -> None:
        self._nights = frozenset(nights)
        self._before = list(accumulate((night in self._nights for night in range(length)), initial=0))

    def between(self, first: int, end: int) -> bool:
        """Return whether there was a read on one of the nights from `first` to before `end`."""
        return self._before[end] > self._before[first]

    def both(self, night: int) -> bool:
        """Return whether there was a read on a night and on the one before."""
        return night in self._nights and night - 1 in self._nights


def entries_seen(found: Sequence[Spell], reads: Reads, first: int, end: int) -> Seen:
    """Count spells that began after the night `first`: seen if a read fell inside, dated by a read the night before."""
    began = [spell for spell in found if first < spell.first < end]
    seen = [spell for spell in began if reads.between(spell.first, min(spell.end, end))]
    return Seen(len(began), len(seen), sum(reads.both(spell.first) for spell in seen))


def exits_seen(found: Sequence[Spell], reads: Reads, first: int, end: int) -> Seen:
    """Count spells that ended after the night `first`: seen if a read fell inside and another one after the end."""
    left = [spell for spell in found if spell.ended and first < spell.end < end]
    seen = [spell for spell in left if reads.between(spell.first, spell.end) and reads.between(spell.end, end)]
    return Seen(len(left), len(seen), sum(reads.both(spell.end) for spell in seen))
