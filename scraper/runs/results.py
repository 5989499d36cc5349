"""The result of a run: status, exit code, message and warnings."""

from __future__ import annotations

import shlex
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from scraper.core.auto_budget import Allowance
from scraper.core.catalogue import Endpoint, OutcomeKind, QuotaScope
from scraper.core.events import Ending, RunResult, RunStatus
from scraper.core.frontier import Frontier
from scraper.core.jobs import Account, Job
from scraper.core.outcomes import Outcome
from scraper.core.pagination import Guard, WalkState, Why
from scraper.core.planning import Known, gone_words, plan
from scraper.core.requests import Progress
from scraper.core.retries import Decision, Retry
from scraper.core.subscriptions import day_ends_at, month_ends_at
from scraper.core.units import Credits
from scraper.core.vendor_times import quota_end
from scraper.ports import NoCredits, RunRecord, RunTotals
from scraper.runs.resume import OpenedRun

MOST_NAMED = 5
"""Failures named in a result. The others are counted; the ledger has all."""


REFUSALS = frozenset(
    {
        OutcomeKind.RATE_LIMITED,
        OutcomeKind.QUOTA_EXHAUSTED,
        OutcomeKind.AUTH_REJECTED,
        OutcomeKind.ENDPOINT_DENIED,
        OutcomeKind.GONE,
    }
)
"""Outcomes that are a refusal; with all others, the vendor failed to answer."""


@dataclass(slots=True)
class Ends:
    """The reasons for which dispatch has stopped; the run's status follows from them."""

    interrupted: bool = False
    refused: list[str] = field(default_factory=list)
    quotas: list[tuple[str, datetime]] = field(default_factory=list)
    budgets: list[str] = field(default_factory=list)
    """A sentence for each account that is closed because the run's budget, or its share there, is spent."""
    left_by_order: int = 0
    """Boards that the job's order leaves to a later night, as the budget does not reach them."""
    refused_cost: Credits = 0
    """Price of the cheapest request that the budget did not cover."""
    unreachable: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    """Requests that were given up, and endpoints that were closed, with the reason."""
    rows_missing: list[str] = field(default_factory=list)
    """Crawls with fewer rows than were expected."""
    without_rows: list[str] = field(default_factory=list)
    """Crawls without rows, as in earlier runs."""
    storage: str | None = None
    """The failure of the state or the archive, in words."""
    noted: tuple[str, ...] = ()
    """Messages of the archive's upkeep; they do not change the status."""

    def status(self, frontier: Frontier) -> RunStatus:
        """Return the first status that applies: those that need the user come before those that resolve themselves.

        A spent budget comes last, since it needs no attention.
        """
        guarded = any(progress.why is Why.GUARD for progress in frontier.walks.values())
        in_order = (
            (self.storage is not None, RunStatus.ERROR),
            (self.interrupted, RunStatus.INTERRUPTED),
            (bool(self.refused), RunStatus.REFUSED),
            (bool(self.quotas), RunStatus.QUOTA),
            (bool(self.unreachable), RunStatus.UNREACHABLE),
            (bool(self.failures or self.rows_missing or guarded), RunStatus.FAILED),
            (bool(self.budgets or self.left_by_order), RunStatus.BUDGET),
        )
        return next((status for holds, status in in_order if holds), RunStatus.COMPLETE)


def ending_of(outcome: Outcome, decision: Decision | None) -> Ending:
    """Return the category in which an attempt is counted."""
    by_kind = {
        OutcomeKind.OK: Ending.OK,
        OutcomeKind.LOST: Ending.LOST,
        OutcomeKind.NOT_SENT: Ending.NOT_SENT,
    }
    if isinstance(decision, Retry):
        otherwise = Ending.RETRIED
    elif outcome.kind is OutcomeKind.EMPTY:
        otherwise = Ending.EMPTY
    else:
        otherwise = Ending.REFUSED if outcome.kind in REFUSALS else Ending.FAILED
    return by_kind.get(outcome.kind, otherwise)


