"""Replays of known boards under another budget or order."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from scraper.core.changes.order import OrderName, RankedBoard, order_of
from scraper.core.changes.replay import Replay, WorldBoard, replay
from scraper.core.errors import UsageError
from scraper.io.worlds import nights_of, read_world

LEARN = 50
"""Nights of learning, where nobody says otherwise; half of the nights where there are fewer than twice as many."""


def replay_world(
    path: Path, orders: Sequence[OrderName], budget: int | None, nights: int | None, learn: int | None
) -> list[Replay]:
    """Return one replay for each order over a world file: each of its boards costs a credit a read.

    `budget`: credits a night; default: every board each night. `nights`: the first ones of each board; default: as
    many as all boards have. Raises UsageError for more nights than there are, and the errors of `read_world`.
    """
    world = nights_of(read_world(path))
    shared = min(map(len, world.values()))
    if nights is not None and nights > shared:
        shortest = min(world, key=lambda name: len(world[name]))
        raise UsageError(f"{path} has {shared} nights of all its boards (the shortest is {shortest}), not {nights}.")
    nights = nights or shared
    learn = min(LEARN, nights // 2) if learn is None else learn
    if learn >= nights:
        raise UsageError(f"--learn {learn} leaves none of the {nights} nights to count.")
    boards = [
        WorldBoard(RankedBoard(name, (name.partition("/")[0],)), entries[:nights]) for name, entries in world.items()
    ]
    budgets = [len(boards) if budget is None else budget] * nights
    return [replay(order, boards, order_of(order, [b.board for b in boards]), budgets, learn) for order in orders]
