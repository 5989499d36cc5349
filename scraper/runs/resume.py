"""Which run a command goes on with: the open one, the last one under a new ceiling, or a new one."""

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
    """What the user asked for."""

    GO_ON = auto()
    """The job's open run if there is one that is young enough, else a new one."""
    RESUME = auto()
    """The job's last run, however it ended."""
    NEW = auto()
    """A new run, whatever is open."""


@dataclass(frozen=True, slots=True)
class OpenedRun:
    """A run that this process carries out now."""

    run_id: str
    budget: Credits
    started_at: datetime
    resumed: bool
    leftovers: Sequence[str]
    """Ids of walks that the last run left over, stalest first."""
    allowance: Allowance | None = None
    """With auto: how the budget came about."""

    @property
    def share_words(self) -> str:
        """The same for people; empty without auto."""
        return "" if self.allowance is None else self.allowance.words()


async def open_run(
    job: Job, opening: Opening, ceiling: Credits | None, stores: Stores, clock: Clock, suffix: str
) -> OpenedRun:
    """Opens a run; `ceiling` takes the place of its budget, `suffix` makes the id of a new one its own.

    With auto, tonight's share is granted to a new run, and to one that goes on besides what it has spent: one that was
    interrupted before midnight does not leave the next night empty.

    Raises UsageError where there is nothing to resume.
    """
    runs = stores.runs
    last = await runs.last_run(job.name)
    now = clock.now()
    goes_on = opening is Opening.RESUME or (opening is Opening.GO_ON and last and is_gone_on_with(last, job, now))
    if last is not None and goes_on:
        await runs.reopen_run(last.run_id, ceiling)
        granted = await stores.ledger.grant(last.run_id, job) if last.auto and job.auto else None
        return await _opened(last.run_id, runs, granted, resumed=True, leftovers=())
    if opening is Opening.RESUME:
        raise UsageError(
            f"job {job.name} has no run to resume in this data directory: leave --resume out to begin one."
        )
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


def is_gone_on_with(last: RunRecord, job: Job, now: datetime) -> bool:
    """Whether a run is open, and young enough, so that `scraper run` takes it up again."""
    return not last.status.closes and now - last.started_at < job.resume_within


async def _close(last: RunRecord, runs: Runs, now: datetime) -> None:
    """An open run that is not gone on with: what it paid for is kept, what it had reserved becomes unknown."""
    await runs.reopen_run(last.run_id, None)
    message = "closed unfinished: a new run of the job has begun"
    await runs.end_run(last.run_id, RunStatus.FAILED, now, 0.0, None, message)
