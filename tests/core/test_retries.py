"""What follows a failed attempt."""

from __future__ import annotations

from typing import assert_never

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scraper.core.catalogue import Charge, OutcomeKind
from scraper.core.outcomes import Outcome
from scraper.core.retries import FREE_ATTEMPTS, PAID_ATTEMPTS, GiveUp, Reach, Retry, decide

FAILURES = [kind for kind in OutcomeKind if kind not in {OutcomeKind.OK, OutcomeKind.EMPTY}]
PASSING = [
    OutcomeKind.UPSTREAM_ERROR, OutcomeKind.IN_BAND_ERROR, OutcomeKind.MALFORMED, OutcomeKind.LOST,
    OutcomeKind.RATE_LIMITED,
]  # fmt: skip


def failed(kind: OutcomeKind, charge: Charge = Charge.FREE, wait_s: float | None = None) -> Outcome:
    return Outcome(kind, charge, 0 if charge is Charge.FREE else 8, wait_s=wait_s)


@pytest.mark.parametrize(
    ("kind", "reach"),
    [
        (OutcomeKind.BAD_REQUEST, Reach.REQUEST),
        (OutcomeKind.GONE, Reach.ENDPOINT),
        (OutcomeKind.ENDPOINT_DENIED, Reach.ENDPOINT),
        (OutcomeKind.AUTH_REJECTED, Reach.ACCOUNT),
        (OutcomeKind.QUOTA_EXHAUSTED, Reach.ACCOUNT),
    ],
)
def test_a_refusal_is_never_asked_again_and_closes_as_far_as_it_reaches(kind: OutcomeKind, reach: Reach) -> None:
    assert decide(failed(kind), attempt=1, jitter=0.5) == GiveUp(reach)


@pytest.mark.parametrize("kind", PASSING)
def test_what_may_pass_is_tried_more_often_while_it_costs_nothing(kind: OutcomeKind) -> None:
    def attempts(charge: Charge) -> int:
        tries = (n for n in range(1, 50) if isinstance(decide(failed(kind, charge), n, 0.5), GiveUp))
        return next(tries)

    costs = {charge: attempts(charge) for charge in Charge}
    assert costs == {
        Charge.FREE: FREE_ATTEMPTS,
        Charge.CHARGED: PAID_ATTEMPTS,
        Charge.PRESUMED: PAID_ATTEMPTS,
        Charge.UNKNOWN: PAID_ATTEMPTS,
    }
    assert decide(failed(kind), FREE_ATTEMPTS, 0.5) == GiveUp(Reach.REQUEST)


def test_a_429_pauses_the_whole_account_for_as_long_as_the_vendor_says_or_a_minute() -> None:
    assert decide(failed(OutcomeKind.RATE_LIMITED, wait_s=7.5), 1, 0.0) == Retry(7.5, whole_account=True)
    assert decide(failed(OutcomeKind.RATE_LIMITED, wait_s=0.0), 1, 0.0) == Retry(0.0, whole_account=True)
    assert decide(failed(OutcomeKind.RATE_LIMITED), 1, 0.0) == Retry(60.0, whole_account=True)


def test_a_backoff_doubles_and_is_spread_by_the_jitter() -> None:
    waits = [decide(failed(OutcomeKind.UPSTREAM_ERROR), attempt, 1.0) for attempt in (1, 2, 3, 4)]
    assert waits == [Retry(1.0), Retry(2.0), Retry(4.0), Retry(8.0)]
    assert decide(failed(OutcomeKind.UPSTREAM_ERROR), 3, 0.0) == Retry(2.0)


def test_a_vendor_that_names_a_longer_wait_is_heard() -> None:
    assert decide(failed(OutcomeKind.UPSTREAM_ERROR, wait_s=30.0), 1, 0.5) == Retry(30.0)


def test_no_connection_at_all_closes_the_account() -> None:
    assert decide(failed(OutcomeKind.NOT_SENT), FREE_ATTEMPTS, 0.5) == GiveUp(Reach.ACCOUNT)
    assert isinstance(decide(failed(OutcomeKind.NOT_SENT), 1, 0.5), Retry)


@pytest.mark.parametrize("kind", [OutcomeKind.OK, OutcomeKind.EMPTY])
def test_a_page_that_landed_has_nothing_to_decide(kind: OutcomeKind) -> None:
    with pytest.raises(ValueError, match="is not tried again"):
        decide(failed(kind), 1, 0.5)


@given(
    st.sampled_from(FAILURES),
    st.sampled_from(Charge),
    st.integers(1, 1_000),
    st.floats(0, 1),
    st.none() | st.floats(0, 1e9),
)
def test_every_failure_has_a_decision_and_ends_within_five_attempts(
    kind: OutcomeKind, charge: Charge, attempt: int, jitter: float, wait_s: float | None
) -> None:
    decision = decide(failed(kind, charge, wait_s), attempt, jitter)
    match decision:
        case Retry():
            assert attempt < FREE_ATTEMPTS
            assert decision.wait_s >= 0
        case GiveUp():
            pass
        case _:
            assert_never(decision)
