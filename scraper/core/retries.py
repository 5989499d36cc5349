"""What follows a failed attempt. Every further attempt is a decision of ours, reserved and in the ledger.

Whatever an attempt ended in has a policy here: whether it is asked again, after which wait, and how far its failure
reaches when it is not. An error rule of the vendor's file may allow fewer retries than the policy does.
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

FREE_RETRIES = 4
"""Further attempts at one request after failures that cost nothing."""
PAID_RETRIES = 3
"""An answer that was charged, or may have been, and gave nothing is bought again at most so often: 1 + 3 attempts."""
MALFORMED_RETRIES = 1
"""The same for an answer that is not as documented: a second one is no accident, and costs as much as a good one."""
FIRST_BACKOFF_S = 1.0
LONGEST_BACKOFF_S = 60.0
RATE_LIMIT_WAIT_S = 60.0
"""After a 429 that names no time: both vendors count by the minute or say so (vendor facts, sections 1 and 2)."""
LONGEST_PAUSE_S = 900.0
"""A pause of ours that has doubled past this ends the run for now: an account refused for so long is not just busy."""


class Reach(StrEnum):
    """How far a failure reaches."""

    REQUEST = "request"
    WALK = "walk"
    ENDPOINT = "endpoint"
    ACCOUNT = "account"


class Wait(StrEnum):
    """What is waited for before another attempt."""

    NONE = "none"
    """There is no other attempt."""
    BACKOFF = "backoff"
    """Twice as long each time, from half a second to a second on, or as long as the vendor asks for."""
    PAUSE = "pause"
    """The whole account waits as long as the vendor says, else a minute; twice as long each time in a row."""


@dataclass(frozen=True, slots=True)
class Policy:
    """What follows an outcome of one kind."""

    wait: Wait
    reach: Reach
    """Where it is not asked again, or has been often enough."""
    breaks: bool = False
    """It counts towards closing its endpoint or its vendor (`core.breakers`)."""


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
"""Of every kind but OK and EMPTY, which are pages. A request of a cursor walk breaks the chain: it reaches the walk."""


def breaks(outcome: Outcome) -> bool:
    """Whether a failure counts towards closing its endpoint or its vendor."""
    policy = POLICIES.get(outcome.kind)
    return policy is not None and policy.breaks


@dataclass(frozen=True, slots=True)
class Retry:
    """Ask again after a wait; a wait of the whole account is kept by every process."""

    wait_s: float
    whole_account: bool = False
    named: bool = False
    """The vendor named this wait: the job's `max_wait` applies. False: it is our own backoff or pause."""


@dataclass(frozen=True, slots=True)
class GiveUp:
    """This request ends here, and all others within its reach."""

    reach: Reach


Decision: TypeAlias = Retry | GiveUp


@dataclass(frozen=True, slots=True)
class Failure:
    """A failed attempt, as the ledger keeps it."""

    kind: OutcomeKind
    charge: Charge
    ending: Ending


@dataclass(frozen=True, slots=True)
class Tries:
    """Failed attempts at one request that are its own: no refused connection, no 429 that cost nothing."""

    free: int = 0
    paid: int = 0
    """Charged, presumed or unknown."""
    malformed: int = 0
    """Of those, answers that were not as documented."""
    empty: int = 0
    """Apart from those: empty pages that promised more, and were requested again."""
    kind: OutcomeKind | None = None
    in_a_row: int = 0
    """How often the last kind came without another between."""

    def after(self, kind: OutcomeKind, charge: Charge) -> Tries:
        """Return the tries with one failed attempt more."""
        if kind is OutcomeKind.EMPTY:
            return replace(self, empty=self.empty + 1)
        free = charge is Charge.FREE
        if kind is OutcomeKind.NOT_SENT or (kind is OutcomeKind.RATE_LIMITED and free):
            return self
        in_a_row = self.in_a_row + 1 if kind is self.kind else 1
        malformed = self.malformed + (not free and kind is OutcomeKind.MALFORMED)
        return Tries(self.free + free, self.paid + (not free), malformed, self.empty, kind, in_a_row)


def tries_of(failures: Iterable[Failure]) -> Tries:
    """Where earlier processes of the run stood with a request; one that was given up begins anew when it is resumed."""
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
    """What to do after a request failed so.

    `tries`: its failed attempts, this one among them. `jitter`: a random number in 0..1. `pauses`: of the account, in a
    row. `may_buy_again`: the retry budget holds the price once more. `blameless`: everything fails at the endpoint or
    the vendor just now, so that only what is paid counts against the request.
    """
    policy = POLICIES.get(outcome.kind)
    if policy is None:
        raise ValueError(f"an attempt that ended {outcome.kind} is not tried again")
    if policy.wait is Wait.NONE or _spent(outcome, tries, may_buy_again=may_buy_again, blameless=blameless):
        return GiveUp(policy.reach)
    match policy.wait:
        case Wait.PAUSE:
            told_s = RATE_LIMIT_WAIT_S if outcome.wait_s is None else outcome.wait_s
            if pauses <= 1:
                return Retry(told_s, whole_account=True, named=outcome.wait_s is not None)
            return Retry(max(1.0, told_s) * 2 ** min(pauses - 1, 30), whole_account=True)
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
    """Return the retry of an empty page that promises more; ``None`` where the page is taken as it is.

    `tries`: the attempts at it before this one. `most`: the job's limit. TikTok is known to answer a page in mid-feed
    with no rows, and with all of them when it is requested again (vendor facts, section 6).
    """
    promises_more = outcome.kind is OutcomeKind.EMPTY and outcome.facts is not None and outcome.facts.has_more is True
    affordable = outcome.charge is Charge.FREE or may_buy_again
    if not promises_more or tries.empty >= most or not affordable:
        return None
    return Retry(FIRST_BACKOFF_S * (0.5 + jitter / 2))


def _spent(outcome: Outcome, tries: Tries, *, may_buy_again: bool, blameless: bool) -> bool:
    """Whether the request has been asked for often enough."""
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
