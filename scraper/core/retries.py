"""The retry policy. Each retry is decided here, reserved, and entered in the ledger.

Each outcome has a policy: whether the request is retried, after which wait, and how far its failure reaches otherwise.
An error rule of the vendor file may allow fewer retries than the policy does.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from types import MappingProxyType
from typing import TypeAlias, assert_never

from scraper.core.catalogue import Charge, OutcomeKind
from scraper.core.events import Ending
from scraper.core.outcomes import Outcome
from scraper.core.vendor_times import LONGEST_WAIT_S

FREE_RETRIES = 4
"""Retries of one request after free failures."""
PAID_RETRIES = 3
"""Retries of one request after failures that were charged, or may have been: 1 + 3 attempts."""
MALFORMED_RETRIES = 1
"""Paid retries of one request after malformed answers: a second one is not an accident, and costs as much as a good
answer."""
FIRST_BACKOFF_S = 1.0
LONGEST_BACKOFF_S = 60.0
RATE_LIMIT_WAIT_S = 60.0
"""Wait after a 429 that states no time: both vendors count by the minute or say so (vendor facts, sections 1 and 2)."""
LONGEST_PAUSE_S = 900.0
"""Longest pause of our own. A pause that has doubled past it ends the run for now."""


class Reach(StrEnum):
    """The reach of a failure."""

    REQUEST = "request"
    WALK = "walk"
    ENDPOINT = "endpoint"
    ACCOUNT = "account"


class Wait(StrEnum):
    """The wait before a retry."""

    NONE = "none"
    """No retry."""
    BACKOFF = "backoff"
    """Exponential backoff from 0.5 to 1 s on, or the wait that the vendor states if it is longer."""
    PAUSE = "pause"
    """The whole account pauses for the time that the vendor states, else a minute; consecutive pauses double."""


@dataclass(frozen=True, slots=True)
class Policy:
    """The consequence of one kind of outcome."""

    wait: Wait
    reach: Reach
    """The reach of the failure once the request is not retried."""
    breaks: bool = False
    """True if it counts towards the circuit breakers (`core.breakers`)."""


_PASSING = Policy(Wait.BACKOFF, Reach.REQUEST, breaks=True)

POLICIES: Mapping[OutcomeKind, Policy] = MappingProxyType(
    {
        OutcomeKind.IN_BAND_ERROR: _PASSING,
        OutcomeKind.MALFORMED: _PASSING,
        OutcomeKind.UPSTREAM_ERROR: _PASSING,
        OutcomeKind.LOST: _PASSING,
        OutcomeKind.NOT_SENT: Policy(Wait.BACKOFF, Reach.ACCOUNT, breaks=True),
        OutcomeKind.RATE_LIMITED: Policy(Wait.PAUSE, Reach.ACCOUNT),
        OutcomeKind.QUOTA_EXHAUSTED: Policy(Wait.NONE, Reach.ACCOUNT),
        OutcomeKind.AUTH_REJECTED: Policy(Wait.NONE, Reach.ACCOUNT),
        OutcomeKind.ENDPOINT_DENIED: Policy(Wait.NONE, Reach.ENDPOINT),
        OutcomeKind.GONE: Policy(Wait.NONE, Reach.ENDPOINT),
        OutcomeKind.BAD_REQUEST: Policy(Wait.NONE, Reach.WALK),
    }
)
"""Policies of all kinds except OK and EMPTY, which are pages. In a cursor walk, a failed request ends the walk."""


def breaks(outcome: Outcome) -> bool:
    """Return whether a failure counts towards the circuit breakers."""
    policy = POLICIES.get(outcome.kind)
    return policy is not None and policy.breaks


@dataclass(frozen=True, slots=True)
class Retry:
    """Retry after a wait. A wait of the whole account applies to every process."""

    wait_s: float
    whole_account: bool = False
    named: bool = False
    """True if the vendor stated this wait: the job's `max_wait` applies. False: it is our own backoff or pause."""


@dataclass(frozen=True, slots=True)
class GiveUp:
    """Give up this request, and all others within reach."""

    reach: Reach


Decision: TypeAlias = Retry | GiveUp


@dataclass(frozen=True, slots=True)
class Failure:
    """A failed attempt in the ledger."""

    kind: OutcomeKind
    charge: Charge
    ending: Ending


