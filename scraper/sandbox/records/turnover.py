"""The turnover of a board: the share of its entries that were not there a day, a week and thirty days before.

A place of a board passes from one entry to the next once in every stretch of `length` days, at a random instant of it
or, of a regular place, at the same one. So a place keeps its entry over some days with a known probability. Places of
several lengths, and some that change every day or never, make up the turnovers that real boards show; `shares` finds
how many of each.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from math import inf
from typing import Final

DAYS: Final = (1, 7, 30)
"""Days after which a turnover is stated."""
SPELLS_OF_A_DAY: Final = 0.25
"""The part of a day's new entries that stay for one day only, if the turnover allows it: 22 to 32 % in song charts (ten
countries, 556 days)."""
WEEKDAYS: Final = (0.87, 0.87, 0.87, 0.87, 0.5, 0.85, 2.17)
"""The movement of a board on each day from Monday on; the sum is 7. With one-day spells, Sundays have three times as
many new entries as Fridays, as in song charts."""
TOLERANCE: Final = 0.01
"""A turnover that places cannot approach this closely is refused."""
_ROUNDS: Final = 600
"""Most rounds of expectation–maximisation."""
_NEAR: Final = 0.002
"""Distance at which they stop."""
_MONDAY: Final = date(2024, 1, 1).toordinal()
_UP_TO: Final = tuple(sum(WEEKDAYS[: weekday + 1]) for weekday in range(7))


class UnreachableTurnoverError(ValueError):
    """A turnover that no board can have; its text gives the reason."""


@dataclass(frozen=True, slots=True)
class Pace:
    """The pace at which a place passes to another entry."""

    length: float
    """Days of a stretch; 0: another entry every day."""
    regular: bool = False
    """True if it passes on at the same instant of every stretch."""

    def keeps(self, stretches: float) -> float:
        """Return the probability that the place keeps its entry for so many stretches."""
        if self.regular:
            return max(0.0, 1 - stretches)
        if stretches <= 1:
            return 1 - stretches + stretches**3 / 6
        return max(0.0, 2 - stretches) ** 3 / 6


PACES: Final = (
    Pace(0.0),
    *map(Pace, (2.0, 3.0, 4.5, 6.5, 9.0, 13.0, 19.0, 28.0, 42.0, 63.0, 95.0, 140.0, 210.0, 320.0, 640.0, inf)),
    *(Pace(length, regular=True) for length in (4.0, 5.0, 6.0, 7.0)),
)
_IRREGULAR: Final = sum(not pace.regular for pace in PACES)


@dataclass(frozen=True, slots=True)
class Turnover:
    """Shares of new entries after `DAYS`."""

    after_1: float
    after_7: float
    after_30: float

    @property
    def stated(self) -> tuple[float, float, float]:
        return self.after_1, self.after_7, self.after_30

    def without(self, part: float, other: Turnover) -> Turnover:
        """Return the turnover of the rest of a board of which `part` has another one."""
        rest = ((own - part * lent) / (1 - part) for own, lent in zip(self.stated, other.stated, strict=True))
        return Turnover(*rest)


def moved(day: date) -> float:
    """Return the movement of boards by the end of a day: seven a week, by `WEEKDAYS`."""
    weeks, weekday = divmod(day.toordinal() - _MONDAY, 7)
    return 7 * weeks + _UP_TO[weekday]


def instant_s(moment: float) -> int:
    """Return the seconds since 1970 at which boards have moved this far, to about a day."""
    return int((moment + _MONDAY - date(1970, 1, 1).toordinal()) * 86_400)


@lru_cache(maxsize=64)
def shares(asked: Turnover) -> tuple[float, ...]:
    """Return the share of places of each of `PACES`. Raises UnreachableTurnoverError."""
    if not 0 <= asked.after_1 <= asked.after_7 <= asked.after_30 <= 1:
        raise UnreachableTurnoverError("the shares must rise, from 0 to 100 %")
    rows = _rows()
    kept = [1 - share for share in asked.stated]
    of_a_day = SPELLS_OF_A_DAY * asked.after_1
    reached: Sequence[float] = ()
    for first, last, fixed in ((1, _IRREGULAR, of_a_day), (0, _IRREGULAR, 0.0), (0, len(PACES), 0.0)):
        weights = [fixed] * first + _mixture(rows[first:last], kept, 1 - fixed)
        reached = _kept(weights, rows)
        if max(abs(one - other) for one, other in zip(reached, kept, strict=True)) <= TOLERANCE:
            return (*weights, *(0.0 for _ in PACES[last:]))
    nearest = ", ".join(f"{100 * (1 - share):.0f}" for share in reached)
    raise UnreachableTurnoverError(f"no board has this turnover; {nearest} % is near it")


@lru_cache(maxsize=1)
def _rows() -> Sequence[Sequence[float]]:
    """Return for each pace the probability that a place keeps its entry over `DAYS`, averaged over the days of the
    week.
    """
    starts = [date.fromordinal(_MONDAY + weekday) for weekday in range(7)]
    spans = [[moved(date.fromordinal(start.toordinal() + days)) - moved(start) for start in starts] for days in DAYS]
    return [
        [sum(pace.keeps(span / pace.length) for span in over) / len(over) if pace.length else 0.0 for over in spans]
        for pace in PACES
    ]


def _kept(weights: Sequence[float], rows: Sequence[Sequence[float]]) -> list[float]:
    return [sum(part * row[place] for part, row in zip(weights, rows, strict=False)) for place in range(len(DAYS))]


def _mixture(rows: Sequence[Sequence[float]], kept: Sequence[float], whole: float) -> list[float]:
    """Return weights with the sum `whole` whose mean of `rows` is as near to `kept` as possible."""
    weights = [whole / len(rows)] * len(rows)
    for _ in range(_ROUNDS):
        known = _kept(weights, rows)
        if max(abs(one - other) for one, other in zip(known, kept, strict=True)) < _NEAR:
            break
        of_known = [goal / met if met else 0.0 for goal, met in zip(kept, known, strict=True)]
        of_gone = [
            max(0.0, whole - goal) / (whole - met) if whole > met else 0.0
            for goal, met in zip(kept, known, strict=True)
        ]
        base = sum(of_gone)
        slopes = [one - other for one, other in zip(of_known, of_gone, strict=True)]
        weights = [
            weight * (base + sum(slope * stays for slope, stays in zip(slopes, row, strict=True)))
            for weight, row in zip(weights, rows, strict=True)
        ]
        total = sum(weights) or 1.0
        weights = [whole * weight / total for weight in weights]
    return weights
