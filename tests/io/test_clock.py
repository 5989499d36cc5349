"""The machine's clock, and the clock of a database that it follows."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from scraper.io.clock import DRIFT, SystemClock
from tests.core.builders import NOON


class Elapsed:
    """Seconds since the machine was started, moved by hand."""

    def __init__(self) -> None:
        self.s = 1_000.0

    def __call__(self) -> float:
        return self.s


def followed(*said: tuple[datetime, float, float]) -> tuple[SystemClock, Elapsed]:
    """A clock that is 20 s ahead and has followed one that said this, between these two seconds."""
    elapsed = Elapsed()
    clock = SystemClock(lambda: NOON + timedelta(seconds=20), elapsed)
    for at, asked_s, answered_s in said:
        clock.follow(at, asked_s, answered_s)
        elapsed.s = answered_s
    return clock, elapsed


def test_a_clock_that_follows_none_is_the_machines() -> None:
    clock, _ = followed()
    assert clock.now() == NOON + timedelta(seconds=20)
    assert clock.doubt_s == 0


def test_a_clock_that_follows_another_goes_on_with_it_whatever_the_machine_says() -> None:
    clock, elapsed = followed((NOON, 1_000.0, 1_000.5))
    assert clock.now() == NOON
    elapsed.s += 10
    assert clock.now() == NOON + timedelta(seconds=10)


def test_it_is_never_ahead_of_the_other_and_behind_by_its_doubt_at_most() -> None:
    clock, _ = followed((NOON, 1_000.0, 1_000.5))  # by the other it is between NOON and half a second later
    assert clock.now() == NOON
    assert clock.doubt_s == pytest.approx(0.5)


def test_a_quick_answer_narrows_the_doubt_and_a_slow_one_does_not_widen_it() -> None:
    quick = (NOON + timedelta(seconds=1), 1_001.0, 1_001.01)
    slow = (NOON + timedelta(seconds=2), 1_001.5, 1_004.0)
    clock, _ = followed((NOON, 1_000.0, 1_000.5), quick)
    assert clock.doubt_s == pytest.approx(0.01, abs=1e-4)
    clock, _ = followed((NOON, 1_000.0, 1_000.5), quick, slow)
    assert clock.doubt_s == pytest.approx(0.01 + 2 * 2.99 * DRIFT, abs=1e-4)


def test_a_clock_that_was_set_is_followed_at_once() -> None:
    clock, _ = followed((NOON, 1_000.0, 1_000.01), (NOON + timedelta(hours=1), 1_001.0, 1_001.01))
    assert clock.now() == NOON + timedelta(hours=1)
    assert clock.doubt_s == pytest.approx(0.01)
