"""The history of earlier runs: the port that a plan reads, and its values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from scraper.core.budget import Balance
from scraper.core.changes.reads import FeedVisits, WholeRead
from scraper.core.changes.tonight import Tonight
from scraper.core.pagination import Record, WalkState, Why
from scraper.core.requests import Walk
from scraper.core.units import Credits

HISTORY = timedelta(days=14)
"""Window of the averages: older boards say little about tonight."""
WALKS_KEPT = 5
"""Last walks with the same parameters whose range of pages counts."""


@dataclass(frozen=True, slots=True)
class WalkSeen:
    """A walk of an earlier run, by its coverage."""

    state: WalkState
    why: Why | None
    pages: int
    rows: int
    snapshot_at: datetime

    @property
    def ended(self) -> bool:
        """True if the walk reached the vendor's end, not a limit of the job."""
        return self.why is Why.END

    def serves(self, walk: Walk, since: datetime) -> bool:
        """Return whether it can be reused for this walk: complete, at least as deep, and young enough."""
        if self.state not in {WalkState.COMPLETE, WalkState.EMPTY} or self.snapshot_at < since:
            return False
        return self.ended or (walk.max_pages is not None and self.pages >= walk.max_pages)


@dataclass(frozen=True, slots=True)
class Yield:
    """The rows and credits of an endpoint in one country, over the last fortnight."""

    endpoint: str
    country: str | None
    walks: int
    """Complete walks."""
    empty: int
    pages: int
    most_pages: int
    """Most pages of one walk."""
    rows: int
    credits: Credits

    def and_also(self, other: Yield) -> Yield:
        """Return the sums of both countries."""
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


@dataclass(frozen=True, slots=True)
class PastRun:
    """An earlier run of the job."""

    budget: Credits
    credits: Credits
    """Committed credits."""
    rows: Mapping[str, int]
    """Table → its rows."""


class History(Protocol):
    """Read access to earlier runs; every method may block. The defaults are those of a job that never ran."""

    def walks(self, walk_ids: Sequence[str]) -> Mapping[str, Sequence[WalkSeen]]:  # noqa: ARG002
        """Return the last walks with these parameters that bought a page, newest first."""
        return {}

    def records(self, walk_ids: Sequence[str]) -> Mapping[str, Sequence[Record]]:  # noqa: ARG002
        """Return the records of the last of those walks."""
        return {}

    def yields(self) -> Sequence[Yield]:
        """Return the yield of every endpoint and country."""
        return ()

    def reads(self, walks: Sequence[Walk]) -> Mapping[str, Sequence[WholeRead]]:  # noqa: ARG002
        """Return the last complete reads of these boards, at least as deep as requested, oldest first.

        A walk that ended at the vendor's documented clamp is as deep as any.
        """
        return {}

    def tried(self, walks: Sequence[Walk]) -> Mapping[str, datetime]:  # noqa: ARG002
        """Return the time of the last request of each of these boards, whatever its outcome."""
        return {}

    def feeds(self, endpoints: Sequence[str]) -> Sequence[FeedVisits]:  # noqa: ARG002
        """Return the last visits to each walk of these endpoints."""
        return ()

    def past_runs(self, job: str, asked: str) -> Sequence[PastRun]:  # noqa: ARG002
        """Return the job's last runs that requested the same and bought all that they could, oldest first."""
        return ()

    def latency_s(self, vendor: str) -> float | None:  # noqa: ARG002
        """Return the mean latency of the last thousand responses in seconds."""
        return None

    def bytes_a_row(self) -> Mapping[str, float]:
        """Return table → bytes on disk of a row; of `pages`, of a page."""
        return {}


class NothingSeen(History):
    """The history of a job that never ran."""


@dataclass(frozen=True, slots=True)
class AccountStanding:
    """The balances of an account."""

    day: Balance = field(default_factory=Balance)
    month: Balance = field(default_factory=Balance)
    closed_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Known:
    """The inputs of a plan in addition to the job."""

    now: datetime
    """Aware, UTC."""
    history: History = field(default_factory=NothingSeen)
    standings: Mapping[str, AccountStanding] = field(default_factory=dict)
    """Vendor → its account's balances; an unused account is absent."""
    leftovers: Sequence[str] = ()
    """Ids of the walks that the job's last run left over."""
    shares: Mapping[str, Credits] = field(default_factory=dict)
    """Vendor → its share of the budget."""
    tonight: Tonight | None = None
    """The boards that are bought, if the job states an `order`."""
    course: str = ""
    """The action of `scraper run`, in words, if it is not what is planned: it may resume an open run."""
