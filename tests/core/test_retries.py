"""What follows a failed attempt."""

from __future__ import annotations

from typing import assert_never

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scraper.core.catalogue import Charge, OutcomeKind
from scraper.core.events import Ending
from scraper.core.outcomes import Outcome
from scraper.core.retries import (
    FREE_RETRIES,
    LONGEST_PAUSE_S,
    MALFORMED_RETRIES,
    PAID_RETRIES,
    POLICIES,
    Failure,
    GiveUp,
    Reach,
    Retry,
    Tries,
    decide,
    tries_of,
)

FAILURES = [kind for kind in OutcomeKind if kind not in {OutcomeKind.OK, OutcomeKind.EMPTY}]
PASSING = [OutcomeKind.UPSTREAM_ERROR, OutcomeKind.IN_BAND_ERROR, OutcomeKind.MALFORMED, OutcomeKind.LOST]


def failed(
    kind: OutcomeKind,
    charge: Charge = Charge.FREE,
    wait_s: float | None = None,
    retries: int | None = None,
    *,
    transient: bool = True,
) -> Outcome:
    credits = 0 if charge is Charge.FREE else 8
    return Outcome(kind, charge, credits, wait_s=wait_s, retries=retries, transient=transient)


def after(kind: OutcomeKind, charge: Charge, times: int) -> Tries:
    tries = Tries()
    for _ in range(times):
        tries = tries.after(kind, charge)
    return tries


def attempts(kind: OutcomeKind, charge: Charge, *, transient: bool = True) -> int:
    """Attempts until a request that always fails so is given up."""
    outcome = failed(kind, charge, transient=transient)
    return next(n for n in range(1, 50) if isinstance(decide(outcome, after(kind, charge, n), 0.5), GiveUp))


def test_every_failure_has_a_policy_and_a_page_has_none() -> None:
    assert set(POLICIES) == set(FAILURES)


@pytest.mark.parametrize(
    ("kind", "reach"),
    [
        (OutcomeKind.BAD_REQUEST, Reach.WALK),
        (OutcomeKind.GONE, Reach.ENDPOINT),
        (OutcomeKind.ENDPOINT_DENIED, Reach.ENDPOINT),
        (OutcomeKind.AUTH_REJECTED, Reach.ACCOUNT),
        (OutcomeKind.QUOTA_EXHAUSTED, Reach.ACCOUNT),
    ],
)
@pytest.mark.parametrize("charge", Charge)
def test_a_refusal_is_never_asked_again_and_closes_as_far_as_it_reaches(
    kind: OutcomeKind, reach: Reach, charge: Charge
) -> None:
    assert decide(failed(kind, charge), after(kind, charge, 1), jitter=0.5) == GiveUp(reach)


@pytest.mark.parametrize("kind", [kind for kind in PASSING if kind is not OutcomeKind.MALFORMED])
def test_what_was_paid_for_nothing_is_bought_again_three_times_and_what_was_free_is_asked_four_times_more(
    kind: OutcomeKind,
) -> None:
    assert {charge: attempts(kind, charge) for charge in Charge} == {
        Charge.FREE: 1 + FREE_RETRIES,
        Charge.CHARGED: 1 + PAID_RETRIES,
        Charge.PRESUMED: 1 + PAID_RETRIES,
        Charge.UNKNOWN: 1 + PAID_RETRIES,
    }
    assert PAID_RETRIES == 3


@pytest.mark.parametrize("charge", [Charge.CHARGED, Charge.PRESUMED, Charge.UNKNOWN])
def test_a_malformed_answer_is_bought_once_more_where_that_may_help_and_never_where_it_comes_the_same_each_time(
    charge: Charge,
) -> None:
    kind = OutcomeKind.MALFORMED
    assert attempts(kind, charge) == 1 + MALFORMED_RETRIES == 2
    assert attempts(kind, charge, transient=False) == 1
    assert attempts(kind, Charge.FREE, transient=False) == 1
    assert attempts(kind, Charge.FREE) == 1 + FREE_RETRIES


def test_malformed_answers_of_an_outage_count_against_no_request_but_as_paid_ones() -> None:
    kind, charge = OutcomeKind.MALFORMED, Charge.CHARGED
    in_an_outage = decide(failed(kind, charge), after(kind, charge, 3), 0.5, blameless=True)
    assert isinstance(in_an_outage, Retry)
    assert decide(failed(kind, charge), after(kind, charge, 4), 0.5, blameless=True) == GiveUp(Reach.REQUEST)
    the_same_each_time = failed(kind, charge, transient=False)
    assert decide(the_same_each_time, after(kind, charge, 1), 0.5, blameless=True) == GiveUp(Reach.REQUEST)


