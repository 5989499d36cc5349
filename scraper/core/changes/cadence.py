"""The entries that reads every second or third night would have missed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from scraper.core.changes.reads import WholeRead, by_night
from scraper.core.changes.spells import Reads, Seen, entries_seen, spells
from scraper.core.units import Credits

STEPS: Final = (2, 3)
LEAST_READS: Final = 6
"""Fewest nights in a row with a whole read."""
LEAST_ENTRIES: Final = 20
"""Fewest new entries over all boards; a share of fewer is chance."""


@dataclass(frozen=True, slots=True)
class Cadence:
    """The yield and cost of a read every few nights."""

    step: int
    """Nights from one read to the next."""
    seen: float
    """Share of the entries that nightly reads showed, on average over the nights on which to begin."""
    credits: float
    """Credits a night, on average."""


@dataclass(frozen=True, slots=True)
class Cadences:
    """A job's boards by their nightly reads."""

    nights: int
    boards: int
    entries: int
    credits: Credits
    """Credits a night for these boards."""
    steps: tuple[Cadence, ...]


def nightly(reads: Sequence[WholeRead], night_at: datetime, period: timedelta) -> list[WholeRead]:
    """Return the last whole reads on nights in a row."""
    found: list[tuple[int, WholeRead]] = []
    for night, read in by_night(reads, night_at, period):
        if found and night != found[-1][0] + 1:
            found.clear()
        found.append((night, read))
    return [read for _, read in found]


def cadences(boards: Sequence[tuple[Sequence[WholeRead], Credits]]) -> Cadences | None:
    """Return the yield of fewer reads of boards that were read nightly; ``None``: too little data.

    `boards`: the reads of nights in a row, and the credits of a read.
    """
    read = [(reads, credits) for reads, credits in boards if len(reads) >= LEAST_READS]
    found = [(spells([each.entries for each in reads]), len(reads)) for reads, _ in read]
    entries = sum(spell.first > 0 for of_board, _ in found for spell in of_board)
    if entries < LEAST_ENTRIES:
        return None
    credits = sum(credits for _, credits in read)
    steps = []
    for step in STEPS:
        seen = sum(
            (
                entries_seen(of_board, Reads(range(phase, nights, step), nights), 0, nights)
                for of_board, nights in found
                for phase in range(step)
            ),
            Seen(),
        )
        steps.append(Cadence(step, seen.seen / seen.all, credits / step))
    return Cadences(max(nights for _, nights in found), len(read), entries, credits, tuple(steps))
