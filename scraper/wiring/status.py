"""The state of every job: its newest night compared with earlier ones, its missed nights, and what comes next."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from scraper.core.errors import ConfigurationError, UsageError
from scraper.core.events import RunStatus
from scraper.core.jobs import PROBE_ENDING
from scraper.core.nearest import nearest
from scraper.core.status import (
    COMPARED_NIGHTS,
    MISSED,
    NightStart,
    badness,
    is_stopped,
    missed_nights,
    next_night,
    usual,
    worst_code,
)
from scraper.core.units import Credits
from scraper.ports import AccountBalance, DriftRecord, PartialWalks, RunRecord, Runs, RunTotals, Stores
from scraper.wiring.inspect import RunDetails, alive_or_dead, unsettled
from scraper.wiring.project import QUICKSTART
from scraper.wiring.settings import Settings
from scraper.wiring.state import known_stores

LAST: Final = "last"
"""The name of the newest run, instead of a run id."""

MOST_RUNS: Final = 10_000
_RUNS_A_NIGHT: Final = 3
_MOST_CANDIDATES: Final = 5


@dataclass(frozen=True, slots=True)
class StatusQuery:
    """The selection of runs that `scraper status` shows."""

    run: str | None = None
    """`last`, a run id or the beginning of one; ``None``: the overview."""
    job: str | None = None
    since: datetime | None = None
    limit: int = 10


@dataclass(frozen=True, slots=True)
class JobStatus:
    """A job's newest night."""

    run: RunRecord
    """Its last run, as it is now."""
    totals: RunTotals
    partial: Sequence[PartialWalks]
    rows: int
    """Rows of all runs of the night."""
    credits: Credits
    """Committed by all runs of the night."""
    runs: int
    usual_rows: int | None
    """Median of the nights before that requested the same; ``None`` without any."""
    usual_credits: int | None
    compared: int
    """Nights in the medians."""
    missed: Sequence[datetime]
    """Begins of the nights without a run: since the last run, or since the query's instant."""
    next_at: datetime | None
    """Time at which it continues: the open run, else the next night; ``None``: now, or not by itself."""
    job_words: str
    """The job as `scraper run` takes it."""

    @property
    def goes_on(self) -> bool:
        """True if `scraper run` has something to do now, or from `next_at`."""
        is_open = not self.run.is_over and self.run.status is not RunStatus.OPEN
        return is_open or self.is_behind

    @property
    def is_behind(self) -> bool:
        """True if a night after the last run's was missed, and no run is on its way."""
        is_missed = bool(self.missed) and self.run.night_at is not None and self.missed[-1] > self.run.night_at
        return is_missed and self.run.status is not RunStatus.OPEN

    @property
    def exit_codes(self) -> list[int]:
        """Return the codes that this night counts with in `--check`; none while it is running."""
        return [*([MISSED] if self.missed else []), *run_codes(self.run)]


@dataclass(frozen=True, slots=True)
class Overview:
    """The content of `scraper status`."""

    jobs: Sequence[JobStatus]
    """None if one run was requested."""
    stopped: Sequence[RunRecord]
    """Last runs of repeated jobs that have had none for long."""
    runs: Sequence[tuple[RunRecord, RunTotals]]
    accounts: Sequence[AccountBalance]
    drift: Sequence[DriftRecord] = ()
    """Drift that the last runs of these jobs found first, and that is not settled."""
    details: RunDetails | None = None
    in_window: bool = False
    """`runs` are those of a stated time; they count in `worst_code` too."""

    @property
    def worst_code(self) -> int:
        codes = [code for job in self.jobs for code in job.exit_codes]
        if self.in_window or self.details is not None:
            nights: dict[tuple[str, object], RunRecord] = {}
            for run, _ in self.runs:  # the newest first: the last run of a night says how the night ended
                nights.setdefault((run.job, run.night_at or run.run_id), run)
            codes += [code for run in nights.values() for code in run_codes(run)]
        return worst_code(codes)


def run_codes(run: RunRecord) -> list[int]:
    """Return the exit code of a run, in a list; an empty one while it is running.

    A process that died left no code: it counts as the interrupt that it was.
    """
    if run.status is RunStatus.OPEN:
        return []
    return [run.status.exit_code if run.exit_code is None else run.exit_code]


async def overview_of(settings: Settings, query: StatusQuery) -> Overview:
    """Return the state of all jobs, or one run. UsageError for a run or a job that is not known."""
    with known_stores(settings) as stores:
        last_runs = _of_job(await stores.runs.last_runs(), query.job)
        accounts = await stores.ledger.account_balances(settings.clock.now())
        if query.run is not None:
            run = await alive_or_dead(stores.runs, await _run(stores.runs, query))
            totals = await stores.runs.totals(run.run_id)
            details = RunDetails(await stores.runs.coverage(run.run_id), await stores.runs.ends(run.run_id))
            return Overview((), (), [(run, totals)], accounts, details=details)
        now = settings.clock.now()
        told, stopped = _told(last_runs, now, named=query.job is not None)
        jobs = [await _job_status(stores.runs, run, query.since, settings) for run in told]
        jobs.sort(key=lambda job: badness(worst_code(job.exit_codes)), reverse=True)
        found = await stores.runs.latest_runs(query.limit, job=query.job, since=query.since)
        runs = [
            (run, await stores.runs.totals(run.run_id)) for run in [await alive_or_dead(stores.runs, r) for r in found]
        ]
        drift = await _new_drift(stores, jobs, settings)
        return Overview(jobs, stopped, runs, accounts, drift, in_window=query.since is not None)