def pause_until(decision: Decision | None, now: datetime) -> datetime | None:
    """Return the end of the pause that a 429 imposes on the whole account."""
    if isinstance(decision, Retry) and decision.whole_account:
        return now + timedelta(seconds=decision.wait_s)
    return None


def quota_ends_at(outcome: Outcome, account: Account, now: datetime) -> datetime | None:
    """Return the time at which an account that refused for its quota is tried again: `core.vendor_times.quota_end`.

    A refusal without a scope closes the account until the next UTC midnight: assumed, no vendor documents it.
    """
    if outcome.kind is not OutcomeKind.QUOTA_EXHAUSTED:
        return None
    if outcome.scope is QuotaScope.MONTH:
        scope_ends_at = month_ends_at(now, account.subscription.month_starts_on)
    else:
        scope_ends_at = day_ends_at(now)
    return quota_end(outcome.resets_at, scope_ends_at, now)


def limit_met(
    refusal: NoCredits, allowance: Allowance | None, account: Account, cost: Credits
) -> tuple[str, datetime | None]:
    """Describe the limit that was reached, and when it renews; ``None``: never, as for the run's budget."""
    scope = refusal.scope
    spent = f"{scope.balance.committed} of {scope.limit} credits spent, the next page costs {cost}"
    if refusal.resets_at is not None:
        return f"the {scope.kind.value}'s limit is reached: {spent}", refusal.resets_at
    if allowance is None:
        return f"budget reached: {spent}", None
    more_at = allowance.of(account.id).more_at
    if allowance.buys_nothing:
        return f"no credits of the month are left for tonight: {spent}", more_at
    # Another account may have had credits left: the next night is a new run and buys its boards again.
    return f"tonight's share of {account.id} is used up: {spent}; the next share is on {more_at:%Y-%m-%d}", None


def refusal_sentence(endpoint: Endpoint, account: Account, outcome: Outcome) -> str:
    match outcome.kind:
        case OutcomeKind.AUTH_REJECTED:
            return f"{account.vendor} refuses the key in {account.key_env} ({outcome.detail})"
        case OutcomeKind.ENDPOINT_DENIED:
            return f"{endpoint.full_name} is not open to this account ({outcome.detail})"
        case _:
            return f"{endpoint.full_name} is no longer served by the vendor ({outcome.detail}){gone_words(endpoint)}"


def run_result(job: Job, run: OpenedRun, ends: Ends, frontier: Frontier, totals: RunTotals, command: str) -> RunResult:
    """Return the result over all processes of the run, without its time. `command`: its command line, for advice."""
    status = ends.status(frontier)
    if status is RunStatus.COMPLETE and totals.walks.get(WalkState.FAILED):
        status = RunStatus.FAILED
    next_at = min((until for _, until in ends.quotas), default=None) if status is RunStatus.QUOTA else None
    return RunResult(
        run_id=run.run_id,
        job=job.name,
        status=status,
        budget=run.budget,
        **_figures(job, totals),
        elapsed_s=0.0,
        next_at=next_at,
        message=_message(status, job, run, ends, frontier, totals, command),
        warnings=(*run.notes, *_warnings(status, ends, frontier, totals)),
        notes=run.notes,
    )


def _figures(job: Job, totals: RunTotals) -> dict[str, Any]:
    """Return the figures of a result, which are the ledger's."""
    return {
        "charged": totals.balance.charged,
        "presumed": totals.balance.presumed,
        "unknown": totals.balance.unknown + totals.balance.reserved,
        "retried": totals.retried,
        "requests": totals.endings,
        "reused": totals.reused,
        "walks": {state.value: totals.walks.get(state, 0) for state in WalkState if state is not WalkState.OPEN},
        "rows": {crawl.endpoint.table: totals.rows.get(crawl.endpoint.table, 0) for crawl in job.crawls},
    }


