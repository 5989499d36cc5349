"""The result of a run for people. Programs get `RunResult.to_json`."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Final

from rich.console import Console
from rich.text import Text

from scraper.cli.formatting import count, counted, duration, harmless, instant, percent
from scraper.cli.tables import print_fields, print_notes
from scraper.core.events import Ending, RunResult, RunStatus
from scraper.core.units import Credits

if TYPE_CHECKING:
    from scraper.runs.probe import ProbeFinding

STATUS_WORDS: Final[Mapping[RunStatus, str]] = {
    RunStatus.OPEN: "running",
    RunStatus.COMPLETE: "complete",
    RunStatus.BUDGET: "stopped at the run's budget",
    RunStatus.QUOTA: "stopped by a limit of the account or the vendor",
    RunStatus.REFUSED: "refused by the vendor",
    RunStatus.FAILED: "finished with failures",
    RunStatus.UNREACHABLE: "a vendor could not be reached, or returned no page",
    RunStatus.ERROR: "stopped by an error of archive or state",
    RunStatus.INTERRUPTED: "interrupted",
    RunStatus.DIED: "its process died: killed, or the machine stopped",
}

STATUS_STYLES: Final[Mapping[RunStatus, str]] = {
    RunStatus.COMPLETE: "green",
    RunStatus.BUDGET: "yellow",
    RunStatus.QUOTA: "yellow",
    RunStatus.INTERRUPTED: "yellow",
    RunStatus.UNREACHABLE: "red",
    RunStatus.REFUSED: "red",
    RunStatus.FAILED: "red",
    RunStatus.ERROR: "red",
    RunStatus.DIED: "red",
}

_FIRST_QUERIES: Final[Mapping[str, str]] = {
    "hashtags": "SELECT country, hashtag_name, video_views FROM hashtags ORDER BY video_views DESC LIMIT 10",
    "creators": "SELECT country, nick_name, follower_cnt FROM creators ORDER BY follower_cnt DESC LIMIT 10",
    "videos": "SELECT country, title, item_url FROM videos ORDER BY page, position LIMIT 10",
    "posts": "SELECT created_at, description, stats.play_count FROM posts ORDER BY play_count DESC LIMIT 10",
}
_COMMAND = re.compile(r"(?:Go on|Go on then|Retry what is missing|Start over|Once that is fixed): .*")
"""The end of a result's message: the command to type."""
_IDENTIFIER = re.compile(r"[a-z_][a-z0-9_]*")


def print_result(result: RunResult, console: Console, data: str, program: str = "scraper") -> None:
    """Print the result of a run, the next command, and a first query. `data`: the data directory."""
    head = Text(f"{harmless(result.run_id)}  ", style="bold")
    console.print(head.append(STATUS_WORDS[result.status], style=STATUS_STYLES.get(result.status, "")))
    console.print()
    print_fields(console, _result_fields(result, data))
    print_notes(console, "note", result.warnings)
    if result.message:
        console.print()
        _print_message(console, harmless(result.message))
    table = next((table for table, rows in result.rows.items() if rows), None)
    if table is not None:
        console.print()
        console.print(Text(f"Look:  {first_query(table, data, program)}"), soft_wrap=True)


def print_findings(findings: Sequence[ProbeFinding], console: Console) -> None:
    """Print what a probe found, by endpoint."""
    endpoint = None
    for finding in findings:
        if finding.endpoint != endpoint:
            endpoint = finding.endpoint
            console.print(Text(harmless(endpoint), style="bold"))
        mark, style = ("as described", "green") if finding.as_described else ("differs     ", "yellow")
        console.print(Text(f"  {mark}  ", style=style) + Text(harmless(finding.text), style=""))
    console.print()


def _print_message(console: Console, message: str) -> None:
    """Print a message; its command stays on one line, to be copied."""
    words, command = split_message(message)
    if words:
        console.print(Text(words))
    if command:
        console.print(Text(command), soft_wrap=True)


def split_message(message: str) -> tuple[str, str]:
    """Return the sentences of a message, and the command at its end; either may be empty."""
    command = _COMMAND.search(message)
    return (message[: command.start()].rstrip(), command[0]) if command else (message, "")


def retried_fields(retried: Credits) -> Iterable[tuple[str, str]]:
    """Return the credits that failed attempts cost, if any."""
    if retried:
        yield "", f"{counted(retried, 'credit')} were spent on failed attempts"


def _result_fields(result: RunResult, data: str) -> Iterable[tuple[str, str]]:
    kinds = {"charged": result.charged, "presumed": result.presumed, "unknown": result.unknown}
    yield "credits", credit_words(kinds, result.budget)
    yield from retried_fields(result.retried)
    yield "requests", request_words(result.requests, result.reused)
    yield "walks", listed_counts(result.walks) or "none"
    yield "rows", " · ".join(f"{harmless(table)} {count(rows)}" for table, rows in result.rows.items()) or "none"
    yield "time", duration(result.elapsed_s)
    if result.sandbox_charged is not None:
        charged = [f"{harmless(vendor)} charged {count(credits)}" for vendor, credits in result.sandbox_charged.items()]
        yield "sandbox", " · ".join(charged) or "charged nothing"
    if result.sandbox_at_rate_s is not None and any((result.sandbox_charged or {}).values()):
        yield "", f"at the plan's rate (--rate), about {duration(result.sandbox_at_rate_s)}"
    if result.sandbox_faults is not None:
        yield "faults", " · ".join(f"{count(hit)} {kind}" for kind, hit in result.sandbox_faults.items()) or "none met"
    if result.next_at is not None:
        yield "resumable", f"from {instant(result.next_at)}"
    yield "archive", f"{harmless(data.rstrip('/') or data)}/archive"


def credit_words(kinds: Mapping[str, Credits], budget: Credits) -> str:
    """``512 charged · 8 unknown · 280 left of 800 (65 % spent)``; certain and uncertain credits stay apart."""
    spent = sum(kinds.values())
    told = [f"{count(credits)} {kind}" for kind, credits in kinds.items() if credits or kind == "charged"]
    return " · ".join([*told, f"{count(budget - spent)} left of {count(budget)} ({percent(spent, budget)} spent)"])


def request_words(requests: Mapping[Ending, int], reused: int) -> str:
    """``66 sent: 64 ok · 2 retried``, and pages reused from an earlier run."""
    sent = {ending: requests.get(ending, 0) for ending in Ending if ending is not Ending.NOT_SENT}
    told = listed_counts({ending.value: number for ending, number in sent.items()})
    words = f"{count(sum(sent.values()))} sent" + (f": {told}" if told else "")
    return f"{words} · {counted(reused, 'page')} reused" if reused else words


def listed_counts(counts: Mapping[str, int]) -> str:
    """``64 ok · 2 retried``, without zeros."""
    return " · ".join(f"{count(number)} {name.replace('_', ' ')}" for name, number in counts.items() if number)


def first_query(table: str, data: str, program: str = "scraper") -> str:
    """Return a command that queries a table, quoted for a shell."""
    name = table if _IDENTIFIER.fullmatch(table) else '"' + harmless(table).replace('"', '""') + '"'
    query = _FIRST_QUERIES.get(table, f"SELECT * FROM {name} LIMIT 10")  # noqa: S608 - shown, not run
    where = "" if data == "data" else f" --data {shlex.quote(harmless(data))}"
    quoted = f'"{query}"' if not set(query) & set('"$`\\!') else shlex.quote(query)
    return f"{program} sql{where} {quoted}"