def test_other_failures_between_malformed_answers_buy_no_further_one() -> None:
    kind = OutcomeKind.MALFORMED
    tries = Tries().after(kind, Charge.CHARGED).after(OutcomeKind.LOST, Charge.UNKNOWN).after(kind, Charge.CHARGED)
    assert decide(failed(kind, Charge.CHARGED), tries, 0.5) == GiveUp(Reach.REQUEST)


def test_free_failures_between_paid_ones_buy_no_further_answer() -> None:
    kind, tries = OutcomeKind.IN_BAND_ERROR, Tries()
    bought = 0
    for charge in [Charge.CHARGED, Charge.FREE] * 10:
        tries = tries.after(kind, charge)
        bought += charge is Charge.CHARGED
        if isinstance(decide(failed(kind, charge), tries, 0.5), GiveUp):
            break
    assert bought == 1 + PAID_RETRIES


def test_nothing_is_bought_again_that_the_retry_budget_does_not_hold() -> None:
    kind = OutcomeKind.MALFORMED
    decision = decide(failed(kind, Charge.CHARGED), after(kind, Charge.CHARGED, 1), 0.5, may_buy_again=False)
    assert decision == GiveUp(Reach.REQUEST)
    free = decide(failed(kind, Charge.FREE), after(kind, Charge.FREE, 1), 0.5, may_buy_again=False)
    assert isinstance(free, Retry)


def test_a_vendors_own_rule_allows_fewer_retries_of_that_kind_in_a_row() -> None:
    kind = OutcomeKind.UPSTREAM_ERROR
    once = failed(kind, retries=1)
    assert isinstance(decide(once, after(kind, Charge.FREE, 1), 0.5), Retry)
    assert decide(once, after(kind, Charge.FREE, 2), 0.5) == GiveUp(Reach.REQUEST)
    between = after(kind, Charge.FREE, 1).after(OutcomeKind.LOST, Charge.UNKNOWN).after(kind, Charge.FREE)
    assert isinstance(decide(once, between, 0.5), Retry)
    assert decide(failed(kind, retries=0), after(kind, Charge.FREE, 1), 0.5) == GiveUp(Reach.REQUEST)


def test_while_everything_fails_only_what_is_paid_counts_against_a_request() -> None:
    kind = OutcomeKind.UPSTREAM_ERROR
    assert isinstance(decide(failed(kind, retries=1), after(kind, Charge.FREE, 9), 0.5, blameless=True), Retry)
    paid = decide(failed(kind, Charge.PRESUMED), after(kind, Charge.PRESUMED, 4), 0.5, blameless=True)
    assert paid == GiveUp(Reach.REQUEST)


def test_a_429_pauses_the_whole_account_for_as_long_as_the_vendor_says_or_a_minute() -> None:
    kind, none = OutcomeKind.RATE_LIMITED, Tries()
    assert decide(failed(kind, wait_s=7.5), none, 0.0) == Retry(7.5, whole_account=True, named=True)
    assert decide(failed(kind, wait_s=0.0), none, 0.0) == Retry(0.0, whole_account=True, named=True)
    assert decide(failed(kind), none, 0.0) == Retry(60.0, whole_account=True)


def test_pauses_in_a_row_grow_and_a_free_429_is_never_the_requests_fault() -> None:
    kind = OutcomeKind.RATE_LIMITED
    tries = after(kind, Charge.FREE, 100)
    assert tries == Tries()
    waits = [decide(failed(kind, wait_s=2.0), tries, 0.0, pauses=pauses) for pauses in (1, 2, 3, 4)]
    ours = [Retry(wait_s, whole_account=True) for wait_s in (4.0, 8.0, 16.0)]
    assert waits == [Retry(2.0, whole_account=True, named=True), *ours]
    assert decide(failed(kind, Charge.PRESUMED), after(kind, Charge.PRESUMED, 4), 0.0) == GiveUp(Reach.ACCOUNT)


def test_a_backoff_doubles_and_is_spread_by_the_jitter() -> None:
    kind = OutcomeKind.UPSTREAM_ERROR
    waits = [decide(failed(kind), after(kind, Charge.FREE, attempt), 1.0) for attempt in (1, 2, 3, 4)]
    assert waits == [Retry(1.0), Retry(2.0), Retry(4.0), Retry(8.0)]
    assert decide(failed(kind), after(kind, Charge.FREE, 3), 0.0) == Retry(2.0)


