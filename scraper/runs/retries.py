"""Counts the failures of each request over all processes of a run, and the retry budget."""

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
    """The retry budget and the tries of each failed request."""

    def __init__(self, limit: Credits, jitter: Callable[[], float]) -> None:
        """`limit`: credits that the run may spend on retries of paid attempts."""
        self._limit = limit
        self._jitter = jitter
        self._spent: Credits = 0
        self._tries: dict[str, Tries] = {}
        self._attempts: Counter[str] = Counter()
        self._refused_for_budget: set[str] = set()
        self._pauses: Counter[str] = Counter()
        self._paused_at: dict[str, datetime] = {}

    def restore(self, failures: Mapping[str, Sequence[Failure]], retried: Credits) -> None:
        """Restore the counts of earlier processes of the run."""
        self._spent = retried
        for key, failed in failures.items():
            self._attempts[key] = len(failed)
            if (tries := tries_of(failed)) != Tries():
                self._tries[key] = tries

    def attempt_of(self, request: Request) -> int:
        """Return the 1-based number of the current or next attempt."""
        return self._attempts[request.key] + 1

    def has_failed(self, request: Request) -> bool:
        """Return whether the request reached its vendor and failed."""
        return request.key in self._tries

    def succeed(self, request: Request) -> None:
        """Forget a request that has landed, and the pauses of its account."""
        self._tries.pop(request.key, None)
        self._attempts.pop(request.key, None)
        self._pauses.pop(request.endpoint.vendor, None)

    def decide(
        self, request: Request, outcome: Outcome, sent_at: datetime, now: datetime, *, blameless: bool
    ) -> Decision:
        """Decide on a failed attempt; `blameless`: its endpoint or vendor is failing as a whole."""
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
        """Return the retry of a page that is empty and promises more; ``None``: the page has landed."""
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
        """Count consecutive pauses of the account; requests in flight when one began belong to it."""
        vendor = request.endpoint.vendor
        if vendor not in self._pauses or sent_at > self._paused_at[vendor]:
            self._pauses[vendor] += 1
            self._paused_at[vendor] = now
        return self._pauses[vendor]

    def words(self, request: Request, outcome: Outcome) -> str:
        """Return the reason why a request is given up, in words."""
        said = f"{outcome.kind.value.replace('_', ' ')}: {outcome.detail}"
        if request.key in self._refused_for_budget:
            return f"{said}; retry_budget exhausted ({self._limit} credits)"
        if not outcome.transient:
            kept = "" if outcome.charge is Charge.FREE else "; its body is kept"
            return f"{said}; not retried, the answer would be the same{kept}"
        attempts = self._attempts[request.key]
        return said if attempts == 1 else f"{said}, after {attempts} attempts"
