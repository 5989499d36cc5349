"""The order in which a night's boards are bought, where the budget does not reach all of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence, Set
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, Protocol

from scraper.core.changes.gain import BoardRate, gain_over_stalest
from scraper.core.changes.residence import UNIFORM, GapCounts, Weights, fit, mean, new_share, worth

EXPLORATION: Final = 0.1
"""The part of the budget that buys the stalest boards, however quiet they seem: a board that is not read again would
stay quiet for ever."""
LONGEST_WAIT: Final = 4
"""No board waits longer than so many times the gap at which all of them would be read alike: a bound on what wrong
rates may cost. On real boards it changes little."""
LEAST_GAIN: Final = 0.09
"""Below this expected gain the boards count as alike, and the stalest are bought first. Learnt rates always differ a
little, by chance."""
LEAST_NIGHTS: Final = 8
"""Nights before rates are compared."""
HALF_LIFE: Final = 150
"""Nights after which what was seen counts half."""
COMPARED_READS: Final = 2
"""Earlier reads that a read is compared with."""
STRENGTH: Final = 30.0
"""The weight of similar boards, in observed entries."""
STRENGTH_OF_ALL: Final = 5.0
"""The weight of the uniform distribution on all boards."""
FIT_EVERY: Final = 4
"""Nights between two fits."""


class OrderName(StrEnum):
    """The values of a job's ``order``."""

    VALUE = "value"
    """Walks that were left over first, then the job's own order."""
    STALEST = "stalest"
    """Boards that were read longest ago first."""
    CHANGES = "changes"
    """Boards with the most expected new entries for a credit first; the stalest where the boards are alike."""


@dataclass(frozen=True, slots=True)
class RankedBoard:
    """A board that competes for a night's credits."""

    name: str
    groups: tuple[str, ...]
    """Names of what it has in common with others, such as its endpoint and its country: rates are shared there."""
    cost: int = 1
    """Credits of one read."""


class Order(Protocol):
    """Decides which boards are bought, night by night."""

    fell_back: bool
    """The last decision was by staleness because the boards are alike, or not known yet."""

    def chosen(self, night: int, budget: int) -> list[int]:
        """Return the places of the boards to buy, within `budget` credits, best first."""
        ...

    def read(self, board: int, night: int, entries: Set[object]) -> None:
        """Learn from a board that was bought whole."""
        ...


def order_of(name: OrderName, boards: Sequence[RankedBoard], max_staleness: int | None = None) -> Order:
    """Return the order by name. `max_staleness`: nights after which a board is bought in any case."""
    if name is OrderName.CHANGES:
        return ChangesOrder(boards, max_staleness)
    return StalestOrder(boards)


class StalestOrder:
    """Boards that were read longest ago, those never read first of all.

    The order ``value`` makes the same choice among boards of equal priority: what a night leaves over is bought first
    in the next one, the stalest before the others.
    """

    def __init__(self, boards: Sequence[RankedBoard]) -> None:
        self._boards = boards
        self.last_read = [-1] * len(boards)
        self.fell_back = False

    def chosen(self, night: int, budget: int) -> list[int]:  # noqa: ARG002 - other orders need the night
        return affordable(self.stalest(), self._boards, budget)

    def stalest(self) -> list[int]:
        return sorted(range(len(self._boards)), key=lambda place: (self.last_read[place], place))

    def read(self, board: int, night: int, entries: Set[object]) -> None:  # noqa: ARG002 - others learn from them
        self.last_read[board] = night


def affordable(places: Iterable[int], boards: Sequence[RankedBoard], budget: int) -> list[int]:
    """Return the boards that the budget reaches, in the order given; a board that it doesn't reach is passed over."""
    bought = []
    for place in places:
        if boards[place].cost <= budget:
            budget -= boards[place].cost
            bought.append(place)
    return bought


@dataclass(slots=True)
class _Learnt:
    """One board's reads."""

    counts: GapCounts = field(default_factory=GapCounts)
    reads: list[tuple[int, Set[object]]] = field(default_factory=list)
    """The last ones, at most `COMPARED_READS`."""
    weights: Weights = UNIFORM

    @property
    def places(self) -> float:
        return max(1.0, float(len(self.reads[-1][1]))) if self.reads else 1.0