def ended_result(job: Job, run: RunRecord, totals: RunTotals, sentence: str = "", *, asks: bool = False) -> RunResult:
    """Return the result of a finished run. `sentence`: the reason for doing nothing now."""
    return RunResult(
        run_id=run.run_id,
        job=run.job,
        status=run.status,
        budget=run.budget,
        **_figures(job, totals),
        elapsed_s=run.elapsed_s,
        next_at=run.next_at,
        message=run.message,
        warnings=(sentence,) if sentence else (),
        asks=asks,
    )


def _message(
    status: RunStatus, job: Job, run: OpenedRun, ends: Ends, frontier: Frontier, totals: RunTotals, command: str
) -> str:
    """Return the reason for the run's end, what is kept, and what to do."""
    pages = totals.endings.get(Ending.OK, 0) + totals.endings.get(Ending.EMPTY, 0)
    kept = f"{pages} page{'s are' if pages != 1 else ' is'} kept"
    go_on = f"{'Start over' if job.probe else 'Go on'}: {command}"
    match status:
        case RunStatus.BUDGET:
            return _budget_message(job, run, ends, totals, kept, command)
        case RunStatus.QUOTA:
            return f"{'; '.join(sentence for sentence, _ in ends.quotas)}. {kept}. {go_on}"
        case RunStatus.REFUSED:
            return f"{'; '.join(ends.refused)}. {kept}. Once that is fixed: {command}"
        case RunStatus.INTERRUPTED:
            return f"interrupted. {kept}. {go_on}"
        case RunStatus.UNREACHABLE:
            return f"{'; '.join(ends.unreachable)}. {kept}. {go_on}"
        case RunStatus.FAILED:
            return _failed_message(job, run, ends, frontier, totals, kept, command)
        case RunStatus.ERROR:
            return f"{ends.storage} {go_on}"
        case RunStatus.COMPLETE | RunStatus.OPEN | RunStatus.DIED:
            return ""


def _failed_message(
    job: Job, run: OpenedRun, ends: Ends, frontier: Frontier, totals: RunTotals, kept: str, command: str
) -> str:
    failures = [*ends.failures[:MOST_NAMED], *ends.rows_missing]
    met = "; ".join([*(failures or [_guarded(frontier, totals)]), *ends.budgets])
    if job.probe:
        return f"{met}. {kept}. Start over: {command}"
    if ends.rows_missing and not ends.failures:  # nothing is left to resume
        return f"{met}. {kept}. Start over: {command} --new"
    again = f"{command} --resume" if run.repeated else command
    return f"{met}. {kept}. Retry what is missing: {again}; start over: {command} --new"


def _guarded(frontier: Frontier, totals: RunTotals) -> str:
    """Count the walks that a guard stopped, and name the guards; else those that failed in an earlier process."""
    stopped = [progress for progress in frontier.walks.values() if progress.why is Why.GUARD]
    if not stopped:
        return f"{_walks(totals.walks.get(WalkState.FAILED, 0))} failed earlier: scraper status RUN names them"
    met = sorted({note.replace("_", " ") for progress in stopped for note in progress.notes if note.ends})
    return f"{_walks(len(stopped))} stopped by a guard ({', '.join(met)}): scraper status RUN names them"


def _walks(count: int) -> str:
    return f"{count} walk{'s' if count != 1 else ''}"


def _budget_message(job: Job, run: OpenedRun, ends: Ends, totals: RunTotals, kept: str, command: str) -> str:
    if job.probe:
        return (
            f"budget reached: {totals.balance.committed} of {run.budget} credits spent. {kept}. Start over: {command}"
        )
    likely = sum(crawl.credits.likely for crawl in plan(job, Known(run.started_at)).crawls)
    beyond = f"{command} --resume --budget {max(likely, run.budget + run.budget // 2)}"
    kept += _unknown_words(totals.balance.unknown, command)
    if ends.left_by_order and not ends.budgets:
        left = f"{ends.left_by_order} board{'s are' if ends.left_by_order != 1 else ' is'} left to a later night"
        spent = f"{totals.balance.committed} of {run.budget} credits spent"
        return f'budget reached: {spent}, and {left} (order = "{job.order.value}"). {kept}. Buy them now: {beyond}'
    if run.allowance is None:
        # Recomputed: requests in flight, and cheaper ones, have landed since the first refusal.
        spent = f"{totals.balance.committed} of {run.budget} credits spent, the next page costs {ends.refused_cost}"
        return f"budget reached: {spent}. {kept}. Go on: {beyond}"
    return f"{'; '.join(ends.budgets)}. {kept}. Go on then: {command}; or now, past the share: {beyond}"


