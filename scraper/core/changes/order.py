"""The order in which a night's boards are bought if the budget does not reach all of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence, Set
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, Protocol

from scraper.core.changes.gain import BoardRate, gain_over_stalest
from scraper.core.changes.residence import UNIFORM, GapCounts, Weights, fit, mean, new_share, worth
from scraper.core.jobs import OrderName

EXPLORATION: Final = 0.1
"""The part of the budget that buys the stalest boards, however quiet they seem: a board that is not read again would
stay quiet permanently."""
LONGEST_WAIT: Final = 4
"""No board waits longer than this many times the gap at which all of them would be read equally often: a bound on the
cost of wrong rates. On real boards it changes little."""
LEAST_GAIN: Final = 0.08
"""Unless two fits in a row expect this gain, the boards count as alike, and the stalest are bought first: their gaps
are even, and uneven ones lose a little. The gain is that of the rates of either half of the reads under the others."""
LASTING_GAIN: Final = 0.06
"""Below this gain, differing boards count as alike again: each change of the order makes gaps uneven for a while."""
LEAST_NIGHTS: Final = 8
"""Nights before rates are compared."""
HALF_LIFE: Final = 150
"""Nights after which an observation counts half."""
COMPARED_READS: Final = 2
"""Earlier reads that a read is compared with."""
STRENGTH: Final = 30.0
"""The weight of similar boards, in observed entries."""
STRENGTH_OF_ALL: Final = 5.0
"""The weight of the uniform distribution on all boards."""
FIT_EVERY: Final = 6
"""Nights between two fits."""


class Because(StrEnum):
    """The reason for a board's place in a night's order."""

    UNREAD = "unread"
    """It has no complete read yet."""
    OVERDUE = "overdue"
    """It has waited for the longest time allowed."""
    EXPLORED = "explored"
    """It is among the stalest, which the credits for exploration buy."""
    WORTH = "worth"
    """Its place follows from the expected new entries per credit."""
    STALEST = "stalest"
    """Its place follows from its age: the boards are alike, or too little is known of them yet."""


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
    """True if the last decision was by staleness because the boards are alike, or not known yet."""

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

    halves: tuple[GapCounts, GapCounts] = field(default_factory=lambda: (GapCounts(), GapCounts()))
    """Comparisons of every other read, and of the rest: rates of one half are judged by the other."""
    reads: list[tuple[int, Set[object]]] = field(default_factory=list)
    """The last reads, at most `COMPARED_READS`."""
    number: int = 0
    """Reads so far."""
    weights: Weights = UNIFORM

    @property
    def places(self) -> float:
        return max(1.0, float(len(self.reads[-1][1]))) if self.reads else 1.0


class ChangesOrder:
    """Boards by the entries that a read is worth per credit, at rates learnt from the reads so far.

    Deterministic: the same reads lead to the same choice.
    """

    def __init__(self, boards: Sequence[RankedBoard], max_staleness: int | None = None) -> None:
        self._boards = boards
        self._stalest = StalestOrder(boards)
        self._learnt = [_Learnt() for _ in boards]
        self._max_staleness = max_staleness
        self._fitted_on = -1
        self._begun_on: int | None = None
        self.gain = 0.0
        self._differs = self._was_enough = False
        self.fell_back = True

    def chosen(self, night: int, budget: int) -> list[int]:
        return affordable((place for place, _ in self.ranked(night, budget)), self._boards, budget)

    def ranked(self, night: int, budget: int) -> list[tuple[int, Because]]:
        """Return all boards in the order of purchase, each with its reason."""
        self._begin(night)
        stalest = self.stalest()
        self.fell_back = True
        unread = any(because is Because.UNREAD for _, because in stalest)
        if not unread and budget > 0 and night - (self._begun_on or 0) >= LEAST_NIGHTS:
            if self._fitted_on < 0 or night - self._fitted_on >= FIT_EVERY:
                self._fit(night, budget)
            self.fell_back = not self._differs
        return stalest if self.fell_back else self._ordered(night, budget, [place for place, _ in stalest])

    def stalest(self) -> list[tuple[int, Because]]:
        last = self._stalest.last_read
        return [(place, Because.UNREAD if last[place] < 0 else Because.STALEST) for place in self._stalest.stalest()]

    def gap(self, board: int, night: int) -> int | None:
        """Return the nights since the last read of a board; ``None``: there was none."""
        last = self._stalest.last_read[board]
        return None if last < 0 else max(1, night - last)

    def expected_new(self, board: int, night: int) -> float | None:
        """Return the new entries that a read of the board is expected to show; ``None``: it was never read."""
        gap = self.gap(board, night)
        if gap is None:
            return None
        if self._fitted_on < 0:
            self._learn(night)
        learnt = self._learnt[board]
        return learnt.places * new_share(learnt.weights, gap)

    def read(self, board: int, night: int, entries: Set[object]) -> None:
        self._begin(night)
        learnt = self._learnt[board]
        # What is seen later counts more, rather than what was seen earlier less: that takes no pass over it.
        counts = 2 ** ((night - (self._begun_on or 0)) / HALF_LIFE) / COMPARED_READS
        for earlier, known in learnt.reads:
            new = len(entries - known)
            learnt.halves[learnt.number % 2].add(night - earlier, new * counts, (len(entries) - new) * counts)
        learnt.reads = [*learnt.reads, (night, entries)][-COMPARED_READS:]
        learnt.number += 1
        self._stalest.read(board, night, entries)

    def try_in_vain(self, board: int, night: int) -> None:
        """Record a failed read: the board is not tried again until it has waited as long as others."""
        self._begin(night)
        self._stalest.last_read[board] = max(night, self._stalest.last_read[board])

    def _begin(self, night: int) -> None:
        if self._begun_on is None:
            self._begun_on = night

    def _ordered(self, night: int, budget: int, stalest: Sequence[int]) -> list[tuple[int, Because]]:
        """Return overdue boards, the tenth for exploration, then the rest by worth."""
        longest = LONGEST_WAIT * sum(board.cost for board in self._boards) / budget
        if self._max_staleness is not None:
            longest = min(longest, self._max_staleness)
        first = {place: Because.OVERDUE for place in stalest if (self.gap(place, night) or 0) >= longest}
        explored = [place for place in stalest if place not in first][: self._explored(night, budget)]
        first |= dict.fromkeys(explored, Because.EXPLORED)
        rest = sorted((place for place in stalest if place not in first), key=lambda place: -self._worth(place, night))
        return [*first.items(), *((place, Because.WORTH) for place in rest)]

    def _explored(self, night: int, budget: int) -> int:
        """Return the number of boards that tonight's exploration buys: its credits of all nights, less earlier ones."""
        dearest, nights = max(board.cost for board in self._boards), night - (self._begun_on or 0)
        before, now = (int(EXPLORATION * budget * count / dearest) for count in (nights, nights + 1))
        return now - before

    def _worth(self, board: int, night: int) -> float:
        learnt = self._learnt[board]
        return worth(learnt.weights, self.gap(board, night) or 1) * learnt.places / self._boards[board].cost

    def _fit(self, night: int, budget: int) -> None:
        """Fit the weights of all boards again, and their gain over the stalest first."""
        self._fitted_on = night
        self._learn(night)
        halves = [self._weights([self._counts(learnt, night, half) for learnt in self._learnt]) for half in (0, 1)]
        gains = []
        for mine, judge in ((0, 1), (1, 0)):
            rates = [
                BoardRate(weights, learnt.places, board.cost)
                for board, learnt, weights in zip(self._boards, self._learnt, halves[mine], strict=True)
            ]
            gains.append(gain_over_stalest(rates, halves[judge], budget))
        self.gain = min(gains)
        lasts, enough = self.gain >= LASTING_GAIN, self.gain >= LEAST_GAIN
        self._differs = lasts if self._differs else enough and self._was_enough
        self._was_enough = enough

    def _learn(self, night: int) -> None:
        fitted = self._weights([self._counts(learnt, night, 0, 1) for learnt in self._learnt])
        for learnt, weights in zip(self._learnt, fitted, strict=True):
            learnt.weights = weights

    def _counts(self, learnt: _Learnt, night: int, *halves: int) -> GapCounts:
        """Return the evidence of the board's reads as of this night."""
        counts = GapCounts()
        for half in halves:
            counts.merge(learnt.halves[half])
        counts.fade(0.5 ** ((night - (self._begun_on or 0)) / HALF_LIFE))
        return counts

    def _weights(self, counts: Sequence[GapCounts]) -> list[Weights]:
        """Return each board's weights: its own reads, shrunk towards those of the boards in its groups."""
        alone = [fit(each, UNIFORM, STRENGTH_OF_ALL) for each in counts]
        observed = [sum(new + known for _, (new, known) in each.items()) for each in counts]
        sure = [entries / (entries + STRENGTH) for entries in observed]
        members: dict[str, list[int]] = {}
        for place, board in enumerate(self._boards):
            for group in board.groups:
                members.setdefault(group, []).append(place)
        everything = _blend(alone, sure, range(len(alone)))
        of_groups = {group: _blend(alone, sure, places) for group, places in members.items()}
        return [
            fit(each, mean([of_groups[group] for group in board.groups]) if board.groups else everything, STRENGTH)
            for board, each in zip(self._boards, counts, strict=True)
        ]


def _blend(weights: Sequence[Weights], sure: Sequence[float], places: Sequence[int]) -> Weights:
    """Return the mean of these boards' weights, each as far as its reads are sure of it."""
    total = sum(sure[place] for place in places)
    if not total:
        return UNIFORM
    return tuple(
        sum(sure[place] * weights[place][residence] for place in places) / total for residence in range(len(UNIFORM))
    )
