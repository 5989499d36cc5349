"""The lengths of entries' stays on a board, learnt from the board's own reads.

The places of a board divide among classes of stay, from one night to permanently. After `gap` nights a place whose
entries stay τ nights has a new entry with the probability min(1, gap / τ), so a board of n places shows n · Σ w(τ) ·
min(1, gap / τ) new entries. Whatever the lengths of the stays, the share that is new rises with the gap, ever more
slowly, and every such curve is a sum of these: both boards that replace their entries in turn and boards that do so at
random have their weights. The weights w are learnt by expectation–maximisation from the reads: of the entries of one
read, how many were new against an earlier one. The gap is part of the likelihood, so a board that was read seldom is
not taken for a quiet one. A few reads say little: the weights begin at a prior, those of similar boards.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from math import inf
from operator import mul, sub
from typing import Final, TypeAlias

RESIDENCES: Final = (
    1.0,
    1.5,
    *(float(part * 2**power) for power in range(1, 8) for part in (1, 1.5)),
    256.0,
    512.0,
    inf,
)
"""Nights that an entry of each class stays."""

Weights: TypeAlias = tuple[float, ...]
"""The share of a board's places in each class of `RESIDENCES`; the sum is 1."""

UNIFORM: Final[Weights] = (1 / len(RESIDENCES),) * len(RESIDENCES)

_ROUNDS: Final = 30
"""Rounds of expectation–maximisation: the weights hardly move after them."""


class GapCounts:
    """Entries of reads that were new, and that were known, by the gap in nights to an earlier read."""

    __slots__ = ("_counts",)

    def __init__(self) -> None:
        self._counts: dict[int, list[float]] = {}

    def add(self, gap: int, new: float, known: float) -> None:
        counts = self._counts.setdefault(gap, [0.0, 0.0])
        counts[0] += new
        counts[1] += known

    def fade(self, factor: float) -> None:
        """Multiply all counts: old observations say less about tonight."""
        for counts in self._counts.values():
            counts[0] *= factor
            counts[1] *= factor

    def merge(self, other: GapCounts) -> None:
        for gap, (new, known) in other._counts.items():
            self.add(gap, new, known)

    def items(self) -> Iterable[tuple[int, Sequence[float]]]:
        return self._counts.items()


@lru_cache(maxsize=4096)
def _stays(gap: int) -> Weights:
    """Return the probability that a place keeps its entry for `gap` nights, by class."""
    return tuple(max(0.0, 1 - gap / nights) for nights in RESIDENCES)


def fit(counts: GapCounts, prior: Weights, strength: float) -> Weights:
    """Return the most likely weights, with a prior that counts as `strength` observed entries."""
    weights = [(share + uniform) / 2 for share, uniform in zip(prior, UNIFORM, strict=True)]
    observed = [(_stays(gap), new, known) for gap, (new, known) in counts.items() if new + known]
    total = strength + sum(new + known for _, new, known in observed)
    if not observed:
        return tuple(prior)
    by_class = list(zip(*(stays for stays, _, _ in observed), strict=True))
    for _ in range(_ROUNDS):
        known_a_share, new_a_share = [], []
        for stays, new, known in observed:
            kept = sum(map(mul, weights, stays))
            known_a_share.append(known / (kept or inf))
            new_a_share.append(new / (1 - kept if kept < 1 else inf))
        of_new, differences = sum(new_a_share), list(map(sub, known_a_share, new_a_share))
        weights = [
            max(0.0, strength * share + weight * (of_new + sum(map(mul, differences, stays)))) / total
            for share, weight, stays in zip(prior, weights, by_class, strict=True)
        ]
    whole = sum(weights)
    return tuple(weight / whole for weight in weights)


def mean(weights: Sequence[Weights]) -> Weights:
    return tuple(sum(column) / len(weights) for column in zip(*weights, strict=True))


def new_share(weights: Weights, gap: int) -> float:
    """Return the expected share of new entries in a read `gap` nights after the last one."""
    return 1 - sum(weight * stay for weight, stay in zip(weights, _stays(gap), strict=True))


def worth(weights: Weights, gap: int) -> float:
    """Return the worth of reading a board tonight, as a share of its places, for the most new entries in the long run.

    The entries that a read shows, f(gap), less what waiting would bring anyway: gap · (f(gap + 1) − f(gap)). Boards of
    equal worth are read at gaps at which one more read of either would add as many entries per credit (Whittle's index
    of this problem). By f(gap) alone, boards whose entries last would be read too early, and others too late.
    """
    expected = new_share(weights, gap)
    return max(0.0, expected - gap * (new_share(weights, gap + 1) - expected))
