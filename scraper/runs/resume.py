"""Chooses the run that a command carries out, and opens it.

That is the job's open run, its last run under a new ceiling, a new one, or none if nothing is left to do. `course_of`
chooses and changes nothing, `open_run` follows the choice.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum, auto
from typing import TypeAlias

from scraper.core.auto_budget import Allowance
from scraper.core.changes.tonight import Tonight
from scraper.core.errors import UsageError
from scraper.core.events import RunStatus
from scraper.core.fingerprint import changes, fingerprint
from scraper.core.jobs import Job
from scraper.core.nights import LastRun, Night, night_of
from scraper.core.pagination import FinishedWalk
from scraper.core.shared_walks import restorable
from scraper.core.units import Credits
from scraper.ports import Clock, RunRecord, Runs, Stores


class Opening(Enum):
    """The user's choice of run."""

    GO_ON = auto()
    """The open run of this night, or of a one-off job, else a new one; nothing if that is done."""
    RESUME = auto()
    """The job's last run, no matter how it ended."""
    NEW = auto()
    """A new run, even if another is open."""


@dataclass(frozen=True, slots=True)
class GoOn:
    """The run is resumed."""

    run: RunRecord
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Begin:
    """A new run is begun."""

    last: RunRecord | None
    """The job's last run; if it is open, it is superseded."""
    night_at: datetime | None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Done:
    """Nothing is left to do: the run of this night, or of the one-off job, is over."""

    run: RunRecord
    sentence: str
    asks: bool = False
    """True if the user has to decide on buying it again."""


Course: TypeAlias = GoOn | Begin | Done


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
    notes: tuple[str, ...] = ()
    """Notes for the user about the choice of this run."""
    repeated: bool = False
    """True if it belongs to a night."""
    tonight: Tonight | None = None
    """The boards that are bought, and those left to a later night, if the job states an `order`."""
    finished: Mapping[str, FinishedWalk] = field(default_factory=dict)
    """Walks that earlier processes of the run completed, and that are restored without their pages."""

    @property
    def share_words(self) -> str:
        """Return the allowance in words; empty without auto."""
        return "" if self.allowance is None else self.allowance.words()


async def course_of(job: Job, opening: Opening, ceiling: Credits | None, runs: Runs, now: datetime) -> Course:
    """Choose the course of the command. Changes nothing.

    Raises UsageError if there is nothing to resume, or if the job has changed since the run to resume.
    """
    last = await runs.last_run(job.name)
    changed = changes(last.asked, fingerprint(job)) if last is not None and last.asked else []
    night = None if job.every is None else night_of(job.every, now, as_night(last))
    begin = Begin(last, None if night is None else night.begins_at)
    if last is None:
        if opening is Opening.RESUME:
            raise UsageError(f"job {job.name} has no run to resume in this data directory: omit --resume to start one.")
        return begin
    match opening:
        case Opening.RESUME if changed:
            met = f"run {last.run_id} requested something else ({'; '.join(changed)}) and cannot be resumed"
            raise UsageError(f"{met}. Nothing was spent. Omit --resume to start a new run of the job as it is now.")
        case Opening.RESUME:
            return GoOn(last, _notes_on(last, job, ceiling))
        case Opening.NEW:
            return Begin(last, begin.night_at, _superseding(last, "--new begins another"))
        case Opening.GO_ON if night is not None:
            return _in_night(job, night, last, changed, ceiling)
        case Opening.GO_ON:
            return await _one_off(job, last, changed, ceiling, runs)


def as_night(last: RunRecord | None) -> LastRun | None:
    """Return the run's night; one of a job that was not repeated then began its own."""
    return None if last is None else LastRun(last.night_at or last.started_at, last.started_at)


def _in_night(job: Job, night: Night, last: RunRecord, changed: Sequence[str], ceiling: Credits | None) -> Course:
    if not night.has_run:
        return Begin(last, night.begins_at, _superseding(last, "it belongs to an earlier night"))
    if last.is_over:
        again = f"the next night begins at {night.ends_at:%Y-%m-%d %H:%M} UTC; --new starts a run now"
        if changed:
            again = f"the job has changed since then ({'; '.join(changed)}); {again}"
        return Done(last, f"this night's run {last.run_id} {_ended(last)}, and nothing was spent now; {again}")
    if changed:
        return Begin(last, night.begins_at, _superseding(last, _other(changed)))
    return GoOn(last, _notes_on(last, job, ceiling))


async def _one_off(job: Job, last: RunRecord, changed: Sequence[str], ceiling: Credits | None, runs: Runs) -> Course:
    if changed:
        said = (f"run {last.run_id} {_ended(last)}; {_other(changed)}",) if last.is_over else ()
        return Begin(last, None, said or _superseding(last, _other(changed)))
    if not last.is_over:
        return GoOn(last, _notes_on(last, job, ceiling))
    match last.status:
        case RunStatus.COMPLETE:
            met = f"job {job.name} {_ended(last)}, and nothing was spent now"
            return Done(last, f"{met}: --new buys it again (a repeated job needs the key every)", asks=True)
        case RunStatus.FAILED if ceiling is not None or await _has_credits(job, last, runs):
            again = f"run {last.run_id} {_ended(last)}: retrying what is missing"
            return GoOn(last, (again, *_notes_on(last, job, ceiling)))
        case _:
            return Begin(last, None)


