"""Boards as an archive knows them: their reads, and their assumed entries on the nights between."""

from __future__ import annotations

from collections.abc import Hashable, Sequence, Set
from dataclasses import dataclass, replace
from zlib import crc32

from scraper.core.changes.order import RankedBoard
from scraper.core.changes.replay import WorldBoard
from scraper.core.changes.spells import spells


@dataclass(frozen=True, slots=True)
class KnownBoard:
    """A board and its complete reads."""

    board: RankedBoard
    vendor: str
    reads: tuple[tuple[int, Set[Hashable]], ...]
    """(night, entries) for each night with a read, in order; at least one."""

    def between(self, first: int, end: int) -> WorldBoard:
        """Return the board on each night; a night without a read has the entries of the read before.

        Before the first read it shows what that one showed.
        """
        nights: list[Set[Hashable]] = []
        place = 0
        for night in range(first, end):
            while place + 1 < len(self.reads) and self.reads[place + 1][0] <= night:
                place += 1
            nights.append(self.reads[place][1])
        return WorldBoard(self.board, nights, self.vendor, spells(nights))

    def half(self, which: int) -> KnownBoard:
        """Return the board with a pseudo-random half (0 or 1) of its reads; ``None`` if that half has none.

        Every second night would not do: a cadence of two nights would then see all that is left, or nothing.
        """
        coins = (crc32(f"{night}/{self.board.name}".encode()) >> 7 & 1 for night, _ in self.reads)
        left = tuple(read for read, coin in zip(self.reads, coins, strict=True) if coin == which)
        return replace(self, reads=left) if left else self


def read_share(boards: Sequence[KnownBoard], first: int, end: int) -> float:
    read = sum(first <= night < end for board in boards for night, _ in board.reads)
    return read / (len(boards) * (end - first))