def _unknown_words(unknown: Credits, command: str) -> str:
    """Return a sentence on the uncertain part of a spent budget, and how to settle it."""
    if not unknown:
        return ""
    return (
        f". {unknown:,} of these credits are unknown (sent and never answered, or lost with a ledger) and count as "
        f"spent until they are settled: {reconcile_command(command)}"
    )


def reconcile_command(command: str) -> str:
    """Return the command that reconciles the accounts of a run's command line."""
    words = shlex.split(command)
    if "run" not in words:
        return "scraper reconcile JOB"
    place = words.index("run")
    kept = [*words[:place], "reconcile", *words[place + 1 : place + 2]]
    for word, value in zip(words[place + 2 :], [*words[place + 3 :], ""], strict=False):
        if word == "--sandbox":
            kept.append(word)
        elif word in {"--data", "--vendor-url", "--allow-host"}:
            kept += [word, value]
    return shlex.join(kept)


def _repeat_warnings(frontier: Frontier) -> Iterator[str]:
    """Yield a warning for each endpoint whose walks repeat themselves, with the share of repeated rows."""
    repeating: dict[str, list[Progress]] = defaultdict(list)
    for progress in frontier.walks.values():
        if Guard.ROWS_REPEATED in progress.notes:
            repeating[progress.walk.endpoint.full_name].append(progress)
    for endpoint, found in sorted(repeating.items()):
        repeats, rows = sum(each.overlaps for each in found), sum(each.rows for each in found)
        of = "the same walk" if len(found) == 1 else f"the same walk, in {len(found)} walks"
        unbounded = any(each.walk.stop_when_known is None for each in found)
        advice = "; stop_when_known in its [[crawl]] ends such a walk" if unbounded else ""
        share = round(100 * repeats / rows)
        yield f"{endpoint}: {repeats:,} of {rows:,} rows repeat earlier rows of {of} ({share} %){advice}"


def _warnings(status: RunStatus, ends: Ends, frontier: Frontier, totals: RunTotals) -> tuple[str, ...]:
    warnings = list(ends.noted)
    if status is not RunStatus.FAILED:  # else its message says so
        warnings += ends.rows_missing
    warnings += ends.without_rows
    if len(ends.failures) > MOST_NAMED:
        warnings.append(f"and {len(ends.failures) - MOST_NAMED} more requests failed: scraper status names the walks")
    walks = frontier.walks.values()
    warnings += _repeat_warnings(frontier)
    noted = Counter(
        (progress.walk.endpoint.full_name, note)
        for progress in walks
        for note in progress.notes
        if note is not Guard.ROWS_REPEATED
    )
    for (endpoint, note), count in sorted(noted.items()):
        ended = "stopped by a guard" if note.ends else "noted"
        warnings.append(f"{endpoint}: {_walks(count)} {ended}: {note.replace('_', ' ')}: {note.meaning}")
    clamped = Counter(progress.walk.endpoint.full_name for progress in walks if progress.why is Why.CLAMP)
    for endpoint, count in sorted(clamped.items()):
        warnings.append(f"{endpoint}: {_walks(count)} stopped at the vendor's documented clamp, before the end")
    if totals.balance.unknown:
        warnings.append(
            f"{totals.balance.unknown} credits are unknown: sent, never answered; they count as charged until "
            "scraper reconcile settles them"
        )
    if totals.balance.presumed:
        warnings.append(
            f"{totals.balance.presumed} credits are presumed: the vendor documents no rule for such answers"
        )
    return tuple(warnings)
