"""What closes an endpoint or a vendor, and how an account that is turned away slows down and recovers."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from scraper.core.breakers import PATIENCE, Breakers
from scraper.core.catalogue import Charge, OutcomeKind
from scraper.core.outcomes import Outcome
from scraper.core.pace import FULL_PERCENT, SLOWEST_PERCENT, pace_percent, slowed_down
from scraper.core.requests import Request
from scraper.core.retries import POLICIES
from tests.core.builders import K_HASHTAGS, K_VIDEOS, NOON, walk_of


def request(number: int, endpoint: str = K_VIDEOS) -> Request:
    return walk_of(endpoint, region=f"R{number}").request(1)


def failed(kind: OutcomeKind = OutcomeKind.UPSTREAM_ERROR, charge: Charge = Charge.FREE) -> Outcome:
    return Outcome(kind, charge, 0 if charge is Charge.FREE else 2, "HTTP 500")


def fail(
    breakers: Breakers, number: int, at_s: float, endpoint: str = K_VIDEOS, outcome: Outcome | None = None
) -> Request:
    """A failure at a second after noon; of the request that is let through where something is on trial."""
    asked = request(number, endpoint)
    trial = breakers.trial(asked)
    breakers.fail(asked, outcome or failed(), NOON + timedelta(seconds=at_s), trial)
    return asked


def test_one_request_however_often_it_fails_puts_nothing_on_trial() -> None:
    breakers = Breakers()
    for attempt in range(20):
        assert breakers.trial(fail(breakers, 1, attempt * 30)) is None


def test_three_different_requests_in_a_row_put_their_endpoint_on_trial_and_not_its_vendor() -> None:
    breakers = Breakers()
    for number in range(3):
        fail(breakers, number, number)
    trial = breakers.trial(request(9))
    assert trial is not None
    assert trial.name == K_VIDEOS
    assert breakers.trial(request(9, K_HASHTAGS)) is None


def test_failures_at_two_endpoints_put_the_vendor_on_trial() -> None:
    breakers = Breakers()
    for number, endpoint in enumerate((K_VIDEOS, K_HASHTAGS, K_VIDEOS)):
        fail(breakers, number, number, endpoint)
    trial = breakers.trial(request(9))
    assert trial is not None
    assert trial.is_vendors


def test_a_page_ends_a_trial() -> None:
    breakers = Breakers()
    for number in range(5):
        fail(breakers, number, number)
    assert breakers.succeed(request(9))
    assert breakers.trial(request(1)) is None
    assert not breakers.succeed(request(9))


def test_the_waits_between_trials_grow_and_are_longer_where_they_cost() -> None:
    def waits(charge: Charge) -> list[float]:
        breakers, at_s, found = Breakers(), 0.0, list[float]()
        for number in range(3):
            fail(breakers, number, at_s, outcome=failed(charge=charge))
        while not (trial := breakers.trial(request(9))) or not trial.is_dead(NOON + timedelta(seconds=at_s)):
            assert trial is not None
            assert trial.try_at is not None
            found.append((trial.try_at - NOON).total_seconds() - at_s)
            at_s += found[-1]
            fail(breakers, 9, at_s, outcome=failed(charge=charge))
        return found

    assert waits(Charge.FREE) == [2, 4, 8, 16, 32]
    assert waits(Charge.PRESUMED) == [4, 16, 40]


KINDS = st.sampled_from([kind for kind, policy in POLICIES.items() if policy.breaks])
FAILURES = st.lists(
    st.tuples(st.integers(0, 30), st.floats(0, 100), KINDS, st.sampled_from([K_VIDEOS, K_HASHTAGS])), max_size=60
)


@given(FAILURES)
def test_nothing_is_closed_before_it_has_failed_for_a_minute(
    failures: list[tuple[int, float, OutcomeKind, str]],
) -> None:
    breakers, first = Breakers(), dict[str, float]()
    for number, at_s, kind, endpoint in sorted(failures, key=lambda failure: failure[1]):
        asked = fail(breakers, number, at_s, endpoint, failed(kind))
        first.setdefault(endpoint, at_s)
        first.setdefault("keyapi", at_s)
        dead = breakers.dead(asked, NOON + timedelta(seconds=at_s))
        assert dead is None or at_s - first[dead.name] >= PATIENCE.total_seconds()
        assert dead is None or dead.failures >= 4


@given(st.integers(1, 40), st.lists(st.floats(0, 3_000), max_size=8))
def test_an_account_slows_down_by_halves_and_recovers_in_time_whatever_it_met(
    refusals: int, later_s: list[float]
) -> None:
    percent = FULL_PERCENT
    for _ in range(refusals):
        percent = slowed_down(percent)
        assert percent >= SLOWEST_PERCENT
    paces = [pace_percent(percent, NOON, NOON + timedelta(seconds=s)) for s in sorted(later_s)]
    assert paces == sorted(paces)
    assert all(percent <= pace <= FULL_PERCENT for pace in paces)
    assert pace_percent(percent, NOON, NOON + timedelta(minutes=8)) == FULL_PERCENT
    assert pace_percent(percent, None, NOON) == percent
