"""An archive's record of its own ledger, from which the ledger can be recreated."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from scraper.core.adopt import Identity, Standing
    from scraper.core.catalogue import Charge, OutcomeKind
    from scraper.core.events import RunStatus
    from scraper.core.pagination import PageFacts
    from scraper.core.units import Credits


@dataclass(frozen=True, slots=True)
class StateIdentity:
    """A state as `core.adopt.standing` compares it."""

    kind: str
    """``real`` or ``sandbox``."""
    identity: Identity | None
    new: bool
    """True if it has no run and no attempt."""
    adopting: Standing | None
    """The reason for an adoption that was begun and not ended."""
    database: str
    """Its short name, for messages."""
    place: str
    """The data directory, for messages."""
    shared: bool = False
    """Several machines use the state; they need a shared archive."""


@dataclass(frozen=True, slots=True)
class SpendMark:
    """The most that a run may have committed, written to the archive before the run commits it.

    It bounds unseen spending if the state is lost. Several requests fit between two marks.
    """

    run_id: str
    job: str
    budget: Credits
    started_at: datetime
    marked_at: datetime
    last_attempt: int
    """Number of the ledger's last attempt when the mark was written."""
    most: Mapping[str, Credits]
    """Account → the most that the run may have committed there until the next mark."""


@dataclass(frozen=True, slots=True)
class RunSpending:
    """The ledger's figures of a run."""

    job: str
    budget: Credits
    started_at: datetime
    committed: Mapping[str, Credits]
    """By account."""
    last_attempt: int
    """Number of the last attempt in the whole ledger."""


@dataclass(frozen=True, slots=True)
class ArchivedRun:
    """A run as its coverage in the archive describes it, or as far as its pages do."""

    run_id: str
    job: str
    status: RunStatus
    budget: Credits
    started_at: datetime
    ended_at: datetime | None
    exit_code: int | None = None
    message: str = ""
    superseded_by: str | None = None
    night_at: datetime | None = None
    elapsed_s: float | None = None
    """``None``: its files are older than this column; the same for the next two."""
    every_s: int | None = None
    asked: str = ""


@dataclass(frozen=True, slots=True)
class ArchivedAnswer:
    """A page of the archive as a ledger needs it."""

    run_id: str
    walk_id: str
    request_key: str
    endpoint: str
    country: str | None
    period_days: int | None
    page: int
    parameters: str
    walk_parameters: str
    """JSON object of the walk's own parameters, without those of pagination."""
    snapshot_at: datetime
    observed_at: datetime
    http_status: int
    outcome: OutcomeKind
    facts: PageFacts | None
    size_bytes: int
    table: str | None
    """The table that has rows of it; ``None``: none should."""
    charge: Charge
    """The charge by today's vendor file, used only if no attempt is known that bought the page."""
    credits: Credits


@dataclass(frozen=True, slots=True)
class AdoptedCount:
    """Counts of one step of an adoption."""

    requests: int = 0
    credits: Credits = 0
    answers: int = 0
    doubled: int = 0
    """Requests that have a second page in the same run."""
    opened: frozenset[str] = frozenset()
    """Runs with pages whose attempts are not known: they were under way when the ledger was lost."""

    def __add__(self, other: AdoptedCount) -> AdoptedCount:
        return AdoptedCount(
            self.requests + other.requests,
            self.credits + other.credits,
            self.answers + other.answers,
            self.doubled + other.doubled,
            self.opened | other.opened,
        )


@dataclass(frozen=True, slots=True)
class AdoptionEnd:
    """The input of an adoption's last step."""

    base: Identity | None
    """The archive's identity, which the state takes over."""
    marks: Sequence[SpendMark]
    gone: Sequence[str]
    """Noted parts that are no longer in the archive."""
    rows: Mapping[str, Mapping[str, int]]
    """Run → table → rows in the archive."""
    rebuild: Mapping[str, Sequence[str]]
    """Table → pages parts from which a rebuild has to be made."""
    day: str
    """UTC day on which undatable credits are booked: today, whose limits still matter."""
    now: datetime


@dataclass(frozen=True, slots=True)
class AdoptionEnded:
    """The result of an adoption."""

    identity: Identity
    unknown: Mapping[str, Credits]
    """Run → credits that no file shows, counted as unknown."""
    marks: Sequence[SpendMark]
    """The current marks; what they allowed is in the ledger."""
