"""Runs and accounts, as tables for people and plain objects for programs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from rich.console import Console
from rich.text import Text

from scraper.cli.display.run import (
    STATUS_STYLES,
    STATUS_WORDS,
    credit_words,
    listed_counts,
    request_words,
    retried_fields,
)
from scraper.cli.formatting import count, counted, dollars, duration, harmless, instant, percent
from scraper.cli.rows import picked
from scraper.cli.tables import fits, new_table, print_fields
from scraper.core.budget import Balance
from scraper.core.events import Ending, RunStatus
from scraper.core.pace import FULL_PERCENT
from scraper.core.pagination import WalkState
from scraper.core.units import Credits, iso_utc
from scraper.ports import AccountBalance, RunEnd, RunRecord, RunTotals, WalkRecord
from scraper.wiring.inspect import RunDetails

Runs = Sequence[tuple[RunRecord, RunTotals]]

_LEAST_NAME: Final = 18
"""Fewest columns in which a walk's name is recognizable."""
_WIDE: Final = 76
"""Fewer columns than this show runs one below the other instead of in a table."""


def print_places(places: Mapping[str, str], console: Console) -> None:
    print_fields(console, [(name, harmless(path)) for name, path in places.items()])


def print_status(runs: Runs, accounts: Sequence[AccountBalance], console: Console, *, table: bool = False) -> None:
    """Print one run in full or several in a table, then the accounts' days and months. `table`: a table of one too."""
    if not runs:
        console.print(Text("no runs yet"))
    elif (len(runs) == 1 and not table) or console.width < _WIDE:
        for place, (run, totals) in enumerate(runs):
            if place:
                console.print()
            _print_run(run, totals, console)
    else:
        _print_runs(runs, console)
    for account in accounts:
        console.print()
        _print_account(account, console)


def _print_runs(runs: Runs, console: Console) -> None:
    table = new_table()
    table.add_column("run", overflow="fold")
    table.add_column("status", no_wrap=True)
    for title in ("exit", "charged", "budget", "rows"):
        table.add_column(title, justify="right", no_wrap=True)
    for run, totals in runs:
        status = Text(_status_word(run), style=STATUS_STYLES.get(run.status, ""))
        charged = Text(count(totals.balance.charged))
        for kind, credits in credit_kinds(totals.balance).items():
            if kind != "charged" and credits:
                charged.append(f"\n{count(credits)} {kind}", style="yellow")
        rows = count(sum(totals.rows.values()))
        exit_code = "–" if run.exit_code is None else str(run.exit_code)
        table.add_row(Text(harmless(run.run_id)), status, exit_code, charged, count(run.budget), rows)
    console.print(table)
    for run, _ in runs:
        if run.next_at is not None and not run.is_over:
            console.print(Text(f"{harmless(run.run_id)} can continue from {instant(run.next_at)}"))


def _status_word(run: RunRecord) -> str:
    """Return the status in words: ``running`` for an open run, since a dead one has its own status."""
    return "running" if run.status is RunStatus.OPEN else run.status.value


def _print_run(run: RunRecord, totals: RunTotals, console: Console) -> None:
    head = Text(f"{harmless(run.run_id)}  ", style="bold")
    console.print(head.append(STATUS_WORDS[run.status], style=STATUS_STYLES.get(run.status, "")))
    took = f", took {duration(run.elapsed_s)}" if run.elapsed_s else ""
    fields = [
        ("began", instant(run.started_at) + took),
        *([] if run.night_at is None else [("night", f"from {instant(run.night_at)}")]),
        *([] if run.exit_code is None else [("exit code", str(run.exit_code))]),
        ("credits", credit_words(credit_kinds(totals.balance), run.budget)),
        *retried_fields(totals.retried),
        ("requests", request_words(totals.endings, totals.reused)),
        ("walks", listed_counts({state.value: totals.walks.get(state, 0) for state in WalkState}) or "none"),
        ("rows", " · ".join(f"{harmless(table)} {count(rows)}" for table, rows in totals.rows.items()) or "none"),
    ]
    if run.next_at is not None and not run.is_over:
        fields.append(("resumable", f"from {instant(run.next_at)}"))
    if run.superseded_by is not None:
        fields.append(("superseded", f"by {harmless(run.superseded_by)}"))
    if run.message:
        fields.append(("message", harmless(run.message)))
    print_fields(console, fields)