class ChangesOrder:
    """Boards by the entries that a read is worth for a credit, at rates learnt from the reads so far.

    Deterministic: the same reads lead to the same choice.
    """

    def __init__(self, boards: Sequence[RankedBoard], max_staleness: int | None = None) -> None:
        self._boards = boards
        self._stalest = StalestOrder(boards)
        self._learnt = [_Learnt() for _ in boards]
        self._max_staleness = max_staleness
        self._fitted_on = self._begun_on = -1
        self._explored = 0.0
        self._gain = 0.0
        self.fell_back = True

    def chosen(self, night: int, budget: int) -> list[int]:
        if self._begun_on < 0:
            self._begun_on = night
        stalest = self._stalest.stalest()
        unknown = any(last < 0 for last in self._stalest.last_read)
        self.fell_back = True
        if unknown or night - self._begun_on < LEAST_NIGHTS:
            return affordable(stalest, self._boards, budget)
        if self._fitted_on < 0 or night - self._fitted_on >= FIT_EVERY:
            self._fit(night, budget)
        if self._gain < LEAST_GAIN or budget <= 0:
            return affordable(stalest, self._boards, budget)
        self.fell_back = False
        return affordable(self._ordered(night, budget, stalest), self._boards, budget)

    def expected_new(self, board: int, night: int) -> float:
        """Return the new entries that a read of the board is expected to show."""
        learnt = self._learnt[board]
        return learnt.places * new_share(learnt.weights, self._gap(board, night))

    def read(self, board: int, night: int, entries: Set[object]) -> None:
        learnt = self._learnt[board]
        for earlier, known in learnt.reads:
            new = len(entries - known)
            learnt.counts.add(night - earlier, new / COMPARED_READS, (len(entries) - new) / COMPARED_READS)
        learnt.reads = [*learnt.reads, (night, entries)][-COMPARED_READS:]
        self._stalest.read(board, night, entries)

    def _gap(self, board: int, night: int) -> int:
        return max(1, night - self._stalest.last_read[board])

    def _ordered(self, night: int, budget: int, stalest: Sequence[int]) -> list[int]:
        """Overdue boards, the tenth for exploration, then the rest by worth."""
        longest = LONGEST_WAIT * sum(board.cost for board in self._boards) / budget
        if self._max_staleness is not None:
            longest = min(longest, self._max_staleness)
        overdue = [place for place in stalest if self._gap(place, night) >= longest]
        self._explored += EXPLORATION * budget
        explored = []
        for place in stalest:
            if place not in overdue and self._boards[place].cost <= self._explored:
                self._explored -= self._boards[place].cost
                explored.append(place)
        first = set(overdue) | set(explored)
        rest = [place for place in stalest if place not in first]
        return [*overdue, *explored, *sorted(rest, key=lambda place: -self._worth(place, night))]

    def _worth(self, board: int, night: int) -> float:
        learnt = self._learnt[board]
        return worth(learnt.weights, self._gap(board, night)) * learnt.places / self._boards[board].cost

    def _fit(self, night: int, budget: int) -> None:
        """Learn the weights of all boards anew: all boards, then their groups, then each board."""
        if self._fitted_on >= 0:
            for learnt in self._learnt:
                learnt.counts.fade(0.5 ** ((night - self._fitted_on) / HALF_LIFE))
        self._fitted_on = night
        every = GapCounts()
        groups: dict[str, GapCounts] = {}
        for board, learnt in zip(self._boards, self._learnt, strict=True):
            every.merge(learnt.counts)
            for group in board.groups:
                groups.setdefault(group, GapCounts()).merge(learnt.counts)
        of_all = fit(every, UNIFORM, STRENGTH_OF_ALL)
        of_groups = {group: fit(counts, of_all, STRENGTH) for group, counts in groups.items()}
        for board, learnt in zip(self._boards, self._learnt, strict=True):
            prior = mean([of_groups[group] for group in board.groups]) if board.groups else of_all
            learnt.weights = fit(learnt.counts, prior, STRENGTH)
        rates = [
            BoardRate(learnt.weights, learnt.places, board.cost)
            for board, learnt in zip(self._boards, self._learnt, strict=True)
        ]
        self._gain = gain_over_stalest(rates, budget)
