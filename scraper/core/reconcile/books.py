"""Comparison of ledger lines with billing events, and what it settles.

An answered attempt and its event share the vendor's request id. A lost answer has none, but events can be counted: k
charged events of an endpoint that belong to no answered attempt, within the time in which the attempts can have been
billed, settle k unknown attempts as charged; attempts left over were free.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from scraper.core.catalogue import Charge
from scraper.core.reconcile.lines import SLACK, BillingEvent, LedgerLine, Route
from scraper.core.units import Credits


class EntryKind(StrEnum):
    """The relation of a line of the ledger and a line of the vendor's."""

    AGREES = "agrees"
    SETTLED = "settled"
    """Its charge was unknown or presumed, and is now known."""
    CORRECTED = "corrected"
    """The vendor charged another amount than the ledger had."""
    OURS_ALONE = "ours alone"
    """The ledger counts credits for it, but the vendor does not list it."""
    THEIRS_ALONE = "theirs alone"
    """The vendor charged it, but the ledger has no such request."""
    TWICE = "listed twice"
    UNDECIDED = "undecided"
    """The vendor has not decided, or may not have billed it yet."""


@dataclass(frozen=True, slots=True)
class BookedCharge:
    """A charge by the vendor's billing records."""

    charge: Charge
    credits: Credits


@dataclass(frozen=True, slots=True)
class Entry:
    """One request in the ledger and in the vendor's records."""

    kind: EntryKind
    endpoint: str
    """Its full name; of a request that is not ours and of no known endpoint, the billed route."""
    at: datetime | None
    request_id: str | None
    ours: Credits | None
    """Credits that the ledger counted before; ``None``: it has no such request."""
    theirs: Credits | None
    """``None``: the vendor does not list it, or has not decided."""
    attempt: LedgerLine | None = None

    @property
    def counted(self) -> Credits:
        """Credits that the ledger counts for it from now on."""
        if self.attempt is None:
            return 0
        return self.ours or 0 if self.theirs is None else self.theirs


@dataclass(frozen=True, slots=True)
class Books:
    """All lines of both sides."""

    entries: tuple[Entry, ...]
    settled: Mapping[int, BookedCharge]
    """Attempt → its charge, if it differs from the ledger's."""
    by_id: bool
    """False if no event has the id of an answer, and all were matched by endpoint and time."""


@dataclass(slots=True)
class _Sides:
    """Lines and events that are not matched yet."""

    lines: list[LedgerLine]
    events: list[BillingEvent]
    routes: Sequence[Route]
    now: datetime
    entries: list[Entry] = field(default_factory=list)
    settled: dict[int, BookedCharge] = field(default_factory=dict)
    learned: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    """Billed route → endpoints of the attempts that share a request id with it."""

    def endpoints_of(self, event: BillingEvent) -> set[str]:
        """Return the endpoints that a billed route may be; the vendor file decides if no answer shows it."""
        known = self.learned.get(event.path)
        return known or {route.endpoint for route in self.routes if route.matches(event.path)}

    def price_of(self, event: BillingEvent, line: LedgerLine | None) -> Credits:
        """Return the credits of an event: its own price, else the reserved one, else the endpoint's."""
        if event.charge is not Charge.CHARGED:
            return 0
        if event.credits is not None:
            return event.credits
        if line is not None:
            return line.price or line.credits
        named = self.endpoints_of(event)
        return max((route.cost for route in self.routes if route.endpoint in named), default=0)

    def pair(self, line: LedgerLine, event: BillingEvent) -> None:
        theirs = None if event.charge is None or line.in_flight else self.price_of(event, line)
        if theirs is None:
            kind = EntryKind.UNDECIDED
        elif line.charge in {Charge.UNKNOWN, Charge.PRESUMED}:
            kind = EntryKind.SETTLED
        else:
            kind = EntryKind.AGREES if theirs == line.credits else EntryKind.CORRECTED
        if theirs is not None and kind is not EntryKind.AGREES:
            self.settled[line.attempt_id] = BookedCharge(Charge.CHARGED if theirs else Charge.FREE, theirs)
        request_id = event.request_id or line.request_id
        self.entries.append(
            Entry(kind, line.endpoint, event.at or line.sent_at, request_id, line.credits, theirs, line)
        )

    def enter(self, kind: EntryKind, line: LedgerLine, theirs: Credits | None) -> None:
        """Enter a line that has no event."""
        self.entries.append(Entry(kind, line.endpoint, line.sent_at, line.request_id, line.credits, theirs, line))


