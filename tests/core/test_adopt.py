"""Two sides of one ledger: which of them is older, and when neither is."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from scraper.core.adopt import EPOCHS_KEPT, TOKEN_DIGITS, Adopted, Identity, Standing, refusal, standing
from tests.examples import examples

BORN = Identity("a" * 16)


def token(number: int, side: str = "0") -> str:
    return f"{side}{number:0{TOKEN_DIGITS - 1}x}"


def gone_on(identity: Identity, epochs: int, side: str = "0") -> Identity:
    for _ in range(epochs):
        identity = identity.next(token(identity.epoch + 1, side))
    return identity


def stands(state: Identity | None, archive: Identity | None, *, new: bool = False, files: bool = True) -> Standing:
    return standing(state, archive, new=new, files=files)


@examples(60)
@given(common=st.integers(0, 30), of_state=st.integers(0, 30), of_archive=st.integers(0, 30))
def test_the_side_that_went_on_alone_is_the_newer_and_two_that_went_on_are_doubled(
    common: int, of_state: int, of_archive: int
) -> None:
    past = gone_on(BORN, common)
    met = stands(gone_on(past, of_state, "1"), gone_on(past, of_archive, "2"))
    if of_state and of_archive:
        assert met is Standing.DOUBLED
    elif of_archive:
        assert met is Standing.OLDER
    else:
        assert met is (Standing.BEHIND if of_state else Standing.SAME)


def test_a_lineage_has_a_bound_and_a_side_older_than_all_of_it_is_only_older() -> None:
    old = gone_on(BORN, 3)
    new = gone_on(old, EPOCHS_KEPT)
    assert len(new.lineage) == EPOCHS_KEPT * TOKEN_DIGITS
    assert new.token_at(3) is None
    assert new.token_at(4) == token(4)
    assert new.token_at(new.epoch) == new.token
    assert new.token_at(new.epoch + 1) is None
    assert stands(old, new) is Standing.OLDER


def test_another_archive_is_foreign_unless_the_ledger_is_new() -> None:
    ours, theirs = gone_on(BORN, 2), gone_on(Identity("b" * 16), 2)
    assert stands(ours, theirs) is Standing.FOREIGN
    assert stands(ours, theirs, new=True) is Standing.LOST
    assert stands(None, theirs, new=True) is Standing.LOST


def test_sides_without_an_identity_are_compared_by_their_contents() -> None:
    ours = gone_on(BORN, 2)
    assert stands(None, None) is Standing.UNSTAMPED
    assert stands(None, ours) is Standing.UNSTAMPED
    assert stands(ours, None) is Standing.UNSTAMPED
    assert stands(ours, None, files=False) is Standing.BEHIND
    assert stands(None, None, files=False) is Standing.NEW
    assert stands(None, None, new=True, files=False) is Standing.NEW
    assert stands(None, None, new=True) is Standing.LOST


def test_what_was_adopted_is_said_with_what_nobody_can_know() -> None:
    adopted = Adopted(
        2, 30, 240, 28, unknown=96, of_runs=("night-1",), without_mark=("old-1",), unreadable=("pages/x",)
    )
    words = adopted.words(Standing.LOST, "state.db")
    assert words.startswith(
        "there was no ledger (state.db) beside this archive. Adopted from the archive: 30 requests of 2 new runs, "
        "240 credits and 28 pages. Nothing was spent before that."
    )
    assert "Up to 96 more credits may have been spent by night-1" in words
    assert "scraper reconcile" in words
    assert "old-1 may have spent more than any file shows" in words
    assert "not adopted: pages/x" in words
    assert "restored from a backup" in adopted.words(Standing.OLDER, "state.db")


def test_a_refusal_says_what_was_met_what_stays_true_and_what_to_do() -> None:
    for met in (Standing.FOREIGN, Standing.DOUBLED):
        said = refusal(met, BORN, Identity("b" * 16), "state.db", "data")
        assert "Nothing was spent or changed" in said
        assert "move it away" in said
