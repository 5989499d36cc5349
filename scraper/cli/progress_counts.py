"""Counts and estimates for the progress panel, over the events of one process of a run."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass, field
from typing import Final

from scraper.cli.formatting import counted, duration
from scraper.core.catalogue import Charge
from scraper.core.events import (
    Drained,
    Ending,
    Event,
    Noted,
    RequestSettled,
    RunEnded,
    RunResult,
    RunStarted,
    StateLocked,
    Stopped,
    Waiting,
)
from scraper.core.units import Credits

RATE_WINDOW_S: Final = 60.0
_LEAST_WINDOW_S: Final = 5.0
"""Shortest window over which a rate is shown."""

_STEADY_AFTER: Final = 3
"""Requests before the time left is estimated."""

_TOLD_FOR_S: Final = 20.0
"""Seconds for which a passing event is shown."""


@dataclass(slots=True)
class ProgressCounts:
    """Counts so far. Times are seconds of a monotonic clock."""

    began_at: float
    likely_requests: int | None = None
    run_id: str = ""
    budget: Credits = 0
    spent_before: Credits = 0
    """Credits spent by earlier processes of the run."""
    charged: Credits = 0
    presumed: Credits = 0
    unknown: Credits = 0
    endings: Counter[Ending] = field(default_factory=Counter)
    rows: dict[str, int] = field(default_factory=dict)
    """Rows received, by endpoint."""
    archived: dict[str, int] = field(default_factory=dict)
    """Rows archived, by table."""
    ended: bool = False
    _settled_at: deque[float] = field(default_factory=deque)
    _said: str = "starting"
    _said_at: float = 0.0
    _waits: dict[str, tuple[float, str]] = field(default_factory=dict)
    """Vendor → end and reason of its pause."""
    _stops: dict[str, str] = field(default_factory=dict)
    """Vendor → the reason why it gets no more requests."""

    @property
    def spent(self) -> Credits:
        return self.spent_before + self.charged + self.presumed + self.unknown

    @property
    def sent(self) -> int:
        return sum(n for ending, n in self.endings.items() if ending is not Ending.NOT_SENT)

    def add(self, event: Event, now: float) -> None:
        match event:
            case RunStarted():
                self.run_id, self.budget, self.spent_before = event.run_id, event.budget, event.spent
                self._say("resumed" if event.resumed else "", now)
            case Noted():
                pass  # a line of the log
            case RequestSettled():
                self._settle(event, now)
            case Waiting(vendor, wait_s, reason):
                until = max(now + wait_s, self._waits.get(vendor, (0.0, ""))[0])
                self._waits[vendor] = (until, f"{vendor}: {reason}" if reason else vendor)
            case StateLocked(reason):
                self._say(reason, now)
            case Stopped(vendor, reason):
                self._stops[vendor or ""] = reason
            case Drained():
                for table, rows in event.rows.items():
                    self.archived[table] = self.archived.get(table, 0) + rows
                unreadable = f", {event.unreadable} of them unreadable" if event.unreadable else ""
                self._say(f"{counted(event.pages, 'page')} archived{unreadable}", now)
            case RunEnded(result):
                self._end(result, now)

    def _settle(self, event: RequestSettled, now: float) -> None:
        self.endings[event.ending] += 1
        match event.charge:
            case Charge.CHARGED:
                self.charged += event.credits
            case Charge.PRESUMED:
                self.presumed += event.credits
            case Charge.UNKNOWN:
                self.unknown += event.credits
            case Charge.FREE:
                pass
        if event.ending is not Ending.NOT_SENT:
            self._settled_at.append(now)
        if event.rows:
            self.rows[event.endpoint] = self.rows.get(event.endpoint, 0) + event.rows
        if event.ending not in {Ending.OK, Ending.EMPTY}:
            what = f"{event.ending.value.replace('_', ' ')}: {event.label}"
            self._say(f"{what}: {event.detail}" if event.detail else what, now)

    def _end(self, result: RunResult, now: float) -> None:
        """Replace the counts by the result, which is of the whole run."""
        self.budget, self.spent_before = result.budget, 0
        self.charged, self.presumed, self.unknown = result.charged, result.presumed, result.unknown
        self.endings = Counter(result.requests)
        self.archived = {table: rows for table, rows in result.rows.items() if rows}
        self.ended = True
        self._waits.clear()
        self._say(f"ended: {result.status.value}", now)

    def _say(self, words: str, now: float) -> None:
        self._said, self._said_at = words, now

    def doing(self, now: float) -> str:
        """Return the current activity: the ending, a wait, a stop, or the last event."""
        if self.ended:
            return self._said
        waits = [(until, reason) for until, reason in self._waits.values() if until > now]
        if waits:
            until, reason = min(waits)
            return f"waiting {duration(max(1, until - now))}: {reason}"
        if self._stops:
            return list(self._stops.values())[-1]
        return self._said if self._said and now - self._said_at < _TOLD_FOR_S else "buying pages"

    def elapsed_s(self, now: float) -> float:
        return max(0.0, (self._said_at if self.ended else now) - self.began_at)

    def per_minute(self, now: float) -> int | None:
        """Return the rate of the last minute; ``None`` while it is too early."""
        window_s = min(RATE_WINDOW_S, now - self.began_at)
        if self.ended:
            window_s, now = self._said_at - self.began_at, self._said_at
        while self._settled_at and self._settled_at[0] <= now - RATE_WINDOW_S and not self.ended:
            self._settled_at.popleft()
        if window_s < _LEAST_WINDOW_S:
            return None
        return round(len(self._settled_at) * 60 / window_s)

    @property
    def stopped(self) -> bool:
        """True if at least one vendor gets no more requests."""
        return self.ended or bool(self._stops)

    @property
    def likely_left(self) -> int | None:
        """Requests likely left of the plan, at most as many as the budget buys."""
        if self.likely_requests is None or self.stopped:
            return None
        per_request = max(1, self._credits_per_request)
        left = max(0, self.likely_requests - self.sent - self.spent_before // per_request)
        return min(left, max(0, self.budget - self.spent) // per_request) if self.budget else left

    @property
    def _credits_per_request(self) -> int:
        """Average cost of a charged request; until there is one, 8, the price of the dearest endpoint."""
        paid = self.charged + self.presumed + self.unknown
        answered = self.endings[Ending.OK] + self.endings[Ending.EMPTY] + self.endings[Ending.LOST]
        return round(paid / answered) if paid and answered else 8

    def seconds_left(self, now: float) -> float | None:
        """Return the time left at the rate of the last minute; ``None`` without a plan, a rate, or requests left."""
        left, rate = self.likely_left, self.per_minute(now)
        if not left or not rate or len(self._settled_at) < _STEADY_AFTER:
            return None
        return left * 60 / rate