async def _has_credits(job: Job, last: RunRecord, runs: Runs) -> bool:
    """Return whether the run's budget covers another request; if not, a new run follows, as after *budget*."""
    totals = await runs.totals(last.run_id)
    return last.budget - totals.balance.committed >= min(crawl.endpoint.cost for crawl in job.crawls)


def _notes_on(last: RunRecord, job: Job, ceiling: Credits | None) -> tuple[str, ...]:
    notes = []
    if last.status in {RunStatus.OPEN, RunStatus.DIED}:
        notes.append(f"resuming run {last.run_id}: {_ended(last)}")
    if ceiling is None and not (last.auto or job.auto) and job.budget != last.budget:
        other = f"the job now states {job.budget}, which --resume --budget {job.budget} applies"
        notes.append(f"run {last.run_id} keeps its budget of {last.budget} credits; {other}")
    return tuple(notes)


def _superseding(last: RunRecord, why: str) -> tuple[str, ...]:
    """Return the reason why an open run is not continued; empty for a finished run."""
    if last.is_over:
        return ()
    return (f"run {last.run_id} is not continued ({_ended(last)}): {why}; its left-over walks come first",)


def _other(changed: Sequence[str]) -> str:
    return f"the job has changed since then ({'; '.join(changed)}), so a new run begins"


def _ended(last: RunRecord) -> str:
    match last.status:
        case RunStatus.OPEN | RunStatus.DIED:
            return "its last process died"
        case RunStatus.COMPLETE:
            return "is complete" if last.ended_at is None else f"completed at {last.ended_at:%Y-%m-%d %H:%M} UTC"
        case status:
            return f"ended as {status.value}"


async def refuse_spent_ceiling(
    job: Job, opening: Opening, ceiling: Credits | None, stores: Stores, now: datetime
) -> None:
    """Raise UsageError if a run would be resumed under a ceiling below what it has spent: nothing could be bought."""
    if ceiling is None:
        return
    course = await course_of(job, opening, ceiling, stores.runs, now)
    if isinstance(course, GoOn):
        spent = (await stores.runs.totals(course.run.run_id)).balance.committed
        if ceiling < spent:
            met = f"run {course.run.run_id} has already spent {spent} credits, more than the budget of {ceiling}"
            raise UsageError(f"{met}. Nothing was sent or changed; state at least {spent}, or begin with --new.")


async def open_run(
    job: Job, opening: Opening, ceiling: Credits | None, stores: Stores, clock: Clock, suffix: str
) -> OpenedRun | Done:
    """Open the run that the command selects. `ceiling` replaces its budget; `suffix` makes the id of a new one unique.

    With auto, tonight's share is granted to a new run, and to a resumed one on top of what it has spent: a run that was
    interrupted before midnight does not use up the next night.

    Raises the errors of `course_of`.
    """
    match await course_of(job, opening, ceiling, stores.runs, clock.now()):
        case Done() as done:
            return done
        case GoOn(run, notes):
            await stores.runs.reopen_run(run.run_id, ceiling)
            granted = await stores.ledger.grant(run.run_id, job) if run.auto and job.auto else None
            return await _opened(run.run_id, stores.runs, (), granted, notes, resumed=job)
        case Begin(last, night_at, notes):
            return await _begin(job, last, night_at, ceiling, stores, clock, suffix, notes)


async def _begin(
    job: Job,
    last: RunRecord | None,
    night_at: datetime | None,
    ceiling: Credits | None,
    stores: Stores,
    clock: Clock,
    suffix: str,
    notes: tuple[str, ...],
) -> OpenedRun:
    now = clock.now()
    run_id = f"{job.name}-{now:%Y%m%dT%H%M%SZ}-{suffix}"
    budget = job.budget if ceiling is None else ceiling
    run = RunRecord(
        run_id, job.name, RunStatus.OPEN, budget, now, None, 0.0, None, "", job.auto, job.weight,
        night_at=night_at, asked=fingerprint(job), every_s=None if job.every is None else job.every.period_s,
    )  # fmt: skip
    leftovers = await stores.runs.create_run(run, wanted_after(last, job))
    granted = await stores.ledger.grant(run_id, job) if job.auto else None
    return await _opened(run_id, stores.runs, leftovers, granted, notes)


def wanted_after(last: RunRecord | None, job: Job) -> Sequence[str]:
    """Return the ids of the job's own walks if its last run died: walks that it had not begun are left over too."""
    if last is None or last.status not in {RunStatus.OPEN, RunStatus.DIED}:
        return ()
    return [crawl.walk(params).walk_id for crawl in job.crawls if crawl.each is None for params in crawl.sweep()]


async def _opened(
    run_id: str,
    runs: Runs,
    leftovers: Sequence[str],
    allowance: Allowance | None,
    notes: tuple[str, ...],
    resumed: Job | None = None,
) -> OpenedRun:
    run = await runs.run(run_id)
    finished = {} if resumed is None else restorable(await runs.finished_walks(run_id), resumed.crawls)
    repeated = run.night_at is not None
    again = resumed is not None
    return OpenedRun(
        run_id, run.budget, run.started_at, again, leftovers, allowance, notes, repeated, finished=finished
    )
