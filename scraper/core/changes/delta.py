"""Boards bought as a page of new entries: tonight's choice, and a comparison of such pages with whole reads.

A board with a delta is read whole once in `FULL_EVERY` nights, and as one page of its new entries on the others. Each
whole read is compared with the pages since the one before: they should have shown all of its new entries, except those
of nights without a page. If they showed fewer, the board is bought whole again each night.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from math import sqrt
from typing import Any, Final

from scraper.core.changes.reads import WholeRead, by_night
from scraper.core.units import Credits

FULL_EVERY: Final = 7
"""Nights from one whole read to the next."""


@dataclass(frozen=True, slots=True)
class DeltaBoard:
    """A board of a crawl with a delta."""

    walk_id: str
    page_id: str
    """The id of the walk of its new entries."""
    name: str
    """Crawl and parameters, for people."""
    vendor: str
    credits: Credits
    """The likely price of the whole board."""
    page_credits: Credits
    whole: Sequence[WholeRead]
    pages: Sequence[WholeRead]
    """Its pages of new entries."""


@dataclass(frozen=True, slots=True)
class DeltaChoice:
    """Tonight's purchase of a board: a page of new entries, or the whole board."""

    walk_id: str
    """Id of the walk of the whole board."""
    bought_id: str
    """The walk that is bought."""
    name: str
    vendor: str
    credits: Credits
    is_whole: bool
    why: str
    is_off: bool = False
    """True if its pages miss new entries: it is bought whole each night."""

    def to_json(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__slots__}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> DeltaChoice:
        return cls(**stored)


def delta_choice(board: DeltaBoard, night_at: datetime, period: timedelta) -> DeltaChoice:
    """Return the purchase of a board in the night that begins at `night_at`."""
    whole = [(night, read) for night, read in by_night(board.whole, night_at, period) if night < 0]
    pages = {night: read for night, read in by_night(board.pages, night_at, period) if night < 0}

    def choice(why: str, *, is_whole: bool = True, is_off: bool = False) -> DeltaChoice:
        bought_id, credits = (board.walk_id, board.credits) if is_whole else (board.page_id, board.page_credits)
        return DeltaChoice(board.walk_id, bought_id, board.name, board.vendor, credits, is_whole, why, is_off)

    if not whole:
        return choice("it has no complete read yet")
    if (missed := _missed(whole, pages)) is not None:
        return choice(missed, is_off=True)
    since = -whole[-1][0]
    if since >= FULL_EVERY:
        return choice(f"the last complete read is {since} nights old")
    return choice(f"read whole {since} night{'s' if since != 1 else ''} ago", is_whole=False)


def _missed(whole: Sequence[tuple[int, WholeRead]], pages: Mapping[int, WholeRead]) -> str | None:
    """Return a sentence on what the pages missed at the last comparison; ``None`` if they showed enough."""
    compared = [
        (first, last, [page for night, page in pages.items() if first[0] < night < last[0]])
        for first, last in pairwise(whole)
    ]
    if not (with_pages := [each for each in compared if each[2]]):
        return None
    (night, before), (following, after), between = with_pages[-1]
    new = after.entries - before.entries
    missed = len(new.difference(*(page.entries for page in between)))
    # Entries of the nights without a page, the last one among them, can't be shown: they come as often as on others.
    unseen = len(new) * (1 - len(between) / (following - night))
    if missed <= unseen + 2 * sqrt(unseen) + 0.05 * len(new):
        return None
    days = f"{before.read_at:%Y-%m-%d} and {after.read_at:%Y-%m-%d}"
    return f"its pages missed {missed} of the {len(new)} entries that were new between {days}"


@dataclass(frozen=True, slots=True)
class DeltaWorth:
    """The yield of pages of new entries, for boards that were read whole each night."""

    entries: int
    """New entries that the whole reads showed."""
    seen: int
    """New entries that a page each night and a whole read every `FULL_EVERY` nights would have shown."""
    nights: int
    boards: int
    whole_credits: Credits
    """Credits of one period of `FULL_EVERY` nights of whole reads."""
    delta_credits: Credits


def delta_worth(boards: Sequence[tuple[Sequence[WholeRead], Credits]], page: Credits, rows: int) -> DeltaWorth:
    """Replay pages of new entries over nightly whole reads. `page`, `rows`: the price and the entries of a page."""
    entries = seen = 0
    for reads, _ in boards:
        nights = [read.entries for read in reads]
        ever = set(nights[0]) if nights else set()
        for night in range(1, len(nights)):
            came = nights[night] - nights[night - 1]
            shown = set() if night % FULL_EVERY == 0 else set(sorted(came - ever)[:rows])
            ever |= came
            entries += len(came)
            seen += sum(entry in shown or _is_read_whole(entry, night, nights) for entry in came)
    whole = FULL_EVERY * sum(credits for _, credits in boards)
    delta = sum(credits + (FULL_EVERY - 1) * page for _, credits in boards)
    return DeltaWorth(entries, seen, max((len(reads) for reads, _ in boards), default=0), len(boards), whole, delta)


def _is_read_whole(entry: str, night: int, nights: Sequence[frozenset[str]]) -> bool:
    """Return True if an entry of this night is still there at the next whole read."""
    while night % FULL_EVERY:
        night += 1
        if night == len(nights) or entry not in nights[night]:
            return False
    return True
