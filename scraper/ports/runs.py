"""Runs and their walks."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from scraper.core.board_history import BoardHistory, BoardRead
    from scraper.core.budget import Balance
    from scraper.core.events import Ending, RunStatus
    from scraper.core.pagination import FinishedWalk, Guard, PageFacts, WalkState, Why
    from scraper.core.planning import History
    from scraper.core.requests import Progress, Walk
    from scraper.core.units import Credits
    from scraper.ports.leases import Holding, Lease


@dataclass(frozen=True, slots=True)
class RunRecord:
    """A run as the state knows it."""

    run_id: str
    job: str
    status: RunStatus
    budget: Credits
    started_at: datetime
    ended_at: datetime | None
    elapsed_s: float
    """Summed over all its processes."""
    next_at: datetime | None
    message: str
    auto: bool = False
    """``budget = "auto"``: its budget is the sum of tonight's shares."""
    weight: int = 1
    shares: Mapping[str, Credits] = field(default_factory=dict)
    """Account id → what the run may spend there; accounts not listed have only the run's budget."""
    night_at: datetime | None = None
    """The beginning of its night; ``None``: a run of a one-off job."""
    asked: str = ""
    """Its fingerprint (`core.fingerprint`); empty: it was begun before that was noted."""
    exit_code: int | None = None
    """The exit code of its last process; ``None``: none has ended, or the last one died."""
    every_s: int | None = None
    """Seconds from one night of its job to the next; ``None``: a one-off job, or begun before it was noted."""
    superseded_by: str | None = None
    """The run that was begun while this one was open; its status stays as it ended."""
    board_order: str = ""
    """The order of its boards, as `core.changes.tonight.Tonight` writes it; empty: the order of the job."""

    @property
    def is_over(self) -> bool:
        """True if it is not open: it ended for good, or another run took its place."""
        return self.status.closes or self.superseded_by is not None

    @property
    def period(self) -> timedelta | None:
        """The period of its job, as in `every_s`."""
        return None if self.every_s is None else timedelta(seconds=self.every_s)


@dataclass(frozen=True, slots=True)
class RunEnd:
    """The end of one process of a run, in its own words, which are never rewritten."""

    status: RunStatus
    exit_code: int | None
    """``None``: it died."""
    ended_at: datetime
    """For a process that died, the time at which the next one noticed."""
    next_at: datetime | None
    message: str


@dataclass(frozen=True, slots=True)
class RunTotals:
    """The sums of a run over all its processes."""

    balance: Balance
    endings: Mapping[Ending, int]
    walks: Mapping[WalkState, int]
    reused: int
    rows: Mapping[str, int]
    """By table, in the archive."""
    retried: Credits = 0
    """Credits of the balance for attempts that brought nothing and were retried."""


@dataclass(frozen=True, slots=True)
class WalkRecord:
    """The coverage of one walk of a run."""

    walk_id: str
    endpoint: str
    params: str
    """JSON object, as text."""
    state: WalkState
    why: Why | None
    pages: int
    rows: int
    snapshot_at: datetime | None
    reused_from: str | None
    overlaps: int = 0
    """Records that an earlier page of the walk had listed."""
    gaps: int = 0
    """Pages that were requested and never landed."""
    notes: tuple[Guard, ...] = ()
    decided_again_at: datetime | None = None
    """The time at which a rebuild read its stored pages by a corrected vendor file; ``None``: never."""


@dataclass(frozen=True, slots=True)
class PartialWalks:
    """Walks of one endpoint in a run that are neither complete nor empty, for one reason."""

    endpoint: str
    state: WalkState
    why: Why | None
    walks: int


