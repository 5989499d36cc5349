"""How often each request of a run has failed, over all its processes, and what it may still cost to ask again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from scraper.core.catalogue import Charge, OutcomeKind
from scraper.core.outcomes import Outcome
from scraper.core.requests import Request
from scraper.core.retries import Decision, Failure, GiveUp, Retry, Tries, decide, retry_empty, tries_of
from scraper.core.units import Credits


class Retries:
    """The retry budget, and the tries of every request that has failed."""

    def __init__(self, limit: Credits, jitter: Callable[[], float]) -> None:
        """`limit`: credits of the run that may have bought nothing and be spent once more."""
        self._limit = limit
        self._jitter = jitter
        self._spent: Credits = 0
        self._tries: dict[str, Tries] = {}
        self._attempts: Counter[str] = Counter()
        self._refused_for_budget: set[str] = set()
        self._pauses: Counter[str] = Counter()
        self._paused_at: dict[str, datetime] = {}

    def take_up(self, failures: Mapping[str, Sequence[Failure]], retried: Credits) -> None:
        """Goes on where the earlier processes of the run stood."""
        self._spent = retried
        for key, failed in failures.items():
            self._attempts[key] = len(failed)
            if (tries := tries_of(failed)) != Tries():
                self._tries[key] = tries

    def attempt_of(self, request: Request) -> int:
        """The number of its next attempt, or of the one under way, 1-based."""
        return self._attempts[request.key] + 1

    def has_failed(self, request: Request) -> bool:
        """It reached its vendor, and nothing came of it."""
        return request.key in self._tries

    def succeed(self, request: Request) -> None:
        """It has landed: nothing of it needs to be remembered, and its account is not turned away."""
        self._tries.pop(request.key, None)
        self._attempts.pop(request.key, None)
        self._pauses.pop(request.endpoint.vendor, None)

    def decide(
        self, request: Request, outcome: Outcome, sent_at: datetime, now: datetime, *, blameless: bool
    ) -> Decision:
        """What follows a failed attempt; `blameless`: everything fails there just now."""
        key = request.key
        tries = self._tries.get(key, Tries()).after(outcome.kind, outcome.charge)
        if tries != Tries():
            self._tries[key] = tries
        self._attempts[key] += 1
        free = outcome.charge is Charge.FREE
        affordable = free or self._spent + outcome.credits <= self._limit
        pauses = self._pauses_in_a_row(request, sent_at, now) if outcome.kind is OutcomeKind.RATE_LIMITED else 1
        decision = decide(outcome, tries, self._jitter(), pauses=pauses, may_buy_again=affordable, blameless=blameless)
        match decision:
            case Retry():
                self._spent += 0 if free else outcome.credits
            case GiveUp():
                if not affordable:
                    self._refused_for_budget.add(key)
        return decision

    def decide_empty(self, request: Request, outcome: Outcome, most: int) -> Retry | None:
        """Decide whether a page that has landed is requested again because it is empty and promises more."""
        key = request.key
        tries = self._tries.get(key, Tries())
        affordable = self._spent + outcome.credits <= self._limit
        retry = retry_empty(outcome, tries, most, self._jitter(), may_buy_again=affordable) if most else None
        if retry is not None:
            self._tries[key] = tries.after(outcome.kind, outcome.charge)
            self._attempts[key] += 1
            self._spent += outcome.credits
        return retry

    def _pauses_in_a_row(self, request: Request, sent_at: datetime, now: datetime) -> int:
        """Pauses of the account with no page between; what was in flight when one began belongs to it."""
        vendor = request.endpoint.vendor
        if vendor not in self._pauses or sent_at > self._paused_at[vendor]:
            self._pauses[vendor] += 1
            self._paused_at[vendor] = now
        return self._pauses[vendor]

    def words(self, request: Request, outcome: Outcome) -> str:
        """Why a request is given up, for people."""
        said = f"{outcome.kind.value.replace('_', ' ')}: {outcome.detail}"
        if request.key in self._refused_for_budget:
            return f"{said}; retry_budget holds no {outcome.credits} of its {self._limit} credits for another try"
        if not outcome.transient:
            kept = "" if outcome.charge is Charge.FREE else ", and its body is kept"
            return f"{said}; not retried: the answer is the same each time{kept}"
        attempts = self._attempts[request.key]
        return said if attempts == 1 else f"{said}, at the last of {attempts} attempts"
