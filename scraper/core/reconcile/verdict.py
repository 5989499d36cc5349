"""A billing period compared with the ledger: its sums, and the verdict on them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from scraper.core.reconcile.books import Books, Entry, EntryKind
from scraper.core.reconcile.lines import BillingPeriod
from scraper.core.units import Credits, iso_utc


@dataclass(frozen=True, slots=True)
class MonthHeld:
    """One billing period, line by line."""

    period: BillingPeriod
    entries: tuple[Entry, ...]
    """All entries of the period, oldest first, including those that agree."""
    notes: tuple[str, ...] = ()
    """Findings about the billing records themselves."""

    def of(self, kind: EntryKind) -> tuple[Entry, ...]:
        return tuple(entry for entry in self.entries if entry.kind is kind)

    @property
    def ours(self) -> Credits:
        """Credits that the ledger counts for the period from now on."""
        return sum(entry.counted for entry in self.entries)

    @property
    def theirs_alone(self) -> Credits:
        """Credits that the account spent without us."""
        return sum(entry.theirs or 0 for entry in self.of(EntryKind.THEIRS_ALONE))

    @property
    def undecided(self) -> Credits:
        """Credits that the ledger counts and the vendor may still bill."""
        return sum(entry.counted for entry in self.of(EntryKind.UNDECIDED))

    @property
    def difference(self) -> Credits | None:
        """The vendor's total minus the sum of all lines; ``None`` without a total."""
        return None if self.period.used is None else self.period.used - self.ours - self.theirs_alone

    @property
    def adds_up(self) -> bool:
        """True if the total is explained to the credit, apart from what the vendor may still bill."""
        return self.difference is None or -self.undecided <= self.difference <= 0

    @property
    def agrees(self) -> bool:
        """True if nothing needs attention: it adds up, and each side has the other's lines."""
        apart = (EntryKind.OURS_ALONE, EntryKind.THEIRS_ALONE, EntryKind.TWICE)
        return self.adds_up and not self.notes and not any(entry.kind in apart for entry in self.entries)

    def sentence(self) -> str:
        total = "" if self.period.used is None else f"; the vendor's total is {self.period.used:,}"
        lines = f"{self.ours:,} credits in the ledger, {self.theirs_alone:,} billed for requests that it does not have"
        begins = f"{self.period.starts:%Y-%m-%d}"
        return " ".join([f"period {begins}: {lines}{total}{self._difference()}.", *self._apart(), *self.notes])

    def _difference(self) -> str:
        difference = self.difference
        if difference is None:
            return ""
        if self.adds_up:
            waits = f", apart from {self.undecided:,} not billed yet" if difference else ""
            return f", which agrees{waits}"
        twice = sum(entry.theirs or 0 for entry in self.of(EntryKind.TWICE))
        alone = sum(entry.counted for entry in self.of(EntryKind.OURS_ALONE))
        if difference == twice:
            return f", {difference:,} more: requests that are listed twice were charged twice"
        if difference == -alone:
            return f", {alone:,} less: requests that it does not list were not charged"
        more = "more" if difference > 0 else "less"
        return f", {abs(difference):,} {more}: no line explains the difference"

    def _apart(self) -> Iterator[str]:
        words = {
            EntryKind.SETTLED: "settled",
            EntryKind.CORRECTED: "corrected to what the vendor charged",
            EntryKind.OURS_ALONE: "in the ledger but not billed",
            EntryKind.THEIRS_ALONE: "billed but not in the ledger",
            EntryKind.TWICE: "listed twice by the vendor",
            EntryKind.UNDECIDED: "undecided",
        }
        told = [f"{len(met):,} {word}" for kind, word in words.items() if (met := self.of(kind))]
        if told:
            yield f"Requests: {', '.join(told)}."

    def to_json(self) -> dict[str, Any]:
        """Return a plain object; requests that agree are counted, the others are listed."""
        apart = [entry for entry in self.entries if entry.kind is not EntryKind.AGREES]
        return {
            "period": self.period.key,
            "starts": iso_utc(self.period.starts),
            "ends": iso_utc(self.period.ends),
            "vendor_total": self.period.used,
            "ours": self.ours,
            "theirs_alone": self.theirs_alone,
            "undecided": self.undecided,
            "difference": self.difference,
            "adds_up": self.adds_up,
            "agreeing_requests": len(self.entries) - len(apart),
            "lines": [entry_json(entry) for entry in apart],
            "notes": list(self.notes),
        }


def entry_json(entry: Entry) -> dict[str, Any]:
    line = entry.attempt
    return {
        "finding": entry.kind.value,
        "at": None if entry.at is None else iso_utc(entry.at),
        "endpoint": entry.endpoint,
        "request_id": entry.request_id,
        "ours": entry.ours,
        "theirs": entry.theirs,
        "run_id": None if line is None else line.run_id,
        "page": None if line is None else line.page,
        "params": None if line is None else line.params,
    }


def month_held(
    books: Books, period: BillingPeriod, *, our_start: datetime, days: Mapping[str, Credits] | None = None
) -> MonthHeld:
    """Return the entries of a period, with notes on oddities of the billing records.

    `our_start`: the beginning of the account's month by the configuration. `days`: the vendor's credits by UTC day, if
    the events do not add up.
    """
    entries = tuple(entry for entry in books.entries if period.holds(entry.at))
    notes: list[str] = []
    if period.starts.date() != our_start.date():
        notes.append(
            f"The vendor's period began on {period.starts:%Y-%m-%d} and the account's on {our_start:%Y-%m-%d}: "
            f"month_starts_on = {period.starts.day} in its [accounts] table is right."
        )
    if not books.by_id:
        notes.append("No billing event has the id of an answer: all were matched by endpoint and time.")
    held = MonthHeld(period, entries)
    if days is not None and not held.adds_up:
        notes += _days_apart(entries, days)
    return MonthHeld(period, entries, tuple(notes))


def _days_apart(entries: Sequence[Entry], days: Mapping[str, Credits]) -> Iterator[str]:
    listed: dict[str, Credits] = {}
    for entry in entries:
        if entry.at is not None and entry.kind is not EntryKind.TWICE:
            day = entry.at.date().isoformat()
            counted = entry.counted if entry.attempt is not None else entry.theirs or 0
            listed[day] = listed.get(day, 0) + counted
    apart = [day for day in sorted({*listed, *days}) if listed.get(day, 0) != days.get(day, 0)]
    if apart:
        told = ", ".join(f"{day} ({days.get(day, 0):,} against {listed.get(day, 0):,})" for day in apart[:5])
        yield f"Days on which the vendor's sum and the lines differ: {told}{', …' if len(apart) > 5 else ''}."
