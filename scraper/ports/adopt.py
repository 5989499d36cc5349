"""An archive's knowledge of its own ledger, from which the ledger can be made again."""

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
    """It knows no run and no attempt."""
    adopting: Standing | None
    """An adoption was begun and not ended: why."""
    database: str
    """Its short name, for messages."""
    place: str
    """The data directory, for messages."""
    shared: bool = False
    """Several machines use the state; they need a shared archive."""


@dataclass(frozen=True, slots=True)
class SpendMark:
    """How much a run may have committed: written to the archive before it is.

    It bounds what the run can have spent unseen if the state is lost. Between two marks lie some requests.
    """

    run_id: str
    job: str
    budget: Credits
    started_at: datetime
    marked_at: datetime
    last_attempt: int
    """Number of the ledger's last attempt then."""
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
    """A run as its coverage in the archive has it, or as far as its pages tell."""

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
    """``None``: its files were written before that was noted, as the next two."""
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
    """JSON object of the walk's own, without those of pagination."""
    snapshot_at: datetime
    observed_at: datetime
    http_status: int
    outcome: OutcomeKind
    facts: PageFacts | None
    size_bytes: int
    table: str | None
    """The table that has rows of it; ``None``: none should."""
    charge: Charge
    """By today's vendor file: used only if no attempt is known that bought it."""
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
    """Noted parts that are in the archive no more."""
    rows: Mapping[str, Mapping[str, int]]
    """Run → table → rows in the archive."""
    rebuild: Mapping[str, Sequence[str]]
    """Table → pages parts from which a rebuild has to make its parts."""
    day: str
    """UTC day on which what nobody can date is booked: today, whose limits are the ones that still matter."""
    now: datetime


@dataclass(frozen=True, slots=True)
class AdoptionEnded:
    """The result of that."""

    identity: Identity
    unknown: Mapping[str, Credits]
    """Run → credits that no file shows, counted as unknown."""
    marks: Sequence[SpendMark]
    """The marks as they are now: what they allowed stands in the ledger."""
