"""Opens the run that a command carries out: the open run, the last run under a new ceiling, or a new run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum, auto

from scraper.core.auto_budget import Allowance
from scraper.core.errors import UsageError
from scraper.core.events import RunStatus
from scraper.core.jobs import Job
from scraper.core.units import Credits
from scraper.ports import Clock, RunRecord, Runs, Stores


class Opening(Enum):
    """The user's choice of run."""

    GO_ON = auto()
    """The job's open run if it is young enough, else a new one."""
    RESUME = auto()
    """The job's last run, no matter how it ended."""
    NEW = auto()
    """A new run, even if another is open."""


@dataclass(frozen=True, slots=True)
class OpenedRun:
    """The run that this process carries out."""

    run_id: str
    budget: Credits
    started_at: datetime
    resumed: bool
    leftovers: Sequence[str]
    """Ids of the walks that the last run left over, stalest first."""
    allowance: Allowance | None = None
    """With auto: the source of the budget."""

    @property
    def share_words(self) -> str:
        """The allowance in words; empty without auto."""
        return "" if self.allowance is None else self.allowance.words()


async def open_run(
    job: Job, opening: Opening, ceiling: Credits | None, stores: Stores, clock: Clock, suffix: str
) -> OpenedRun:
    """Open a run. `ceiling` replaces its budget; `suffix` makes the id of a new run unique.

    With auto, tonight's share is granted to a new run, and to a resumed one on top of what it has spent: a run that was
    interrupted before midnight does not use up the next night.

    Raises UsageError if there is nothing to resume.
    """
    runs = stores.runs
    last = await runs.last_run(job.name)
    now = clock.now()
    goes_on = opening is Opening.RESUME or (opening is Opening.GO_ON and last and should_resume(last, job, now))
    if last is not None and goes_on:
        await runs.reopen_run(last.run_id, ceiling)
        granted = await stores.ledger.grant(last.run_id, job) if last.auto and job.auto else None
        return await _opened(last.run_id, runs, granted, resumed=True, leftovers=())
    if opening is Opening.RESUME:
        raise UsageError(f"job {job.name} has no run to resume in this data directory: omit --resume to start one.")
    leftovers: Sequence[str] = ()
    if last is not None:
        if not last.status.closes:
            await _close(last, runs, now)
        leftovers = await runs.leftovers(job.name)
    run_id = f"{job.name}-{now:%Y%m%dT%H%M%SZ}-{suffix}"
    budget = job.budget if ceiling is None else ceiling
    run = RunRecord(run_id, job.name, RunStatus.OPEN, budget, now, None, 0.0, None, "", job.auto, job.weight)
    await runs.create_run(run)
    granted = await stores.ledger.grant(run_id, job) if job.auto else None
    return await _opened(run_id, runs, granted, resumed=False, leftovers=leftovers)


async def _opened(
    run_id: str, runs: Runs, allowance: Allowance | None, *, resumed: bool, leftovers: Sequence[str]
) -> OpenedRun:
    run = await runs.run(run_id)
    return OpenedRun(run_id, run.budget, run.started_at, resumed, leftovers, allowance)


def should_resume(last: RunRecord, job: Job, now: datetime) -> bool:
    """Return whether a run is open and young enough to be resumed."""
    return not last.status.closes and now - last.started_at < job.resume_within


async def _close(last: RunRecord, runs: Runs, now: datetime) -> None:
    """Close an open run that is too old to resume: its pages are kept, its reservations become unknown."""
    await runs.reopen_run(last.run_id, None)
    message = "closed unfinished: a new run of the job has started"
    await runs.end_run(last.run_id, RunStatus.FAILED, now, 0.0, None, message)
