"""Nights of boards that are known already, bought again under a budget and an order, without a request."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any

from scraper.core.changes.order import Order, RankedBoard
from scraper.core.changes.purse import Purse, Room
from scraper.core.changes.spells import Nights, Reads, Seen, Spell, entries_seen, exits_seen, spells
from scraper.core.units import Credits


@dataclass(frozen=True, slots=True)
class WorldBoard:
    """A board and its entries on each night."""

    board: RankedBoard
    nights: Nights
    vendor: str = ""
    spells: Sequence[Spell] | None = None
    """Spells of all nights, if they are known already."""


@dataclass(frozen=True, slots=True)
class BoardReplay:
    """One board's part of a replay, over the nights that count."""

    name: str
    reads: int
    entries: Seen
    exits: Seen


@dataclass(frozen=True, slots=True)
class Replay:
    """The purchases and sightings of an order, over the nights that count: those after learning."""

    order: str
    nights: int
    boards: int
    credits: int
    freshness: float
    """The mean share of a night's entries that the newest read of their board showed."""
    fell_back: bool
    """True if most nights were bought stalest first because the boards were alike."""
    by_board: tuple[BoardReplay, ...]

    @property
    def entries(self) -> Seen:
        return sum((board.entries for board in self.by_board), Seen())

    @property
    def exits(self) -> Seen:
        return sum((board.exits for board in self.by_board), Seen())

    def to_json(self) -> Mapping[str, Any]:
        return {
            "order": self.order,
            "nights": self.nights,
            "boards": self.boards,
            "credits": self.credits,
            "entries": _seen(self.entries),
            "exits": _seen(self.exits),
            "freshness": round(self.freshness, 4),
            "fell_back": self.fell_back,
            "by_board": [
                {"board": board.name, "reads": board.reads, "entries": _seen(board.entries)} for board in self.by_board
            ],
        }


def _seen(seen: Seen) -> Mapping[str, int]:
    return {"all": seen.all, "seen": seen.seen, "dated": seen.dated}


class VendorOrders:
    """An order for each vendor's boards: each account has credits of its own."""

    def __init__(self, boards: Sequence[WorldBoard], order_of: Callable[[Sequence[RankedBoard]], Order]) -> None:
        self._places: defaultdict[str, list[int]] = defaultdict(list)
        for place, board in enumerate(boards):
            self._places[board.vendor].append(place)
        self._orders = {
            vendor: order_of([boards[place].board for place in places]) for vendor, places in self._places.items()
        }
        self._vendors = [board.vendor for board in boards]
        self._numbers = {place: number for places in self._places.values() for number, place in enumerate(places)}

    @property
    def fell_back(self) -> bool:
        """True if all of them bought stalest first."""
        return all(order.fell_back for order in self._orders.values())

    def within(self, night: int, room: Room) -> list[int]:
        """Return the places of the boards to buy, of each vendor within its room."""
        return [
            self._places[vendor][number]
            for vendor, order in self._orders.items()
            for number in order.chosen(night, room.by_vendor.get(vendor, room.credits))
        ]

    def read(self, board: int, night: int, entries: Set[object]) -> None:
        self._orders[self._vendors[board]].read(self._numbers[board], night, entries)


def replay(name: str, boards: Sequence[WorldBoard], order: Order | VendorOrders, purse: Purse, learn: int) -> Replay:
    """Buy the boards night by night, on as many nights as all of them have.

    `learn`: nights at the start that do not count.
    """
    nights = min(len(board.nights) for board in boards)
    read_on: list[list[int]] = [[] for _ in boards]
    newest: list[Set[Hashable]] = [frozenset()] * len(boards)
    credits = fallen = bought = 0
    fresh: list[float] = []
    for night in range(nights):
        room = purse.room(night)
        chosen = [] if room is None else _chosen(order, night, boards, room)
        fell_back = order.fell_back
        spent: defaultdict[str, Credits] = defaultdict(int)
        for place in chosen:
            newest[place] = boards[place].nights[night]
            order.read(place, night, newest[place])
            read_on[place].append(night)
            spent[boards[place].vendor] += boards[place].board.cost
        purse.pay(night, spent)
        if night < learn:
            continue
        credits += sum(spent.values())
        bought += room is not None
        fallen += fell_back and room is not None
        fresh += [_held(board.nights[night], known) for board, known in zip(boards, newest, strict=True)]
    return Replay(
        order=name,
        nights=nights - learn,
        boards=len(boards),
        credits=credits,
        freshness=sum(fresh) / len(fresh) if fresh else 0.0,
        fell_back=fallen * 2 > bought,
        by_board=tuple(_board(board, read_on[place], learn, nights) for place, board in enumerate(boards)),
    )


def _chosen(order: Order | VendorOrders, night: int, boards: Sequence[WorldBoard], room: Room) -> list[int]:
    """Return the boards to buy, except those that their vendors' own limits do not allow."""
    if isinstance(order, VendorOrders):
        return order.within(night, room)
    left, found = dict(room.by_vendor), []
    for place in order.chosen(night, room.credits):
        vendor, cost = boards[place].vendor, boards[place].board.cost
        if cost <= left.get(vendor, cost):
            found.append(place)
            if vendor in left:
                left[vendor] -= cost
    return found


def _held(tonight: Set[Hashable], known: Set[Hashable]) -> float:
    if tonight is known or not tonight:
        return 1.0
    return len(tonight & known) / len(tonight)


def _board(board: WorldBoard, read_on: Sequence[int], learn: int, nights: int) -> BoardReplay:
    whole = board.spells is not None and len(board.nights) == nights
    found = board.spells if board.spells is not None and whole else spells(board.nights[:nights])
    reads = Reads(read_on, nights)
    return BoardReplay(
        board.board.name,
        sum(night >= learn for night in read_on),
        entries_seen(found, reads, learn, nights),
        exits_seen(found, reads, learn, nights),
    )