def _of_job(last_runs: Sequence[RunRecord], job: str | None) -> Sequence[RunRecord]:
    if job is None:
        return last_runs
    known = [run.job for run in last_runs]
    if job not in known:
        raise UsageError(f"no job {job} has run here{nearest(job, known)}; known are {', '.join(known) or 'none'}.")
    return [run for run in last_runs if run.job == job]


async def _run(runs: Runs, query: StatusQuery) -> RunRecord:
    """Return the selected run; UsageError with the candidates if that is ambiguous."""
    wanted = query.run or ""
    prefix = "" if wanted == LAST else wanted
    found = await runs.latest_runs(1 if wanted == LAST else _MOST_CANDIDATES + 1, job=query.job, prefix=prefix)
    exact = next((run for run in found if run.run_id == wanted), None)
    if exact is not None or len(found) == 1:
        return exact or found[0]
    if not found:
        return await runs.run(wanted)  # its error says where was looked
    named = [run.run_id for run in found[:_MOST_CANDIDATES]]
    more = " and more" if len(found) > _MOST_CANDIDATES else ""
    of_job = f", or --job {wanted}" if wanted in {run.job for run in found} else ""
    raise UsageError(
        f"{wanted} is the beginning of several run ids: {', '.join(named)}{more}. Give more of one{of_job}."
    )


def _told(
    last_runs: Sequence[RunRecord], now: datetime, *, named: bool
) -> tuple[Sequence[RunRecord], Sequence[RunRecord]]:
    """Return the jobs to show, and the repeated ones that have stopped; a job that was named is always shown."""
    if named:
        return last_runs, ()
    active_at = {run.run_id: max(run.started_at, run.ended_at or run.started_at) for run in last_runs}
    stopped = [run for run in last_runs if is_stopped(run.period, active_at[run.run_id], now)]
    jobs = [run for run in last_runs if run.period is not None or not run.job.endswith(PROBE_ENDING)] or last_runs
    told = [run for run in jobs if run not in stopped] or jobs[:1]
    return told, [run for run in stopped if run.period is not None and run not in told]


async def _job_status(runs: Runs, last: RunRecord, since: datetime | None, settings: Settings) -> JobStatus:
    now = settings.clock.now()
    limit = MOST_RUNS if since is not None else _RUNS_A_NIGHT * (COMPARED_NIGHTS + 1)
    known = await runs.latest_runs(limit, job=last.job)
    tonight, before = _nights(known)
    sums = [await _sum(runs, night) for night in before]
    rows, credits = await _sum(runs, tonight)
    starts = [
        NightStart(run.night_at, run.started_at, run.period) for run in known if run.night_at and run.period is not None
    ]
    missed = missed_nights(starts, now) if last.period is not None else []
    run = await alive_or_dead(runs, last)
    next_at = None if run.is_over else run.next_at
    if run.is_over and starts and last.period is not None:
        next_at = next_night(starts[0], now)
    return JobStatus(
        run=run,
        totals=await runs.totals(run.run_id),
        partial=await runs.partial_walks(run.run_id),
        rows=rows,
        credits=credits,
        runs=len(tonight),
        usual_rows=usual([each for each, _ in sums]),
        usual_credits=usual([each for _, each in sums]),
        compared=len(sums),
        missed=[at for at in missed if at > (last.night_at or now) or (since is not None and at >= since)],
        next_at=next_at,
        job_words=_job_words(last.job, settings),
    )


def _nights(known: Sequence[RunRecord]) -> tuple[list[RunRecord], list[list[RunRecord]]]:
    """Return the runs of the last night, and those of earlier nights that requested the same."""
    last = known[0]
    if last.night_at is None:
        return [last], []
    nights: dict[datetime, list[RunRecord]] = {}
    for run in known:
        if run.night_at is not None and run.asked == last.asked:
            nights.setdefault(run.night_at, []).append(run)
    tonight = nights.pop(last.night_at)
    return tonight, list(nights.values())[:COMPARED_NIGHTS]


async def _sum(runs: Runs, night: Sequence[RunRecord]) -> tuple[int, Credits]:
    totals = [await runs.totals(run.run_id) for run in night]
    return sum(sum(each.rows.values()) for each in totals), sum(each.balance.committed for each in totals)


async def _new_drift(stores: Stores, jobs: Sequence[JobStatus], settings: Settings) -> list[DriftRecord]:
    """Return the drift that these runs were the first to find; all of it if the project's files are faulty."""
    run_ids = {job.run.run_id for job in jobs}
    found = [record for record in await stores.journal.drift() if record.first_run_id in run_ids]
    if not found:
        return []
    try:
        return unsettled(found, settings.project.configs)
    except ConfigurationError:
        return found


def _job_words(job: str, settings: Settings) -> str:
    """Return the job's name if `scraper run` finds it by that, else the file of the project that states it."""
    configs = settings.project.configs
    if job == QUICKSTART or (configs / f"{job}.toml").is_file():
        return job
    for path in sorted(configs.glob("*.toml")):
        try:
            if tomllib.loads(path.read_text()).get("name") == job:
                return str(path)
        except (OSError, ValueError):
            continue
    return "JOB"
