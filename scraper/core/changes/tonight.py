"""The boards of one night of a job, bought or left, each with the reason."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from scraper.core.changes.delta import DeltaChoice
from scraper.core.changes.order import FIT_EVERY, LEAST_GAIN, LEAST_NIGHTS, Because, ChangesOrder, RankedBoard
from scraper.core.changes.reads import WholeRead, by_night, night_of_read
from scraper.core.jobs import OrderName
from scraper.core.units import Credits


@dataclass(frozen=True, slots=True)
class Candidate:
    """A board of the job."""

    walk_id: str
    crawl: str
    name: str
    """Its parameters, for people: ``country_code=US period=7``."""
    vendor: str
    groups: tuple[str, ...]
    """Its endpoint and its country: boards of a group change alike."""
    credits: Credits
    """The likely price of the whole board."""
    priority: int = 1
    reads: Sequence[WholeRead] = ()
    tried_at: datetime | None = None
    """Time of its last request, whether that succeeded or not."""


@dataclass(frozen=True, slots=True)
class Choice:
    """A board's place in the order of a night."""

    walk_id: str
    crawl: str
    name: str
    vendor: str
    credits: Credits
    because: Because
    nights: int | None
    """Nights since its last complete read; ``None``: it was never read."""
    expected: float | None
    """New entries expected of a read; ``None``: it was never read, so that all are new."""
    is_bought: bool = True

    @property
    def words(self) -> str:
        match self.because:
            case Because.UNREAD:
                return "never read"
            case Because.OVERDUE:
                return "waited the longest allowed"
            case Because.EXPLORED:
                return "exploration"
            case Because.WORTH if self.is_bought:
                return "most new per credit"
            case Because.WORTH:
                return "others show more"
            case Because.STALEST if self.is_bought:
                return "read longest ago"
            case _:
                return "others are staler"