def credit_kinds(balance: Balance) -> dict[str, Credits]:
    """Return the credits of a balance, the certain ones first."""
    return picked(balance, "charged", "presumed", "unknown", "reserved")


def _print_account(account: AccountBalance, console: Console) -> None:
    subscription = account.subscription
    head = Text(harmless(account.account), style="bold")
    console.print(head.append(f"  plan {harmless(subscription.name)}", style="not bold"))
    fields = [
        (f"day {account.day}", scope_words(account.day_balance, subscription.credits_per_day)),
        (f"month from {account.month}", scope_words(account.month_balance, subscription.month_limit)),
        *account_remarks(account),
    ]
    if subscription.assumed:
        fields.append(("assumed", ", ".join(map(harmless, subscription.assumed))))
    print_fields(console, fields)


def account_remarks(account: AccountBalance) -> Iterator[tuple[str, str]]:
    """Yield the overage of an account, its slowdown and its closure."""
    subscription, used = account.subscription, account.month_balance.committed
    if over := subscription.overage_credits(used):
        yield "overage", f"{count(over)} credits, {dollars(subscription.overage_usd(used))}"
    if account.pace_percent < FULL_PERCENT:
        yield "pace", f"{account.pace_percent} % of its rate, after a recent 429"
    if account.closed_until is not None:
        yield "closed", f"by the vendor until {instant(account.closed_until)}"


def scope_words(balance: Balance, limit: Credits | None) -> str:
    """Return the credits used of the limit, and the uncertain part of them."""
    used = balance.committed
    if limit is None:
        words = [f"{count(used)} used, no limit known"]
    else:
        words = [f"{count(used)} of {count(limit)} ({percent(used, limit)})", f"{count(max(0, limit - used))} left"]
    unsure = {name: credits for name, credits in credit_kinds(balance).items() if name != "charged" and credits}
    words += [f"{count(credits)} {name}" for name, credits in unsure.items()]
    if balance.adjusted:
        words.append(f"{balance.adjusted:+,} by the vendor's own figures")
    return " · ".join(words)


def print_details(run: RunRecord, details: RunDetails, console: Console) -> None:
    """Print the ends of a run's earlier processes, and its incomplete walks."""
    has_ended = bool(details.ends) and details.ends[-1].status is run.status
    earlier = details.ends[:-1] if has_ended else details.ends
    print_fields(console, [("earlier" if place == 0 else "", _end_words(end)) for place, end in enumerate(earlier)])
    console.print()
    print_coverage(details.walks, console)


def _end_words(end: RunEnd) -> str:
    code = "" if end.exit_code is None else f", exit code {end.exit_code}"
    when = "noticed" if end.status is RunStatus.DIED else "ended"
    said = f": {harmless(end.message)}" if end.message else ""
    return f"{end.status.value}{code}, {when} {instant(end.ended_at)}{said}"


def print_coverage(walks: Sequence[WalkRecord], console: Console) -> None:
    """Print the walks of a run that are incomplete or have notes, each with its reason; count the others."""
    complete = sum(walk.state is WalkState.COMPLETE for walk in walks)
    console.print(Text(f"{counted(len(walks), 'walk')}, {count(complete)} of them complete"))
    partial = [
        walk
        for walk in walks
        if walk.state is not WalkState.COMPLETE or walk.notes or walk.overlaps or walk.decided_again_at
    ]
    if not partial:
        return
    table = new_table()
    table.add_column("walk", overflow="fold", min_width=_LEAST_NAME)
    table.add_column("state", overflow="fold", min_width=_LEAST_NAME)
    for title in ("pages", "rows"):
        table.add_column(title, justify="right", no_wrap=True)
    for walk in partial:
        table.add_row(Text(_walk_name(walk)), Text(_standing(walk)), count(walk.pages), count(walk.rows))
    if fits(table, console):
        console.print(table)
        return
    for walk in partial:
        console.print(Text(_walk_name(walk), style="bold"))
        figures = f"{counted(walk.pages, 'page')}, {counted(walk.rows, 'row')}"
        print_fields(console, [("  state", _standing(walk)), ("  kept", figures)])


def _walk_name(walk: WalkRecord) -> str:
    return f"{harmless(walk.endpoint)} {harmless(walk.params)}"