def hold(
    lines: Sequence[LedgerLine], events: Iterable[BillingEvent], *, routes: Sequence[Route], now: datetime
) -> Books:
    """Compare all lines of a span of time with all events of it."""
    twice: list[BillingEvent] = []
    sides = _Sides(list(lines), list(_unique(events, twice)), routes, now)
    by_id = _match_ids(sides)
    _match_times(sides, every=not by_id)
    _match_lost_ledgers(sides)
    _enter_lines(sides)
    for event in sides.events:
        if event.charge is not Charge.FREE:
            kind = EntryKind.UNDECIDED if event.charge is None else EntryKind.THEIRS_ALONE
            theirs = None if event.charge is None else sides.price_of(event, None)
            sides.entries.append(Entry(kind, _named(sides, event), event.at, event.request_id, None, theirs))
    for event in twice:
        theirs = sides.price_of(event, None)
        sides.entries.append(Entry(EntryKind.TWICE, _named(sides, event), event.at, event.request_id, None, theirs))
    in_order = sorted(sides.entries, key=lambda entry: (entry.at is None, entry.at or now))
    return Books(tuple(in_order), sides.settled, by_id)


def _unique(events: Iterable[BillingEvent], twice: list[BillingEvent]) -> Iterator[BillingEvent]:
    """Yield each event once, the decided one of a pair; append the others to `twice`."""
    by_id: dict[str, BillingEvent] = {}
    for event in events:
        if event.request_id is None:
            yield event
        elif (known := by_id.get(event.request_id)) is None or known.charge is None:
            by_id[event.request_id] = event
        elif event.charge is not None:
            twice.append(event)
    yield from by_id.values()


def _match_ids(sides: _Sides) -> bool:
    """Match lines and events with one request id; return False if the ids of events are evidently not request ids."""
    by_id = {event.request_id: event for event in sides.events if event.request_id is not None}
    answered = [line for line in sides.lines if line.request_id is not None]
    matched = {line.request_id for line in answered if line.request_id in by_id}
    for line in answered:
        if (event := by_id.pop(line.request_id or "", None)) is not None:
            sides.learned[event.path].add(line.endpoint)
            sides.pair(line, event)
        elif line.request_id in matched:  # a second attempt that was answered under the same id
            sides.enter(EntryKind.OURS_ALONE if line.credits else EntryKind.AGREES, line, None)
    sides.events = [event for event in sides.events if event.request_id not in matched]
    sides.lines = [line for line in sides.lines if line.request_id is None or line.request_id not in matched]
    charged = any(line.charge is Charge.CHARGED for line in answered)
    return bool(matched) or not charged or not by_id


def _match_times(sides: _Sides, *, every: bool) -> None:
    """Match lines without a request id with events of their endpoint and time: charged ones first, then undecided.

    `every`: lines with an id as well.
    """
    for charge in (Charge.CHARGED, None):
        events = [event for event in sides.events if event.charge is charge]
        events.sort(key=lambda event: (event.at is None, event.at.timestamp() if event.at else 0.0))
        waiting = [line for line in sides.lines if not line.is_of_a_lost_ledger]
        if not every:
            waiting = [line for line in waiting if line.request_id is None and line.charge is not Charge.FREE]
        waiting.sort(key=lambda line: line.deadline)
        for event in events:
            named = sides.endpoints_of(event)
            fitting = next((line for line in waiting if line.endpoint in named and _fits(line, event)), None)
            if fitting is not None:
                waiting.remove(fitting)
                sides.lines.remove(fitting)
                sides.events.remove(event)
                sides.pair(fitting, event)


def _fits(line: LedgerLine, event: BillingEvent) -> bool:
    return event.at is None or line.sent_at - SLACK <= event.at <= line.deadline + SLACK


def _match_lost_ledgers(sides: _Sides) -> None:
    """Settle credits that a lost ledger may have spent, by unexplained charged events of its time."""
    for line in [line for line in sides.lines if line.is_of_a_lost_ledger]:
        if line.charge is not Charge.UNKNOWN or line.deadline + SLACK >= sides.now:
            continue
        spent = 0
        for event in [event for event in sides.events if event.charge is Charge.CHARGED and _fits(line, event)]:
            price = sides.price_of(event, None)
            if spent + price <= line.credits:
                spent += price
                sides.events.remove(event)
        sides.lines.remove(line)
        sides.settled[line.attempt_id] = BookedCharge(Charge.CHARGED if spent else Charge.FREE, spent)
        sides.enter(EntryKind.SETTLED, line, spent)


def _enter_lines(sides: _Sides) -> None:
    strange = [event for event in sides.events if event.charge is not Charge.FREE and not sides.endpoints_of(event)]
    for line in sides.lines:
        due = line.deadline + SLACK < sides.now and not line.in_flight
        if not line.credits:
            sides.enter(EntryKind.AGREES, line, None)
        elif not due:
            sides.enter(EntryKind.UNDECIDED, line, None)
        elif line.charge is not Charge.UNKNOWN:
            sides.enter(EntryKind.OURS_ALONE, line, None)
        elif any(_fits(line, event) for event in strange):  # it may be this one, under a name that nobody documents
            sides.enter(EntryKind.UNDECIDED, line, None)
        else:
            sides.settled[line.attempt_id] = BookedCharge(Charge.FREE, 0)
            sides.enter(EntryKind.SETTLED, line, 0)


def _named(sides: _Sides, event: BillingEvent) -> str:
    return " or ".join(sorted(sides.endpoints_of(event))) or event.path
