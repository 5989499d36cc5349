"""What fails again and again is closed for the run: an endpoint, or a vendor.

One answer that is of no use says nothing of the next. When three different requests in a row have failed, it is no
longer the requests: from then on one request at a time is let through to try, with longer and longer waits between, and
the first page that lands ends the trial. Where a trial fails and nothing has landed for a minute, the endpoint is
closed for this process, so that a dead one costs a minute and a handful of attempts. A shorter outage closes nothing,
however many requests were in flight when it began.

Attempts that are paid for are tried less often in that minute. The next process of the run begins anew.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from scraper.core.catalogue import Charge, OutcomeKind
from scraper.core.outcomes import Outcome
from scraper.core.requests import Request

PATIENCE = timedelta(seconds=60)
"""A vendor that restarts, or a network that changes over, is back by then."""
DIFFERENT_REQUESTS = 3
"""One request, or two, may fail for reasons of their own."""
REFUSED_CONNECTIONS = 3
"""No request is to blame for those, so that they need not differ."""
FREE_TRIAL_S, PAID_TRIAL_S = 2.0, 4.0
"""Wait before the first trial, and by which the next ones grow: 2, 4, 8, 16, 32 s, or 4, 16, 40 s where they cost."""
LONGEST_TRIAL_WAIT_S = 40.0
MOST_HEARD_S = 86_400.0
"""A vendor's own figure for the next trial; a run's max_wait ends it long before."""

UNANSWERED = frozenset({OutcomeKind.NOT_SENT, OutcomeKind.LOST})


@dataclass(slots=True)
class Streak:
    """Failures in a row of one endpoint, or of one vendor."""

    name: str
    """``crawlora.hashtags`` or ``crawlora``."""
    failures: int = 0
    began_at: datetime | None = None
    last: Outcome | None = None
    trials: int = 0
    """That have failed."""
    try_at: datetime | None = None
    """When the next one may be sent; ``None``: nothing is on trial."""
    _requests: set[str] = field(default_factory=set)
    _endpoints: set[str] = field(default_factory=set)
    _kinds: set[OutcomeKind] = field(default_factory=set)
    _may_pass: bool = False
    """One of the failures was transient."""

    @property
    def is_vendors(self) -> bool:
        return "." not in self.name

    @property
    def on_trial(self) -> bool:
        """Only one request at a time is let through."""
        if self.is_vendors and self._kinds == {OutcomeKind.NOT_SENT}:
            return self.failures >= REFUSED_CONNECTIONS
        several = not self.is_vendors or len(self._endpoints) > 1 or self._kinds <= UNANSWERED
        return several and len(self._requests) >= DIFFERENT_REQUESTS

    def fail(self, request: Request, outcome: Outcome, now: datetime, *, trial: bool) -> None:
        """One failure more; `trial`: of the request that was let through to try."""
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
        """Nothing has come of it for too long; an endpoint all of whose answers are wrong in structure is not tried."""
        if not self.is_vendors and self.on_trial and not self._may_pass:
            return True
        return self.on_trial and self.trials > 0 and self.began_at is not None and now - self.began_at >= PATIENCE

    def sentence(self, now: datetime) -> str:
        """In words, for people."""
        last = "" if self.last is None else f"{self.last.kind.value.replace('_', ' ')}: {self.last.detail}"
        if self._kinds == {OutcomeKind.NOT_SENT}:
            return f"{self.name} cannot be reached ({'' if self.last is None else self.last.detail})"
        lasting_s = (now - (self.began_at or now)).total_seconds()
        return f"{self.name} gives no page: {self.failures} attempts in a row failed in {lasting_s:.0f} s, last {last}"


class Breakers:
    """The streaks of one process of a run."""

    def __init__(self) -> None:
        self._streaks: dict[str, Streak] = {}

    def succeed(self, request: Request) -> bool:
        """A page has landed: its endpoint and its vendor are alive. Whether one of them was on trial."""
        names = (request.endpoint.full_name, request.endpoint.vendor)
        ended = [streak for name in names if (streak := self._streaks.pop(name, None)) is not None]
        return any(streak.on_trial for streak in ended)

    def fail(self, request: Request, outcome: Outcome, now: datetime, trial_of: Streak | None) -> None:
        """An attempt failed; `trial_of`: it was let through to try."""
        for name in (request.endpoint.vendor, request.endpoint.full_name):
            streak = self._streaks.setdefault(name, Streak(name))
            streak.fail(request, outcome, now, trial=streak is trial_of)

    def trial(self, request: Request) -> Streak | None:
        """What the request has to wait for: the trial of its vendor, else of its endpoint."""
        return next((streak for streak in self._streaks_of(request) if streak.on_trial), None)

    def dead(self, request: Request, now: datetime) -> Streak | None:
        """Return the streak that closes its vendor or its endpoint, if one does."""
        return next((streak for streak in self._streaks_of(request) if streak.is_dead(now)), None)

    def _streaks_of(self, request: Request) -> list[Streak]:
        names = (request.endpoint.vendor, request.endpoint.full_name)
        return [streak for name in names if (streak := self._streaks.get(name)) is not None]
