"""Figures with a range, and the most and least that a budget buys of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

LARGEST_EXACT_BUDGET = 5_000_000
"""Largest budget for which the most that it buys is computed exactly, as a bit set of sums."""


@dataclass(frozen=True, slots=True)
class Range:
    """A figure with a range: low ≤ likely ≤ high."""

    low: int
    likely: int
    high: int

    def __add__(self, other: Range) -> Range:
        return Range(self.low + other.low, self.likely + other.likely, self.high + other.high)

    def times(self, factor: int) -> Range:
        return Range(self.low * factor, self.likely * factor, self.high * factor)

    def at_most(self, ceiling: int) -> Range:
        return Range(min(self.low, ceiling), min(self.likely, ceiling), min(self.high, ceiling))

    @property
    def exact(self) -> bool:
        """True if the figure has no range."""
        return self.low == self.high

    def to_json(self) -> dict[str, int]:
        return {"low": self.low, "likely": self.likely, "high": self.high}


NOTHING = Range(0, 0, 0)


def exactly(count: int) -> Range:
    return Range(count, count, count)


def total(ranges: Iterable[Range]) -> Range:
    return sum(ranges, NOTHING)


def most_within(budget: int, priced: Sequence[tuple[int, int]]) -> int:
    """Return the most credits that requests at these prices, ``(credits, count)``, can spend within a budget."""
    whole = sum(cost * count for cost, count in priced)
    if whole <= budget or budget > LARGEST_EXACT_BUDGET:
        return min(whole, budget)
    sums = 1  # bit n: n credits can be spent
    within = (1 << (budget + 1)) - 1
    for cost, count in priced:
        left, step = min(count, budget // cost), 1
        while left > 0:
            taken = min(step, left)
            sums |= (sums << (taken * cost)) & within
            left, step = left - taken, step * 2
    return sums.bit_length() - 1


def least_within(budget: int, priced: Sequence[tuple[int, int]]) -> int:
    """Return the fewest credits spent before the budget refuses, if all of these requests are wanted."""
    priced = [(cost, count) for cost, count in priced if count]
    whole = sum(cost * count for cost, count in priced)
    if whole <= budget:
        return whole
    if len({cost for cost, _ in priced}) == 1:
        return most_within(budget, priced)
    # The cheaper requests may be spent first; the rest is then less than the highest price.
    return max(0, budget - max(cost for cost, _ in priced) + 1)
