"""The overview of all jobs: the newest night of each, its gaps, and what comes next."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from rich.console import Console
from rich.text import Text

from scraper.cli.display.run import STATUS_STYLES, STATUS_WORDS, split_message
from scraper.cli.display.status import (
    account_remarks,
    credit_kinds,
    print_places,
    print_status,
    scope_words,
    status_json,
)
from scraper.cli.formatting import count, counted, duration, harmless, instant, percent
from scraper.cli.tables import heading, print_fields
from scraper.core.events import RunStatus
from scraper.core.pagination import WalkState, Why
from scraper.core.units import iso_utc
from scraper.ports import AccountBalance, DriftRecord, PartialWalks
from scraper.wiring.status import JobStatus, Overview

_MOST_NAMED: Final = 3
_MOST_DRIFT: Final = 5
_SHORT_WORDS: Final[Mapping[RunStatus, str]] = {
    RunStatus.QUOTA: "stopped by a quota",
    RunStatus.UNREACHABLE: "vendor unreachable",
    RunStatus.ERROR: "stopped by archive or state",
    RunStatus.DIED: "its process died",
}
"""Short words, because the usual ones do not fit after a job and its night; the reason is below."""

_GOOD: Final = {RunStatus.COMPLETE, RunStatus.BUDGET}


def print_overview(overview: Overview, places: Mapping[str, str], run_command: str, console: Console) -> None:
    """Print the jobs, earlier runs, the accounts and the data directory. `run_command`: without the job."""
    _print_verdict(overview, console)
    for place, job in enumerate(overview.jobs):
        if place or len(overview.jobs) > 1:
            console.print()
        _print_job(job, run_command, console)
    if overview.drift:
        console.print()
        _print_drift(overview.drift, console)
    told = {job.run.run_id for job in overview.jobs}
    others = [each for each in overview.runs if each[0].run_id not in told]
    if others:
        heading(console, "other runs")
        print_status(others, (), console, table=True)
    if overview.stopped:
        console.print()
        last = [f"{harmless(run.job)} since {instant(run.started_at)}" for run in overview.stopped]
        console.print(Text(f"no longer run, and not missed: {', '.join(last)}", style="dim"))
    if overview.accounts:
        console.print()
        print_fields(console, [each for account in overview.accounts for each in _account_fields(account)])
    console.print()
    print_places(places, console)


def _print_verdict(overview: Overview, console: Console) -> None:
    """Print one line: whether anything needs attention."""
    if not overview.jobs:
        console.print(Text("no runs yet"))
        return
    if len(overview.jobs) == 1:
        return
    bad = [job for job in overview.jobs if job.missed or job.run.status not in {*_GOOD, RunStatus.OPEN}]
    running = sum(job.run.status is RunStatus.OPEN for job in overview.jobs)
    good = (
        len(overview.jobs)
        - len(bad)
        - sum(job.run.status is RunStatus.OPEN and job not in bad for job in overview.jobs)
    )
    words = [f"{count(good)} of {counted(len(overview.jobs), 'job')} ended well"]
    words += [f"{count(running)} running"] if running else []
    words += [f"to look at: {', '.join(harmless(job.run.job) for job in bad)}"] if bad else []
    console.print(Text(" · ".join(words), style="bold red" if bad else "bold green"))


def _print_job(job: JobStatus, run_command: str, console: Console) -> None:
    run = job.run
    night_at = job.missed[-1] if job.is_behind else run.night_at
    of_night = "" if night_at is None else f"  night of {instant(night_at)}"
    head = Text(harmless(run.job), style="bold").append(of_night, style="not bold").append("  ")
    status, style = _SHORT_WORDS.get(run.status, STATUS_WORDS[run.status]), STATUS_STYLES.get(run.status, "")
    console.print(head.append("missed" if job.is_behind else status, style="red" if job.is_behind else style))
    if job.missed:
        print_fields(console, [("missed", _missed_words(job.missed))], style="red")
    words, command = split_message(harmless(run.message))
    print_fields(console, _job_fields(job))
    if words and run.status is not RunStatus.OPEN:
        print_fields(console, [("why", words)])
    if follows := _next_words(job):
        print_fields(console, [("next", follows)])
    if command and not job.is_behind:
        console.print(Text(command), soft_wrap=True)
    elif job.goes_on:
        console.print(Text(harmless(f"Go on: {run_command} {job.job_words}")), soft_wrap=True)


def _job_fields(job: JobStatus) -> Iterator[tuple[str, str]]:
    run, totals = job.run, job.totals
    took = f", took {duration(run.elapsed_s)}" if run.elapsed_s else ""
    code = "" if run.exit_code is None else f", exit code {run.exit_code}"
    yield "last run" if job.is_behind else "run", harmless(run.run_id)
    if job.is_behind:
        yield "its end", STATUS_WORDS[run.status]
    yield "began", f"{instant(run.started_at)}{took}{code}"
    yield "rows", _beside(job.rows, job.usual_rows, job.compared)
    kinds = [f"{count(n)} {kind}" for kind, n in credit_kinds(totals.balance).items() if n and kind != "charged"]
    spent = f"{percent(totals.balance.committed, run.budget)} of the run's {count(run.budget)}"
    if job.runs > 1:  # the figures before it are the night's, this one is a run's
        spent = f"{counted(job.runs, 'run')}, the last one spent {count(totals.balance.committed)} ({spent})"
    yield "credits", " · ".join([_beside(job.credits, job.usual_credits, job.compared), spent, *kinds])
    done = totals.walks.get(WalkState.COMPLETE, 0) + totals.walks.get(WalkState.EMPTY, 0)
    left = totals.walks.get(WalkState.OPEN, 0)
    all_walks = sum(totals.walks.values())
    words = f"{count(done)} of {counted(all_walks, 'walk')} complete" if all_walks else "none begun"
    empty = totals.walks.get(WalkState.EMPTY, 0)
    words += f", {count(empty)} of them empty" if empty else ""
    yield "walks", words + (f" · {count(left)} open" if left else "")
    for place, each in enumerate(job.partial):
        yield "missing" if place == 0 else "", _partial_words(each)


def _beside(amount: int, usual: int | None, nights: int) -> str:
    """``2,350 (usual: 2,400)``: the median of the nights before, if there are any."""
    if usual is None:
        return count(amount)
    if nights == 1:
        return f"{count(amount)} ({count(usual)} the night before)"
    return f"{count(amount)} ({count(usual)} is the median of {count(nights)} nights before)"


def _partial_words(each: PartialWalks) -> str:
    """``3 walks of crawlora.hashtags not attempted: budget``."""
    why = f": {each.why.value.replace('_', ' ')}" if each.why is not None else ""
    why = ": the vendor's documented last page" if each.why is Why.CLAMP else why
    why = ": left to a later night by the job's order" if each.why is Why.ORDER else why
    state = each.state.value.replace("_", " ")
    return f"{counted(each.walks, 'walk')} of {harmless(each.endpoint)} {state}{why}"


def _missed_words(missed: Sequence[datetime]) -> str:
    named = ", ".join(instant(at) for at in missed[-_MOST_NAMED:])
    more = "… " if len(missed) > _MOST_NAMED else ""
    return f"{counted(len(missed), 'night')} without a run: {more}{named}"


def _next_words(job: JobStatus) -> str:
    if job.next_at is None or job.is_behind or job.run.status is RunStatus.OPEN:
        return ""
    if job.run.is_over:
        return f"the night of {instant(job.next_at)}"
    return f"it can continue from {instant(job.next_at)}"


def _print_drift(drift: Sequence[DriftRecord], console: Console) -> None:
    named = [
        ("new drift" if place == 0 else "", f"{harmless(each.endpoint)} {_finding_words(each)}")
        for place, each in enumerate(drift[:_MOST_DRIFT])
    ]
    more = len(drift) - _MOST_DRIFT
    told = [*named, ("", f"and {count(more)} more")] if more > 0 else named
    print_fields(console, [*told, ("", "scraper drift shows all of it")], style="yellow")


def _finding_words(record: DriftRecord) -> str:
    finding = record.finding
    detail = f" ({harmless(finding.detail)})" if finding.detail else ""
    return f"{finding.kind.value.replace('_', ' ')}: {harmless(finding.path)}{detail}"


def _account_fields(account: AccountBalance) -> Iterator[tuple[str, str]]:
    """Yield an account in a line or two, with its locks."""
    terms = account.subscription
    yield harmless(account.account), f"day: {scope_words(account.day_balance, terms.credits_per_day)}"
    yield "", f"month: {scope_words(account.month_balance, terms.month_limit)}"
    for label, words in account_remarks(account):
        yield "", f"{label} {words}"
    if account.month_balance.unknown:
        yield "", f"{counted(account.month_balance.unknown, 'credit')} unknown: scraper reconcile settles them"


def overview_json(overview: Overview, run_command: str) -> dict[str, Any]:
    """Return the overview as ``scraper status --format json`` prints it."""
    return {
        **status_json(overview.runs, overview.accounts),
        "jobs": [_job_json(job, run_command) for job in overview.jobs],
        "stopped": [{"job": run.job, "run_id": run.run_id} for run in overview.stopped],
        "new_drift": [
            {
                "endpoint": each.endpoint,
                "kind": each.finding.kind.value,
                "path": each.finding.path,
                "detail": each.finding.detail,
                "first_at": iso_utc(each.first_at),
            }
            for each in overview.drift
        ],
        "worst_exit_code": overview.worst_code,
    }


def _job_json(job: JobStatus, run_command: str) -> dict[str, Any]:
    run = job.run
    return {
        "job": run.job,
        "run_id": run.run_id,
        "status": "running" if run.status is RunStatus.OPEN else run.status.value,
        "exit_code": run.exit_code,
        "night_at": None if run.night_at is None else iso_utc(run.night_at),
        "every_s": run.every_s,
        "missed": [iso_utc(at) for at in job.missed],
        "partial": [
            {
                "endpoint": each.endpoint,
                "state": each.state.value,
                "why": None if each.why is None else each.why.value,
                "walks": each.walks,
            }
            for each in job.partial
        ],
        "rows": {"night": job.rows, "usual": job.usual_rows},
        "credits": {"night": job.credits, "usual": job.usual_credits},
        "nights_compared": job.compared,
        "next": None if job.next_at is None else iso_utc(job.next_at),
        "command": f"{run_command} {job.job_words}" if job.goes_on else None,
    }
