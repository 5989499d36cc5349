"""What earlier runs have shown: the port that a plan asks, and what it answers with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from scraper.core.budget import Balance
from scraper.core.pagination import Record, WalkState, Why
from scraper.core.requests import Walk
from scraper.core.units import Credits

HISTORY = timedelta(days=14)
"""How far back averages go: boards of a fortnight ago tell little of tonight's."""
WALKS_KEPT = 5
"""The last walks with the same parameters whose spread counts."""


@dataclass(frozen=True, slots=True)
class WalkSeen:
    """A walk of an earlier run, as its coverage stands."""

    state: WalkState
    why: Why | None
    pages: int
    rows: int
    snapshot_at: datetime

    @property
    def ended(self) -> bool:
        """It came to the vendor's end of it, not to a limit of ours."""
        return self.why is Why.END

    def serves(self, walk: Walk, since: datetime) -> bool:
        """Whether it stands for this walk: whole, at least as deep, and young enough."""
        if self.state not in {WalkState.COMPLETE, WalkState.EMPTY} or self.snapshot_at < since:
            return False
        return self.ended or (walk.max_pages is not None and self.pages >= walk.max_pages)


@dataclass(frozen=True, slots=True)
class Yield:
    """What an endpoint has given in one country, over the last fortnight."""

    endpoint: str
    country: str | None
    walks: int
    """Whole ones."""
    empty: int
    pages: int
    most_pages: int
    """Of one walk."""
    rows: int
    credits: Credits

    def and_also(self, other: Yield) -> Yield:
        """Both countries together."""
        return Yield(
            self.endpoint,
            None,
            self.walks + other.walks,
            self.empty + other.empty,
            self.pages + other.pages,
            max(self.most_pages, other.most_pages),
            self.rows + other.rows,
            self.credits + other.credits,
        )


class History(Protocol):
    """What earlier runs have shown. Reads only; every method may block."""

    def walks(self, walk_ids: Sequence[str]) -> Mapping[str, Sequence[WalkSeen]]:
        """The last walks with these parameters that bought a page, newest first."""

    def records(self, walk_ids: Sequence[str]) -> Mapping[str, Sequence[Record]]:
        """What the last of those walks listed."""

    def yields(self) -> Sequence[Yield]:
        """Every endpoint and country."""

    def latency_s(self, vendor: str) -> float | None:
        """Seconds that an answer takes, by the last thousand."""

    def bytes_a_row(self) -> Mapping[str, float]:
        """Table → bytes on disk that a row of it takes; of `pages`, a page."""


class NothingSeen:
    """The history of a job that never ran."""

    def walks(self, walk_ids: Sequence[str]) -> Mapping[str, Sequence[WalkSeen]]:  # noqa: ARG002
        return {}

    def records(self, walk_ids: Sequence[str]) -> Mapping[str, Sequence[Record]]:  # noqa: ARG002
        return {}

    def yields(self) -> Sequence[Yield]:
        return ()

    def latency_s(self, vendor: str) -> float | None:  # noqa: ARG002
        return None

    def bytes_a_row(self) -> Mapping[str, float]:
        return {}


@dataclass(frozen=True, slots=True)
class AccountStanding:
    """What stands against an account now."""

    day: Balance = field(default_factory=Balance)
    month: Balance = field(default_factory=Balance)
    closed_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Known:
    """What a plan is made with, besides the job."""

    now: datetime
    """Aware, UTC."""
    history: History = field(default_factory=NothingSeen)
    standings: Mapping[str, AccountStanding] = field(default_factory=dict)
    """By vendor; one that is not there has not been used."""
    leftovers: Sequence[str] = ()
    """Walks that the job's last run left over."""
    shares: Mapping[str, Credits] = field(default_factory=dict)
    """Vendor → what of the budget is for that one alone."""
    open_run: str = ""
    """In words: the run that `scraper run` would go on with."""
