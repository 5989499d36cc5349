"""Notifications of runs: their levels and their text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from urllib.parse import urlsplit

from scraper.core.events import RunResult, RunStatus


class NoticeLevel(StrEnum):
    """The level of a night's result."""

    SUCCESS = "success"
    """Complete, or its own budget is spent, without warnings."""
    WARNING = "warning"
    """A success with warnings."""
    FAILURE = "failure"


DEFAULT_LEVELS = (NoticeLevel.FAILURE, NoticeLevel.WARNING)
_WELL = frozenset({RunStatus.COMPLETE, RunStatus.BUDGET})
MOST_WARNINGS = 10
MOST_NIGHTS = 7
"""Most missed nights that a message lists, the last ones."""
MOST_CHARACTERS = 3_000
"""Longest message: shorter than the services that Apprise knows allow."""


@dataclass(frozen=True, slots=True)
class NotifySettings:
    """``[notify]`` of scraper.toml."""

    urls: tuple[str, ...] = field(default=(), repr=False)
    """Apprise's; they may contain secrets."""
    ping: str | None = field(default=None, repr=False)
    """A check's address, as of healthchecks.io: plain for a good end; ``/start`` and ``/fail`` are appended to it."""
    on: tuple[NoticeLevel, ...] = DEFAULT_LEVELS
    """Levels that `urls` are notified of; `ping` is notified of every run."""


@dataclass(frozen=True, slots=True)
class Notice:
    """One message."""

    level: NoticeLevel
    title: str
    body: str


def level_of(result: RunResult) -> NoticeLevel:
    if result.status not in _WELL or result.asks:
        return NoticeLevel.FAILURE
    return NoticeLevel.WARNING if set(result.warnings) - set(result.notes) else NoticeLevel.SUCCESS


def notice_of(result: RunResult, before: Mapping[str, int] | None, command: str) -> Notice:
    """Return the message of a run. `before`: the job's rows the night before, by table; `command`: the next one."""
    lines = [result.message] if result.message else []
    lines += [
        f"run {result.run_id}, {result.status.value}, exit code {result.exit_code}",
        f"{_credits(result)} of {result.budget:,} credits; {_requests(result.sent)} in {result.elapsed_s:,.0f} s",
        _rows(result.rows, before),
    ]
    walks = [f"{count:,} {state.replace('_', ' ')}" for state, count in result.walks.items() if count]
    lines += [f"walks: {', '.join(walks)}"] if walks else []
    lines += [f"warning: {warning}" for warning in result.warnings[:MOST_WARNINGS]]
    if len(result.warnings) > MOST_WARNINGS:
        lines.append(f"and {len(result.warnings) - MOST_WARNINGS} more warnings: scraper status {result.run_id}")
    if result.status in _WELL and not result.asks:
        command = f"scraper status {result.run_id}"
    if command not in result.message:
        lines.append(f"next: {command}")
    ended = "nothing to do" if result.asks else result.status.value
    return Notice(level_of(result), f"scraper: {result.job}: {ended}", _short("\n".join(lines)))


def failure_notice(job: str, sentence: str, exit_code: int, command: str) -> Notice:
    """Return the message for a run that could not begin, or whose end could not be stored."""
    body = f"{sentence}\nno run, exit code {exit_code}\nnext: {command}"
    return Notice(NoticeLevel.FAILURE, f"scraper: {job}: error", _short(body))


def died_notice(job: str, run_id: str, night_at: datetime | None, taken_by: str, command: str) -> Notice:
    """Return the message for an earlier run whose process died first. `taken_by`: the run since then."""
    night = "" if night_at is None else f" of the night of {_instant(night_at)}"
    body = (
        f"the run{night} did not end: its process died (killed, or the machine stopped)\n"
        f"run {run_id}, died; run {taken_by} takes its left-over walks first\nnext: {command} {run_id}"
    )
    return Notice(NoticeLevel.FAILURE, f"scraper: {job}: died", body)


def missed_notice(job: str, nights: Sequence[datetime], command: str) -> Notice:
    named = ", ".join(_instant(at) for at in nights[-MOST_NIGHTS:])
    more = "… " if len(nights) > MOST_NIGHTS else ""
    which = "1 night" if len(nights) == 1 else f"{len(nights):,} nights"
    body = f"{which} without a run: {more}{named}\nno run, nothing was spent\nnext: {command}"
    return Notice(NoticeLevel.FAILURE, f"scraper: {job}: missed", body)


def _instant(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"


def _requests(sent: int) -> str:
    return f"{sent:,} request{'s' if sent != 1 else ''}"


def _credits(result: RunResult) -> str:
    kinds = {"presumed": result.presumed, "unknown": result.unknown}
    unsure = "".join(f", {credits:,} {kind}" for kind, credits in kinds.items() if credits)
    return f"{result.charged:,} charged{unsure}"


def _rows(rows: Mapping[str, int], before: Mapping[str, int] | None) -> str:
    """``rows: hashtags 600 (+20), posts 1,750 (-250)``: compared with the night before."""
    if not rows and not before:
        return "no rows"
    if before is None:
        return f"rows: {', '.join(f'{table} {count:,}' for table, count in rows.items())} (its first night)"
    tables = dict.fromkeys([*rows, *before])
    told = (f"{table} {rows.get(table, 0):,} ({rows.get(table, 0) - before.get(table, 0):+,})" for table in tables)
    return f"rows, compared with the night before: {', '.join(told)}"


def _short(text: str) -> str:
    return text if len(text) <= MOST_CHARACTERS else text[: MOST_CHARACTERS - 1] + "…"


def ping_url(url: str, end: str) -> str:
    """Return a check's address with ``start`` or ``fail`` appended to its path, or nothing."""
    if not end:
        return url
    parts = urlsplit(url)
    return parts._replace(path=f"{parts.path.rstrip('/')}/{end}").geturl()


def without_secrets(url: str) -> str:
    """Return the part of a URL that may be shown: its scheme, and the host of a plain web address.

    Anything else in Apprise's URLs may be a token, even in the place of the host.
    """
    scheme, _, _ = url.partition("://")
    if scheme.lower() not in {"http", "https"}:
        return f"{scheme[:20]}://…"
    try:
        host = urlsplit(url).hostname
    except ValueError:
        host = None
    return f"{scheme}://{host or ''}/…"
