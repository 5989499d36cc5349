"""Complete reads of a board by earlier runs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

EARLY_PARTS = 8
"""A read that came an eighth of a period early counts for the coming night, as in `core.nights`."""


@dataclass(frozen=True, slots=True)
class WholeRead:
    """A read that shows all of a board: an entry that it does not list was not there."""

    read_at: datetime
    entries: frozenset[str]
    pages: int


def night_of_read(read_at: datetime, night_at: datetime, period: timedelta) -> int:
    """Return the night of a read, counted from the one that begins at `night_at`."""
    return (read_at - night_at + period / EARLY_PARTS) // period


def by_night(reads: Sequence[WholeRead], night_at: datetime, period: timedelta) -> Iterator[tuple[int, WholeRead]]:
    """Yield each night that has reads with its last one, oldest first.

    Nights are counted from the one that begins at `night_at`: -1 is the night before it.
    """
    last: dict[int, WholeRead] = {}
    for read in sorted(reads, key=lambda read: read.read_at):
        last[night_of_read(read.read_at, night_at, period)] = read
    yield from last.items()


@dataclass(frozen=True, slots=True)
class FeedVisits:
    """The last visits to a list of posts, oldest first, each with the ids that it listed."""

    walk_id: str
    visits: Sequence[frozenset[str]]
    pages: int
    """Pages of all these visits."""

    @property
    def new_a_page(self) -> float:
        """The new ids of one page at the visits after the first; a feed with one visit counts it whole."""
        later = self.visits[1:]
        if not later:
            return sum(map(len, self.visits)) / max(1, self.pages)
        known, new = set(self.visits[0]), 0
        for listed in later:
            new += len(listed - known)
            known |= listed
        return new * len(self.visits) / (len(later) * max(1, self.pages))


def in_order(feeds: Sequence[FeedVisits]) -> list[str]:
    """Return the ids of feeds, those with the most new records a page at their last visits first."""
    return [feed.walk_id for feed in sorted(feeds, key=lambda feed: (-feed.new_a_page, feed.walk_id))]
