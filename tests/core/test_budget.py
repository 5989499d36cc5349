"""Law 1 as arithmetic."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from scraper.core.budget import Balance, Scope, ScopeKind, first_refusing

CREDITS = st.integers(0, 100)
BALANCES = st.builds(Balance, CREDITS, CREDITS, CREDITS, CREDITS)
SCOPES = st.builds(Scope, st.sampled_from(ScopeKind), st.none() | st.integers(0, 300), BALANCES)


def test_all_that_may_turn_out_to_be_spent_is_committed() -> None:
    assert Balance(charged=1, presumed=20, unknown=300, reserved=4_000).committed == 4_321


def test_the_last_credit_may_be_reserved_and_no_more() -> None:
    scope = Scope(ScopeKind.RUN, 24, Balance(charged=8, reserved=8))
    assert (scope.left, scope.allows(8), scope.allows(9)) == (8, True, False)


def test_a_scope_without_a_limit_holds_everything() -> None:
    scope = Scope(ScopeKind.MONTH, None, Balance(charged=10**9))
    assert (scope.left, scope.allows(10**9)) == (None, True)


def test_an_overdrawn_scope_has_nothing_left() -> None:
    assert Scope(ScopeKind.DAY, 10, Balance(unknown=16)).left == 0


def test_the_tightest_of_those_that_refuse_is_named() -> None:
    run = Scope(ScopeKind.RUN, 20, Balance(charged=14))
    day = Scope(ScopeKind.DAY, 20, Balance(charged=19))
    month = Scope(ScopeKind.MONTH, 20, Balance(charged=1))
    assert first_refusing([run, day, month], 8) == day
    assert first_refusing([month], 8) is None


@given(st.lists(SCOPES), st.integers(1, 50))
def test_what_no_scope_refuses_keeps_the_law_in_every_scope(scopes: list[Scope], cost: int) -> None:
    refusing = first_refusing(scopes, cost)
    kept = all(scope.limit is None or scope.balance.committed + cost <= scope.limit for scope in scopes)
    assert kept is (refusing is None)
