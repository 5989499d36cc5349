"""A figure that is not known to the unit, and what a budget makes of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

LARGEST_EXACT_BUDGET = 5_000_000
"""Credits up to which the most that a budget buys is worked out to the credit: a set of sums of so many bits."""


@dataclass(frozen=True, slots=True)
class Range:
    """A figure that is not known to the unit: low ≤ likely ≤ high."""

    low: int
    likely: int
    high: int

    def __add__(self, other: Range) -> Range:
        return Range(self.low + other.low, self.likely + other.likely, self.high + other.high)

    def times(self, factor: int) -> Range:
        """The range of so many of these."""
        return Range(self.low * factor, self.likely * factor, self.high * factor)

    def at_most(self, ceiling: int) -> Range:
        """The range below a ceiling."""
        return Range(min(self.low, ceiling), min(self.likely, ceiling), min(self.high, ceiling))

    @property
    def exact(self) -> bool:
        """Known to the unit."""
        return self.low == self.high

    def to_json(self) -> dict[str, int]:
        """``{"low": …, "likely": …, "high": …}``."""
        return {"low": self.low, "likely": self.likely, "high": self.high}


NOTHING = Range(0, 0, 0)


def exactly(count: int) -> Range:
    """A figure that is known."""
    return Range(count, count, count)


def total(ranges: Iterable[Range]) -> Range:
    """Their sum."""
    return sum(ranges, NOTHING)


def most_within(budget: int, priced: Sequence[tuple[int, int]]) -> int:
    """The most credits that so many requests of these prices, ``(credits, count)``, can come to within a budget."""
    whole = sum(cost * count for cost, count in priced)
    if whole <= budget or budget > LARGEST_EXACT_BUDGET:
        return min(whole, budget)
    sums = 1  # the n-th bit: n credits can be spent
    within = (1 << (budget + 1)) - 1
    for cost, count in priced:
        left, step = min(count, budget // cost), 1
        while left > 0:
            taken = min(step, left)
            sums |= (sums << (taken * cost)) & within
            left, step = left - taken, step * 2
    return sums.bit_length() - 1


def least_within(budget: int, priced: Sequence[tuple[int, int]]) -> int:
    """The fewest credits that are spent before the budget refuses, where all of these requests are there to be sent."""
    priced = [(cost, count) for cost, count in priced if count]
    whole = sum(cost * count for cost, count in priced)
    if whole <= budget:
        return whole
    if len({cost for cost, _ in priced}) == 1:
        return most_within(budget, priced)
    # The cheaper ones may be used up first: then what is left is less than the dearest price.
    return max(0, budget - max(cost for cost, _ in priced) + 1)