def _standing(walk: WalkRecord) -> str:
    """``truncated: guard (cursor seen)``; gaps, repeats and a later decision below it."""
    words = walk.state.value if walk.why is None else f"{walk.state.value}: {walk.why.value}"
    if walk.notes:
        words += f" ({', '.join(walk.notes)})"
    more = [counted(walk.gaps, "page") + " missing"] if walk.gaps else []
    more += [counted(walk.overlaps, "row") + " listed twice"] if walk.overlaps else []
    more += [f"decided again on {walk.decided_again_at:%Y-%m-%d}"] if walk.decided_again_at else []
    return "\n".join([words.replace("_", " "), *more])


def status_json(runs: Runs, accounts: Sequence[AccountBalance]) -> dict[str, Any]:
    """Return runs and accounts as ``scraper status --format json`` prints them."""
    return {
        "runs": [run_json(run, totals) for run, totals in runs],
        "accounts": [account_json(account) for account in accounts],
    }


def run_json(run: RunRecord, totals: RunTotals) -> dict[str, Any]:
    """Return a run with the keys of ``scraper run --format json``."""
    sent = {ending.value: totals.endings.get(ending, 0) for ending in Ending if ending is not Ending.NOT_SENT}
    return {
        "run_id": run.run_id,
        "job": run.job,
        "status": _status_word(run),
        "exit_code": run.exit_code,
        "started_at": iso_utc(run.started_at),
        "ended_at": None if run.ended_at is None else iso_utc(run.ended_at),
        "night_at": None if run.night_at is None else iso_utc(run.night_at),
        "superseded_by": run.superseded_by,
        "credits": {
            "budget": run.budget,
            **credit_kinds(totals.balance),
            "left": run.budget - totals.balance.committed,
            "retried": totals.retried,
        },
        "requests": {"sent": sum(sent.values()), **sent, "reused": totals.reused},
        "walks": {state.value: totals.walks.get(state, 0) for state in WalkState},
        "rows": dict(totals.rows),
        "elapsed_s": round(run.elapsed_s, 1),
        "next": None if run.next_at is None else iso_utc(run.next_at),
        "message": run.message,
    }


def details_json(details: RunDetails) -> dict[str, Any]:
    """Return the walks of a run, and the ends of its processes, in order."""
    return {"walks": coverage_json(details.walks), "ends": [_end_json(end) for end in details.ends]}


def _end_json(end: RunEnd) -> dict[str, Any]:
    return {
        "status": end.status.value,
        "exit_code": end.exit_code,
        "ended_at": iso_utc(end.ended_at),
        "next": None if end.next_at is None else iso_utc(end.next_at),
        "message": end.message,
    }


def account_json(account: AccountBalance) -> dict[str, Any]:
    """Return an account's day and month; an unknown limit is null."""
    subscription, closed = account.subscription, account.closed_until
    return {
        "account": account.account,
        "plan": subscription.name,
        "day": _scope_json(account.day, account.day_balance, subscription.credits_per_day),
        "month": _scope_json(account.month, account.month_balance, subscription.month_limit),
        "overage": {
            "credits": subscription.overage_credits(account.month_balance.committed),
            "usd": str(subscription.overage_usd(account.month_balance.committed)),
        },
        "pace_percent": account.pace_percent,
        "closed_until": None if closed is None else iso_utc(closed),
        "assumed": list(subscription.assumed),
    }


def _scope_json(begins: str, balance: Balance, limit: Credits | None) -> dict[str, Any]:
    left = None if limit is None else max(0, limit - balance.committed)
    return {"from": begins, "limit": limit, **credit_kinds(balance), "adjusted": balance.adjusted, "left": left}


def coverage_json(walks: Sequence[WalkRecord]) -> list[dict[str, Any]]:
    """Return a flat object for each walk of a run, which fits CSV too."""
    return [
        {
            "walk_id": walk.walk_id,
            "endpoint": walk.endpoint,
            "params": walk.params,
            "state": walk.state.value,
            "why": None if walk.why is None else walk.why.value,
            "pages": walk.pages,
            "rows": walk.rows,
            "repeats": walk.overlaps,
            "gaps": walk.gaps,
            "notes": ",".join(walk.notes),
            "snapshot_at": None if walk.snapshot_at is None else iso_utc(walk.snapshot_at),
            "reused_from": walk.reused_from,
            "decided_again_at": None if walk.decided_again_at is None else iso_utc(walk.decided_again_at),
        }
        for walk in walks
    ]