class Runs(Protocol):
    """Every run, the coverage of its walks and its pages.

    A method returns once its change is durable, and raises StateError if the database cannot be used.
    """

    def hold(self, job: str) -> AbstractContextManager[Holding]:
        """Keep the job from running twice; HeldElsewhereError names the process that holds it. A crash frees it."""

    def is_running(self, job: str) -> bool:
        """Return True if a living process holds the job, and so carries out its open run."""

    async def leases(self) -> Sequence[Lease]:
        """Return the lease, live or not, of each job and the archive; none for a state that one machine uses alone."""

    async def create_run(self, run: RunRecord, wanted: Sequence[str] = ()) -> Sequence[str]:
        """Add a new run, and return the walks that the job's last run left over: see `leftovers`.

        A last run that is still open is superseded: its walks are closed and its reservations settled as unknown; its
        status, message and exit code stay, except that the death of its process is noted.
        """

    async def reopen_run(self, run_id: str, ceiling: Credits | None) -> None:
        """Open a run again; settle reservations of a dead process as unknown, and note that it died.

        `ceiling` replaces its budget and shares by a total; ``None`` keeps them.
        """

    async def end_run(
        self,
        run_id: str,
        status: RunStatus,
        ended_at: datetime,
        elapsed_s: float,
        next_at: datetime | None,
        message: str,
    ) -> None:
        """Store the end of one process of the run; `elapsed_s` is added to that of earlier ones."""

    async def ends(self, run_id: str) -> Sequence[RunEnd]:
        """Return how the processes of a run ended, in order."""

    async def run(self, run_id: str) -> RunRecord:
        """Return one run; UsageError if there is none with that id."""

    async def last_run(self, job: str) -> RunRecord | None:
        """Return the job's last run, by order of creation and not by the clock."""

    async def latest_runs(
        self, limit: int, *, job: str | None = None, since: datetime | None = None, prefix: str = ""
    ) -> Sequence[RunRecord]:
        """Return the last runs, newest first: of a job, begun since an instant, with ids of this prefix."""

    async def last_runs(self) -> Sequence[RunRecord]:
        """Return the last run of each job, the newest first."""

    async def partial_walks(self, run_id: str) -> Sequence[PartialWalks]:
        """Return what is missing from a run, by endpoint and reason; a walk that is still open is not missing yet."""

    async def totals(self, run_id: str) -> RunTotals:
        """Return the sums of a run."""

    async def coverage(self, run_id: str) -> Sequence[WalkRecord]:
        """Return every walk of a run."""

    async def cover(self, run_id: str, walks: Sequence[Progress], reused_from: Mapping[str, str]) -> None:
        """Store the progress of walks; `reused_from`: walk id → run whose pages were reused."""

    async def finished_walks(self, run_id: str) -> Mapping[str, FinishedWalk]:
        """Return walk id → standing of the run's complete walks, without those that an older program covered."""

    async def stored_pages(
        self, run_id: str, walk_id: str | None = None, besides: Collection[str] = ()
    ) -> Mapping[str, PageFacts]:
        """Return request key → facts of the run's pages, or of one of its walks, in the order in which they landed.

        `besides`: ids of walks whose pages are left out.
        """

    async def reusable_pages(self, walk: Walk, since: datetime) -> tuple[str, Mapping[str, PageFacts]] | None:
        """Return run and pages of a complete walk, begun after `since` and at least as deep, if there is one."""

    async def known_ids(self, walk_ids: Sequence[str], before: datetime) -> Mapping[str, frozenset[str]]:
        """Return walk id → ids that its last whole complete walk before then listed, and those after it that ended at
        known ids.
        """

    async def leftovers(self, job: str, wanted: Sequence[str] = ()) -> Sequence[str]:
        """Return the ids of the walks that the job's last run left over, stalest first.

        Of a run that died, no more is known than what it had begun: the walks of `wanted` that it had not are left over
        too.
        """

    async def board_histories(self, walk_ids: Sequence[str]) -> Mapping[str, BoardHistory]:
        """Return walk id → history of each of these boards that was ever read."""

    async def longest_still(self, endpoint: str) -> timedelta:
        """Return the longest standstill of any board of an endpoint that has ended."""

    async def note_reads(self, reads: Sequence[BoardRead]) -> None:
        """Add reads to the histories of their boards; one that was noted before changes nothing."""

    async def note_order(self, run_id: str, order: str) -> None:
        """Store the order of a run's boards, unless it has one."""

    def history(self, as_of: datetime | None = None) -> History:
        """Return a view of earlier runs, as of now or of an earlier instant. Its methods block."""
