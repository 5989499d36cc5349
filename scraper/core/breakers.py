"""Circuit breakers for endpoints and vendors.

A single failure says nothing about the next request. Three consecutive failures of different requests put the endpoint
on trial: only one request at a time is sent, with growing waits in between, and the first page that lands ends the
trial. If a trial request fails and nothing has landed for a minute, the endpoint is closed for this process: a dead
endpoint costs a minute and a handful of attempts. A shorter outage closes nothing, no matter how many requests were in
flight when it began.

Trials that cost credits are rarer. The next process of the run starts with fresh breakers.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from scraper.core.catalogue import Charge, OutcomeKind
from scraper.core.outcomes import Outcome
from scraper.core.requests import Request

PATIENCE = timedelta(seconds=60)
"""Long enough for a vendor to restart, or for a network to fail over."""
DIFFERENT_REQUESTS = 3
"""One or two requests may fail for reasons of their own."""
REFUSED_CONNECTIONS = 3
"""Not the fault of a request, so the same one counts each time."""
FREE_TRIAL_S, PAID_TRIAL_S = 2.0, 4.0
"""Base of the waits between trials: 2, 4, 8, 16, 32 s for free failures; 4, 16, 40 s for paid ones."""
LONGEST_TRIAL_WAIT_S = 40.0
MOST_HEARD_S = 86_400.0
"""Longest wait that a vendor may name for the next trial; `max_wait` ends the run long before."""

UNANSWERED = frozenset({OutcomeKind.NOT_SENT, OutcomeKind.LOST})


@dataclass(slots=True)
class Streak:
    """Consecutive failures of one endpoint or one vendor."""

    name: str
    """``crawlora.hashtags`` or ``crawlora``."""
    failures: int = 0
    began_at: datetime | None = None
    last: Outcome | None = None
    trials: int = 0
    """Failed trials."""
    try_at: datetime | None = None
    """Time of the next trial; ``None``: not on trial."""
    _requests: set[str] = field(default_factory=set)
    _endpoints: set[str] = field(default_factory=set)
    _kinds: set[OutcomeKind] = field(default_factory=set)
    _may_pass: bool = False
    """True if one of the failures was transient."""

    @property
    def is_vendors(self) -> bool:
        return "." not in self.name

    @property
    def on_trial(self) -> bool:
        """True if only one request at a time may be sent."""
        if self.is_vendors and self._kinds == {OutcomeKind.NOT_SENT}:
            return self.failures >= REFUSED_CONNECTIONS
        several = not self.is_vendors or len(self._endpoints) > 1 or self._kinds <= UNANSWERED
        return several and len(self._requests) >= DIFFERENT_REQUESTS

    def fail(self, request: Request, outcome: Outcome, now: datetime, *, trial: bool) -> None:
        """Count a failure; `trial`: True for a trial request."""
        self.failures += 1
        self.began_at = self.began_at or now
        self.last = outcome
        self._kinds.add(outcome.kind)
        self._may_pass |= outcome.transient
        self._endpoints.add(request.endpoint.full_name)
        if len(self._requests) < DIFFERENT_REQUESTS:
            self._requests.add(request.key)
        self.trials += trial
        if self.on_trial and (trial or self.try_at is None):
            base_s = FREE_TRIAL_S if outcome.charge is Charge.FREE else PAID_TRIAL_S
            wait_s = min(LONGEST_TRIAL_WAIT_S, base_s ** (min(self.trials, 10) + 1))
            self.try_at = now + timedelta(seconds=max(wait_s, min(outcome.wait_s or 0.0, MOST_HEARD_S)))

    def is_dead(self, now: datetime) -> bool:
        """Return whether no page has landed for too long.

        An endpoint whose answers are all malformed is dead without a trial.
        """
        if not self.is_vendors and self.on_trial and not self._may_pass:
            return True
        return self.on_trial and self.trials > 0 and self.began_at is not None and now - self.began_at >= PATIENCE

    def sentence(self, now: datetime) -> str:
        last = "" if self.last is None else f"{self.last.kind.value.replace('_', ' ')}: {self.last.detail}"
        if self._kinds == {OutcomeKind.NOT_SENT}:
            return f"{self.name} cannot be reached ({'' if self.last is None else self.last.detail})"
        lasting_s = (now - (self.began_at or now)).total_seconds()
        met = f"{self.failures} consecutive attempts failed in {lasting_s:.0f} s"
        return f"{self.name} returns no page: {met}, last {last}"


class Breakers:
    """The breakers of one process of a run."""

    def __init__(self) -> None:
        self._streaks: dict[str, Streak] = {}

    def succeed(self, request: Request) -> bool:
        """Reset the breakers of a request whose page has landed; return whether one was on trial."""
        names = (request.endpoint.full_name, request.endpoint.vendor)
        ended = [streak for name in names if (streak := self._streaks.pop(name, None)) is not None]
        return any(streak.on_trial for streak in ended)

    def fail(self, request: Request, outcome: Outcome, now: datetime, trial_of: Streak | None) -> None:
        """Count a failed attempt; `trial_of`: the streak that it was the trial of."""
        for name in (request.endpoint.vendor, request.endpoint.full_name):
            streak = self._streaks.setdefault(name, Streak(name))
            streak.fail(request, outcome, now, trial=streak is trial_of)

    def trial(self, request: Request) -> Streak | None:
        """Return the trial that the request has to wait for: its vendor's, else its endpoint's."""
        return next((streak for streak in self._streaks_of(request) if streak.on_trial), None)

    def dead(self, request: Request, now: datetime) -> Streak | None:
        """Return the streak that closes its vendor or its endpoint, if one does."""
        return next((streak for streak in self._streaks_of(request) if streak.is_dead(now)), None)

    def _streaks_of(self, request: Request) -> list[Streak]:
        names = (request.endpoint.vendor, request.endpoint.full_name)
        return [streak for name in names if (streak := self._streaks.get(name)) is not None]
