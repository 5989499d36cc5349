"""The gain of buying boards by their rates over buying the stalest first, in new entries a night in the long run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Final

from scraper.core.changes.residence import Weights, new_share, worth

_GAPS: Final = (*range(1, 17), *range(18, 33, 2), *range(36, 65, 4), *range(80, 129, 16), 192, 256, 384, 512)
"""Gaps in nights that are compared: all of the short ones, and fewer of those at which one more night makes little
difference."""


@dataclass(frozen=True, slots=True)
class BoardRate:
    """A board as the budget sees it."""

    weights: Weights
    places: float
    """Entries of one read."""
    cost: int
    """Credits of one read."""


def gain_over_stalest(boards: Sequence[BoardRate], judged: Sequence[Weights], budget: float) -> float:
    """Return the advantage of the best gaps over equal gaps: 0.1 is a tenth more entries.

    `judged`: the weights under which both are compared. Learnt from other reads than the boards' own, they keep the
    gain honest: boards that differ by chance gain nothing. `budget`: credits a night.
    """
    if budget <= 0:
        return 0.0
    equal_gap = max(1.0, sum(board.cost for board in boards) / budget)
    gaps = _best_gaps(boards, budget)
    stalest = best = 0.0
    for board, weights, gap in zip(boards, judged, gaps, strict=True):
        stalest += board.places * _share(weights, equal_gap) / equal_gap
        best += board.places * new_share(weights, gap) / gap
    return best / stalest - 1 if stalest else 0.0


def _share(weights: Weights, gap: float) -> float:
    """The expected share of new entries, between whole nights as well."""
    before = int(gap)
    share = new_share(weights, before)
    return share + (gap - before) * (new_share(weights, before + 1) - share)


def _best_gaps(boards: Sequence[BoardRate], budget: float) -> list[int]:
    """Return the gap of each board at which all are worth the same per credit, and the budget just suffices."""
    # The worth of learnt weights rises with the gap, except for rounding.
    worths = [
        list(accumulate((worth(board.weights, gap) * board.places / board.cost for gap in _GAPS), max))
        for board in boards
    ]
    levels = sorted({level for row in worths for level in row})
    low, high = 0, len(levels) - 1
    while low < high:
        middle = (low + high) // 2
        gaps = _gaps_at(worths, levels[middle])
        if sum(board.cost / gap for board, gap in zip(boards, gaps, strict=True)) > budget:
            low = middle + 1
        else:
            high = middle
    return _gaps_at(worths, levels[low])


def _gaps_at(worths: Sequence[Sequence[float]], level: float) -> list[int]:
    """Return the first gap at which each board is worth `level`, or the longest."""
    return [next((gap for gap, worth in zip(_GAPS, row, strict=True) if worth >= level), _GAPS[-1]) for row in worths]
