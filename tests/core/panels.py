"""Panels of boards, replayed under each order and under the true rates: ``python -m tests.core.panels --world FILE``.

Prints, for each kind of panel and each part of the full price, the share of entries that each order sees. Without a
file the boards are drawn here: entries come at random and stay for times of a board's own, short and long ones.
"""

from __future__ import annotations

import argparse
import random
import sys
from collections.abc import Iterator, Mapping, Sequence
from math import exp
from pathlib import Path

from scraper.core.changes.order import RankedBoard, StalestOrder, affordable, order_of
from scraper.core.changes.purse import FixedPurse
from scraper.core.changes.replay import Replay, WorldBoard, replay
from scraper.core.changes.spells import Nights, spells
from scraper.core.jobs import OrderName
from scraper.io.worlds import nights_of, read_world

PARTS = (0.2, 0.35, 0.5)
"""Of the price of reading every board every night."""


def drawn_board(residence: float, spikes: float, places: int, nights: int, dice: random.Random) -> list[frozenset[int]]:
    """Return nights of a board whose entries stay for `residence` nights on average, a share of `spikes` for one."""
    free, entries, found = iter(range(10**9)), dict[int, int](), list[frozenset[int]]()
    for night in range(nights):
        entries = {entry: end for entry, end in entries.items() if end > night}
        while len(entries) < places:
            stay = 1 if dice.random() < spikes else 1 + int(dice.expovariate(1 / residence))
            entries[next(free)] = night + stay
        found.append(frozenset(entries))
    return found


def drawn_panel(kind: str, nights: int, seed: int, size: int = 15) -> list[WorldBoard]:
    """Return boards of one kind: ``alike``, all of one residence, or ``mixed``, from two nights to hundreds."""
    dice = random.Random(seed)
    panel = []
    for number in range(size):
        residence = 25.0 if kind == "alike" else dice.choice([2.0, 5.0, 20.0, 80.0, 400.0])
        entries = drawn_board(residence, 0.25, dice.choice([20, 30, 50]), nights, dice)
        panel.append(WorldBoard(RankedBoard(f"{residence:g}/{number}", (f"{residence:g}",)), entries))
    return panel


def real_panel(boards: Mapping[str, Nights], nights: int, seed: int, size: int = 15) -> list[WorldBoard]:
    """Return random windows of random boards of a world."""
    dice = random.Random(seed)
    panel = []
    for number in range(size):
        name = dice.choice(sorted(boards))
        start = dice.randrange(len(boards[name]) - nights + 1)
        board = RankedBoard(f"{name}#{number}", (name.partition("/")[0],))
        panel.append(WorldBoard(board, boards[name][start : start + nights]))
    return panel


class TrueRates(StalestOrder):
    """Buys by expected new entries, λτ(1 − e^(−gap/τ)), with the rates and residences of the whole replay."""

    def __init__(self, panel: Sequence[WorldBoard]) -> None:
        super().__init__([board.board for board in panel])
        self._rates = []
        for board in panel:
            found = spells(board.nights)
            residence = sum(spell.end - spell.first for spell in found) / max(1, len(found))
            self._rates.append((sum(spell.first > 0 for spell in found) / len(board.nights), residence))

    def chosen(self, night: int, budget: int) -> list[int]:
        return affordable(sorted(self.stalest(), key=lambda place: -self._expected(place, night)), self._boards, budget)

    def _expected(self, place: int, night: int) -> float:
        rate, residence = self._rates[place]
        return rate * residence * (1 - exp(-(night - self.last_read[place]) / residence))


def replays(panel: Sequence[WorldBoard], part: float, learn: int) -> dict[str, Replay]:
    """Replay a panel at a part of the full price under each order."""
    boards = [board.board for board in panel]
    budgets = [max(1, round(part * len(panel)))] * len(panel[0].nights)
    orders = {
        "stalest": order_of(OrderName.STALEST, boards),
        "changes": order_of(OrderName.CHANGES, boards),
        "true rates": TrueRates(panel),
    }
    return {name: replay(name, panel, order, FixedPurse(budgets), learn) for name, order in orders.items()}


def _panels(
    world: Path | None, count: int, nights: int, seed: int, every: int
) -> Iterator[tuple[str, list[WorldBoard]]]:
    if world is None:
        for kind in ("mixed", "alike"):
            yield from ((kind, drawn_panel(kind, nights, seed + number)) for number in range(count))
        return
    boards = {
        name: entries[::every] if len(entries) // every >= nights and name.startswith("discover") else entries
        for name, entries in nights_of(read_world(world)).items()
    }
    for kind in ("", *sorted({name.partition("/")[0] for name in boards})):
        found = {name: entries for name, entries in boards.items() if name.startswith(kind)}
        yield from ((kind or "mixed", real_panel(found, nights, seed + number)) for number in range(count))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--world", type=Path)
    parser.add_argument("--panels", type=int, default=4)
    parser.add_argument("--nights", type=int, default=280)
    parser.add_argument("--learn", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--every", type=int, default=24, help="snapshots of a discover board to a night")
    given = parser.parse_args()
    found: dict[tuple[str, float], list[dict[str, Replay]]] = {}
    for kind, panel in _panels(given.world, given.panels, given.nights, given.seed, given.every):
        for part in PARTS:
            found.setdefault((kind, part), []).append(replays(panel, part, given.learn))
    sys.stdout.write(f"{'panel':14} {'price':>5} {'stalest':>8} {'changes':>8} {'of true':>8} {'worst':>7} fell back\n")
    for (kind, part), several in found.items():
        seen = {name: sum(one[name].entries.seen for one in several) for name in several[0]}
        whole = sum(one["changes"].entries.all for one in several)
        worst = min(
            (one["changes"].entries.seen - one["stalest"].entries.seen) / one["changes"].entries.all for one in several
        )
        fell = sum(one["changes"].fell_back for one in several)
        sys.stdout.write(
            f"{kind:14} {part:5.0%} {seen['stalest'] / whole:8.1%} {seen['changes'] / whole:8.1%} "
            f"{seen['changes'] / seen['true rates']:8.1%} {worst:+7.1%} {fell} of {len(several)}\n"
        )


if __name__ == "__main__":
    main()