@dataclass(frozen=True, slots=True)
class Tonight:
    """The order of a night's boards, the best first; a run keeps it over all its processes."""

    order: OrderName
    choices: tuple[Choice, ...]
    fell_back: bool = False
    because: str = ""
    """The reason for buying the stalest first, in words."""
    feeds: tuple[str, ...] = ()
    """Ids of child walks that were read before, those with the most new records per credit first."""
    deltas: tuple[DeltaChoice, ...] = ()
    """Boards of crawls with a delta: as a page of new entries, or whole."""

    def within(self, budget: Credits, shares: Mapping[str, Credits] | None = None) -> Tonight:
        """Return the order with only the choices that the budget fully pays for, after the boards by delta.

        `shares`: vendor → its share of the budget.
        """
        left, of_share = budget, dict(shares or {})
        for delta in self.deltas:
            left -= delta.credits
            if delta.vendor in of_share:
                of_share[delta.vendor] -= delta.credits
        choices = []
        for choice in self.choices:
            is_bought = choice.credits <= min(left, of_share.get(choice.vendor, left))
            if is_bought:
                left -= choice.credits
                if choice.vendor in of_share:
                    of_share[choice.vendor] -= choice.credits
            choices.append(replace(choice, is_bought=is_bought))
        return replace(self, choices=tuple(choices))

    @property
    def bought(self) -> tuple[Choice, ...]:
        return tuple(choice for choice in self.choices if choice.is_bought)

    @property
    def left(self) -> tuple[Choice, ...]:
        return tuple(choice for choice in self.choices if not choice.is_bought)

    def spending(self) -> Iterator[tuple[str, Credits]]:
        """Yield the vendor and the credits of each board that is bought."""
        yield from ((choice.vendor, choice.credits) for choice in self.deltas)
        yield from ((choice.vendor, choice.credits) for choice in self.bought)

    @property
    def in_order(self) -> list[str]:
        """Return the ids of the walks that are bought, in order: boards by delta, which are read each night, first."""
        return [choice.bought_id for choice in self.deltas] + [choice.walk_id for choice in self.bought]

    @property
    def by_delta(self) -> frozenset[str]:
        """Return the ids of the boards that are bought as a page of their new entries."""
        return frozenset(choice.walk_id for choice in self.deltas if not choice.is_whole)

    def notes(self) -> Iterator[str]:
        """Yield a sentence for each note on the boards of the night."""
        if self.choices:
            yield self.words
        if self.deltas:
            pages = len(self.by_delta)
            met = f"{pages} of {len(self.deltas)} boards as a page of new entries, the others whole"
            yield met if pages else f"all {len(self.deltas)} boards with a delta are bought whole"
        for choice in self.deltas:
            if choice.is_off:
                yield f"{choice.name}: delta is switched off, as {choice.why}; the board is bought whole each night"

    @property
    def words(self) -> str:
        """Return a sentence on how many boards are bought, and in which order."""
        bought, all_of_them = len(self.bought), len(self.choices)
        credits = sum(choice.credits for choice in self.bought)
        by = f'order = "{self.order.value}"' + (f": stalest first, {self.because}" if self.because else "")
        return f"{bought} of {all_of_them} boards for {credits} credits ({by})"

    def to_json(self) -> dict[str, Any]:
        """Return a plain object, for the state database and for ``plan --format json``."""
        return {
            "order": self.order.value,
            "fell_back": self.fell_back,
            "because": self.because,
            "boards": [
                {
                    "walk_id": choice.walk_id,
                    "crawl": choice.crawl,
                    "board": choice.name,
                    "vendor": choice.vendor,
                    "credits": choice.credits,
                    "why": choice.because.value,
                    "nights_since_read": choice.nights,
                    "expected_new": choice.expected,
                    "bought": choice.is_bought,
                }
                for choice in self.choices
            ],
            "feeds": list(self.feeds),
            "deltas": [choice.to_json() for choice in self.deltas],
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Tonight:
        choices = tuple(
            Choice(
                walk_id=board["walk_id"],
                crawl=board["crawl"],
                name=board["board"],
                vendor=board["vendor"],
                credits=board["credits"],
                because=Because(board["why"]),
                nights=board["nights_since_read"],
                expected=board["expected_new"],
                is_bought=board["bought"],
            )
            for board in stored["boards"]
        )
        return cls(
            OrderName(stored["order"]),
            choices,
            stored["fell_back"],
            stored["because"],
            tuple(stored["feeds"]),
            tuple(DeltaChoice.from_json(choice) for choice in stored["deltas"]),
        )


@dataclass(frozen=True, slots=True)
class NightTerms:
    """A night of a job: when it begins, and what it may spend."""

    order: OrderName
    night_at: datetime
    period: timedelta
    budget: Credits
    shares: Mapping[str, Credits]
    """Vendor → its share of the budget, with budget = "auto"."""
    max_staleness: timedelta | None = None


def tonight(
    candidates: Sequence[Candidate],
    terms: NightTerms,
    feeds: Sequence[str] = (),
    deltas: Sequence[DeltaChoice] = (),
) -> Tonight:
    """Return the order of a night's boards, learnt from their reads before it. The same reads give the same order."""
    ranked = [RankedBoard(one.walk_id, one.groups, max(1, one.credits)) for one in candidates]
    longest = None if terms.max_staleness is None else max(1, terms.max_staleness // terms.period)
    budget = max(0, terms.budget - sum(choice.credits for choice in deltas))
    order = ChangesOrder(ranked, longest)
    reads = sorted(_before(candidates, terms), key=lambda read: read[:2])
    begun = before = reads[0][0] if reads else 0
    for night, place, entries in reads:
        if night >= -FIT_EVERY > before:  # boards that differed then pass at a lower gain than boards that were alike
            order.ranked(-FIT_EVERY - begun, budget)
        before = night
        if entries is None:
            order.try_in_vain(place, night - begun)
        else:
            order.read(place, night - begun, entries)
    found = Tonight(terms.order, tuple(_choices(candidates, order, -begun, budget, terms)), feeds=tuple(feeds))
    found = replace(found, deltas=tuple(deltas)).within(terms.budget, terms.shares)
    if not (order.fell_back and terms.order is OrderName.CHANGES):
        return found
    return replace(found, fell_back=True, because=_why_it_fell_back(found.choices, -begun))


def _before(candidates: Sequence[Candidate], terms: NightTerms) -> Iterator[tuple[int, int, frozenset[str] | None]]:
    """Yield night, board and entries of each read before tonight; a last attempt that failed has no entries."""
    for place, one in enumerate(candidates):
        last = None
        for night, read in by_night(one.reads, terms.night_at, terms.period):
            if night < 0:
                last = night
                yield night, place, read.entries
        tried = None if one.tried_at is None else night_of_read(one.tried_at, terms.night_at, terms.period)
        if tried is not None and tried < 0 and (last is None or tried > last):
            yield tried, place, None


def _choices(
    candidates: Sequence[Candidate], order: ChangesOrder, night: int, budget: Credits, terms: NightTerms
) -> list[Choice]:
    places = order.ranked(night, budget) if terms.order is OrderName.CHANGES else order.stalest()
    found = [
        Choice(
            walk_id=candidates[place].walk_id,
            crawl=candidates[place].crawl,
            name=candidates[place].name,
            vendor=candidates[place].vendor,
            credits=candidates[place].credits,
            because=because,
            nights=_nights_since(candidates[place], terms),
            expected=None if (new := order.expected_new(place, night)) is None else round(new, 2),
        )
        for place, because in places
    ]
    due: set[str] = set()
    if terms.max_staleness is not None:
        longest = max(1, terms.max_staleness // terms.period)
        due = {choice.walk_id for choice in found if choice.nights is not None and choice.nights >= longest}
        found = [replace(each, because=Because.OVERDUE) if each.walk_id in due else each for each in found]
    priorities = {one.walk_id: one.priority for one in candidates}
    found.sort(key=lambda each: (each.walk_id not in due, -priorities[each.walk_id]))
    return found


def _nights_since(board: Candidate, terms: NightTerms) -> int | None:
    """Return the nights since the last complete read before tonight."""
    nights = [night for night, _ in by_night(board.reads, terms.night_at, terms.period) if night < 0]
    return -nights[-1] if nights else None


def _why_it_fell_back(found: Sequence[Choice], night: int) -> str:
    unread = sum(choice.because is Because.UNREAD for choice in found)
    if unread:
        return f"as {unread} board{'s have' if unread != 1 else ' has'} no complete read yet"
    if night < LEAST_NIGHTS + FIT_EVERY:
        return f"since rates are compared after {LEAST_NIGHTS + FIT_EVERY} nights"
    return f"as the boards are alike: their rates would bring less than {LEAST_GAIN:.0%} more"