@dataclass(frozen=True, slots=True)
class Tries:
    """Failed attempts of one request, without refused connections and free 429s, which are not its fault."""

    free: int = 0
    paid: int = 0
    """Failures that were charged, presumed or unknown."""
    malformed: int = 0
    """Malformed answers among those."""
    empty: int = 0
    """Empty pages that promised more and were retried; not counted in `paid`."""
    kind: OutcomeKind | None = None
    in_a_row: int = 0
    """Consecutive failures of the last kind."""

    def after(self, kind: OutcomeKind, charge: Charge) -> Tries:
        if kind is OutcomeKind.EMPTY:
            return replace(self, empty=self.empty + 1)
        free = charge is Charge.FREE
        if kind is OutcomeKind.NOT_SENT or (kind is OutcomeKind.RATE_LIMITED and free):
            return self
        in_a_row = self.in_a_row + 1 if kind is self.kind else 1
        malformed = self.malformed + (not free and kind is OutcomeKind.MALFORMED)
        return Tries(self.free + free, self.paid + (not free), malformed, self.empty, kind, in_a_row)


def tries_of(failures: Iterable[Failure]) -> Tries:
    """Return the tries of a request over earlier processes of the run; one that was given up starts again at 0."""
    tries = Tries()
    for failure in failures:
        tries = tries.after(failure.kind, failure.charge)
        if failure.ending is Ending.FAILED or tries.paid > PAID_RETRIES:
            tries = Tries()
    return tries


def decide(
    outcome: Outcome,
    tries: Tries,
    jitter: float,
    *,
    pauses: int = 1,
    may_buy_again: bool = True,
    blameless: bool = False,
) -> Decision:
    """Decide what follows a failed attempt.

    `tries`: the failed attempts of the request, including this one. `jitter`: a random number in 0..1. `pauses`:
    consecutive pauses of the account. `may_buy_again`: the retry budget covers the price. `blameless`: the endpoint or
    the vendor is failing as a whole, so that only paid attempts count against the request.
    """
    policy = POLICIES.get(outcome.kind)
    if policy is None:
        raise ValueError(f"an attempt that ended {outcome.kind} is not retried")
    if policy.wait is Wait.NONE or _spent(outcome, tries, may_buy_again=may_buy_again, blameless=blameless):
        return GiveUp(policy.reach)
    match policy.wait:
        case Wait.PAUSE:
            told_s = RATE_LIMIT_WAIT_S if outcome.wait_s is None else outcome.wait_s
            if pauses <= 1:
                return Retry(told_s, whole_account=True, named=outcome.wait_s is not None)
            doubled_s = max(1.0, told_s) * 2 ** min(pauses - 1, 30)
            return Retry(min(doubled_s, LONGEST_WAIT_S), whole_account=True)
        case Wait.BACKOFF:
            doublings = min(max(0, tries.free + tries.paid - 1), 30)
            backoff_s = min(LONGEST_BACKOFF_S, FIRST_BACKOFF_S * 2**doublings) * (0.5 + jitter / 2)
            named_s = outcome.wait_s or 0.0
            return Retry(named_s, named=True) if named_s > backoff_s else Retry(backoff_s)
        case _:
            assert_never(policy.wait)


def retry_empty(
    outcome: Outcome, tries: Tries, most: int, jitter: float, *, may_buy_again: bool = True
) -> Retry | None:
    """Return the retry of an empty page that promises more; ``None`` if the page is accepted as it is.

    `tries`: its earlier attempts. `most`: the job's limit. TikTok is known to return a page in mid-feed without rows,
    and with all of them on a retry (vendor facts, section 6).
    """
    promises_more = outcome.kind is OutcomeKind.EMPTY and outcome.facts is not None and outcome.facts.has_more is True
    affordable = outcome.charge is Charge.FREE or may_buy_again
    if not promises_more or tries.empty >= most or not affordable:
        return None
    return Retry(FIRST_BACKOFF_S * (0.5 + jitter / 2))


def _spent(outcome: Outcome, tries: Tries, *, may_buy_again: bool, blameless: bool) -> bool:
    """Return whether the request is out of retries."""
    if not outcome.transient or (outcome.charge is not Charge.FREE and not may_buy_again):
        return True
    if tries.paid > PAID_RETRIES:
        return True
    if blameless:
        return False
    if tries.malformed > MALFORMED_RETRIES:
        return True
    by_rule = outcome.retries is not None and tries.in_a_row > outcome.retries
    return by_rule or tries.free > FREE_RETRIES
