"""What follows a failed attempt. Every further attempt is a decision of ours, reserved and in the ledger."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from typing import TypeAlias, assert_never

from scraper.core.catalogue import Charge, OutcomeKind
from scraper.core.outcomes import Outcome

FREE_ATTEMPTS = 5
"""Attempts at one request while failures cost nothing."""
PAID_ATTEMPTS = 3
"""Attempts at one request where the last one was, or may have been, charged."""
FIRST_BACKOFF_S = 1.0
LONGEST_BACKOFF_S = 60.0
RATE_LIMIT_WAIT_S = 60.0
"""After a 429 that names no time: both vendors count by the minute or say so (vendor facts, sections 1 and 2)."""


class Reach(Enum):
    """How far a failure reaches."""

    REQUEST = auto()
    ENDPOINT = auto()
    ACCOUNT = auto()


@dataclass(frozen=True, slots=True)
class Retry:
    """Ask again after a wait; a wait of the whole account is kept by every process."""

    wait_s: float
    whole_account: bool = False


@dataclass(frozen=True, slots=True)
class GiveUp:
    """This request ends here, and all others within its reach."""

    reach: Reach


Decision: TypeAlias = Retry | GiveUp


def decide(outcome: Outcome, attempt: int, jitter: float) -> Decision:
    """What to do after the `attempt`-th try (1-based) of a request ended so; `jitter` is a random number in 0..1."""
    attempts = FREE_ATTEMPTS if outcome.charge is Charge.FREE else PAID_ATTEMPTS
    backoff_s = min(LONGEST_BACKOFF_S, FIRST_BACKOFF_S * 2 ** (attempt - 1)) * (0.5 + jitter / 2)
    match outcome.kind:
        case OutcomeKind.OK | OutcomeKind.EMPTY:
            raise ValueError(f"an attempt that ended {outcome.kind} is not tried again")
        case OutcomeKind.RATE_LIMITED:
            wait_s = outcome.wait_s if outcome.wait_s is not None else RATE_LIMIT_WAIT_S
            return Retry(wait_s, whole_account=True) if attempt < attempts else GiveUp(Reach.REQUEST)
        case OutcomeKind.UPSTREAM_ERROR | OutcomeKind.IN_BAND_ERROR | OutcomeKind.MALFORMED | OutcomeKind.LOST:
            return Retry(max(backoff_s, outcome.wait_s or 0)) if attempt < attempts else GiveUp(Reach.REQUEST)
        case OutcomeKind.NOT_SENT:
            return Retry(backoff_s / 2) if attempt < attempts else GiveUp(Reach.ACCOUNT)
        case OutcomeKind.QUOTA_EXHAUSTED | OutcomeKind.AUTH_REJECTED:
            return GiveUp(Reach.ACCOUNT)
        case OutcomeKind.ENDPOINT_DENIED | OutcomeKind.GONE:
            return GiveUp(Reach.ENDPOINT)
        case OutcomeKind.BAD_REQUEST:
            return GiveUp(Reach.REQUEST)
        case _:
            assert_never(outcome.kind)