def test_a_vendor_that_names_a_longer_wait_is_heard_and_a_shorter_one_leaves_the_backoff_ours() -> None:
    kind = OutcomeKind.UPSTREAM_ERROR
    assert decide(failed(kind, wait_s=30.0), after(kind, Charge.FREE, 1), 0.5) == Retry(30.0, named=True)
    assert decide(failed(kind, wait_s=0.1), after(kind, Charge.FREE, 1), 1.0) == Retry(1.0)


@given(st.sampled_from(FAILURES), st.integers(0, 60), st.floats(0, 1), st.none() | st.floats(0, 1e9))
def test_only_a_wait_of_the_vendors_own_figure_is_called_its_wish(
    kind: OutcomeKind, failures: int, jitter: float, wait_s: float | None
) -> None:
    decision = decide(failed(kind, wait_s=wait_s), after(kind, Charge.FREE, failures), jitter)
    if isinstance(decision, Retry):
        assert decision.wait_s == wait_s if decision.named else decision.wait_s <= LONGEST_PAUSE_S


def test_no_request_is_to_blame_for_a_refused_connection() -> None:
    tries = after(OutcomeKind.NOT_SENT, Charge.FREE, 50)
    assert isinstance(decide(failed(OutcomeKind.NOT_SENT), tries, 0.5), Retry)


@pytest.mark.parametrize("kind", [OutcomeKind.OK, OutcomeKind.EMPTY])
def test_a_page_that_landed_has_nothing_to_decide(kind: OutcomeKind) -> None:
    with pytest.raises(ValueError, match="is not retried"):
        decide(failed(kind), Tries(), 0.5)


# --- over the processes of a run --------------------------------------------------------------------------------------

ENDINGS = {OutcomeKind.LOST: Ending.LOST, OutcomeKind.NOT_SENT: Ending.NOT_SENT}


@given(st.lists(st.tuples(st.sampled_from(PASSING), st.sampled_from(Charge)), max_size=12), st.integers(0, 12))
def test_a_request_is_tried_as_often_with_a_restart_between_as_without(
    met: list[tuple[OutcomeKind, Charge]], restart_after: int
) -> None:
    def attempts_made(*, restarted: bool) -> int:
        tries, history = Tries(), list[Failure]()
        for number, (kind, charge) in enumerate(met, start=1):
            if restarted and number == restart_after:
                tries = tries_of(history)
            tries = tries.after(kind, charge)
            decision = decide(failed(kind, charge), tries, 0.5)
            ending = ENDINGS.get(kind, Ending.RETRIED if isinstance(decision, Retry) else Ending.FAILED)
            history.append(Failure(kind, charge, ending))
            if isinstance(decision, GiveUp):
                return number
        return len(met)

    assert attempts_made(restarted=True) == attempts_made(restarted=False)


def test_a_request_that_was_given_up_is_tried_anew_when_the_user_resumes_the_run() -> None:
    paid = Failure(OutcomeKind.MALFORMED, Charge.CHARGED, Ending.RETRIED)
    given_up = Failure(OutcomeKind.MALFORMED, Charge.CHARGED, Ending.FAILED)
    lost = Failure(OutcomeKind.LOST, Charge.UNKNOWN, Ending.LOST)
    assert tries_of([paid, paid]).paid == 2
    assert tries_of([paid, paid, given_up]) == Tries()
    assert tries_of([lost] * (1 + PAID_RETRIES)) == Tries()


@given(
    st.sampled_from(FAILURES),
    st.lists(st.sampled_from(Charge), min_size=1, max_size=30),
    st.floats(0, 1),
    st.none() | st.floats(0, 1e9),
    st.integers(1, 10_000),
)
def test_every_failure_has_a_decision_and_what_is_paid_ends_within_four_attempts(
    kind: OutcomeKind, charges: list[Charge], jitter: float, wait_s: float | None, pauses: int
) -> None:
    tries = Tries()
    for charge in charges:
        tries = tries.after(kind, charge)
    decision = decide(failed(kind, charges[-1], wait_s), tries, jitter, pauses=pauses)
    match decision:
        case Retry():
            assert tries.paid <= PAID_RETRIES
            assert tries.free <= FREE_RETRIES
            assert decision.wait_s >= 0
        case GiveUp():
            pass
        case _:
            assert_never(decision)
