"""The first seconds of the fuzzing's ten minutes, the same ones each time."""

from __future__ import annotations

from tests.hostile.fuzz import Tally, round_of


def test_bent_answers_raise_nothing_lose_no_byte_and_double_no_row() -> None:
    tally = Tally()
    round_of(tally, 0, 40, watched=False)
    assert len(tally.kinds) > 5, "most outcomes were met"
    assert tally.rows > 0
