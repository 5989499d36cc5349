"""Runs and their walks, as the use cases see them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from scraper.core.budget import Balance
from scraper.core.events import Ending, RunStatus
from scraper.core.pagination import Guard, PageFacts, WalkState, Why
from scraper.core.planning import History
from scraper.core.requests import Progress, Walk
from scraper.core.units import Credits


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
    """Over all its processes."""
    next_at: datetime | None
    message: str
    auto: bool = False
    """Its budget is made of tonight's shares."""
    weight: int = 1
    shares: Mapping[str, Credits] = field(default_factory=dict)
    """Account → what the run may spend there; an account without one has the run's budget only."""


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
    """Of the balance: paid for, or presumed to be, for nothing, and bought again."""


@dataclass(frozen=True, slots=True)
class WalkRecord:
    """How far a walk of a run has come."""

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
    """Records that another page of the walk had listed before."""
    gaps: int = 0
    """Pages that were asked for and never landed."""
    notes: tuple[Guard, ...] = ()


class Runs(Protocol):
    """Every run, how far its walks came and which pages it holds. A method returns once its change is durable.

    Every method raises StateError where the database cannot be used.
    """

    def hold(self, job: str) -> AbstractContextManager[None]:
        """Keep the same job from running twice; UsageError names the process that holds it. Freed by a crash."""

    async def create_run(self, run: RunRecord) -> None:
        """Add a new run."""

    async def reopen_run(self, run_id: str, ceiling: Credits | None) -> None:
        """Open a run again; what a dead process had reserved becomes unknown.

        `ceiling`: a total in place of its budget and shares; ``None``: they stay.
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
        """Note the end of one process of the run; `elapsed_s` is added to the time of those before."""

    async def run(self, run_id: str) -> RunRecord:
        """Return one run; UsageError where there is none of that id."""

    async def last_run(self, job: str) -> RunRecord | None:
        """Return the run of this job that began last."""

    async def latest_runs(self, limit: int) -> Sequence[RunRecord]:
        """Return the last runs, newest first."""

    async def totals(self, run_id: str) -> RunTotals:
        """Return the sums of a run."""

    async def coverage(self, run_id: str) -> Sequence[WalkRecord]:
        """Return every walk of a run."""

    async def cover(self, run_id: str, walks: Sequence[Progress], reused_from: Mapping[str, str]) -> None:
        """Write down how far walks have come; `reused_from`: walk id → run whose pages were taken."""

    async def stored_pages(self, run_id: str) -> Mapping[str, PageFacts]:
        """Return request key → facts of every page of the run that has landed, as they landed."""

    async def reusable_pages(self, walk: Walk, since: datetime) -> tuple[str, Mapping[str, PageFacts]] | None:
        """Return a whole complete walk that began after `since`, at least as deep: its run and its pages."""

    async def known_ids(self, walk_ids: Sequence[str], before: datetime) -> Mapping[str, frozenset[str]]:
        """Return walk id → ids that its last whole complete walk before then listed, and those after it that ended at
        known ids.
        """

    async def leftovers(self, job: str) -> Sequence[str]:
        """Return the ids of the walks that the job's last run left incomplete for want of credits, stalest first."""

    def history(self) -> History:
        """Return what earlier runs have shown, as of now. Its methods block."""
