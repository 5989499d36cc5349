"""A lost terminal in small: the script's disturbances are longer, and many."""

from __future__ import annotations

from pathlib import Path

from tests.crash.standstill import Setting, disturbed


def test_a_lost_terminal_loses_no_answer_in_flight_and_buys_nothing_twice(tmp_path: Path) -> None:
    setting = Setting(pages=60, requests_per_minute=1_800, answer_s=0.5, in_flight=5)
    found = disturbed(tmp_path, "SIGHUP", seed=1, setting=setting)
    assert found.broken(setting) == []
    assert found.in_flight > 0


def test_requests_that_wait_for_a_locked_state_go_on_when_it_is_free(tmp_path: Path) -> None:
    """Hundreds of slots are missed at once: were they renewed at once, all would be missed again, without end."""
    setting = Setting(pages=300, requests_per_minute=9_000, answer_s=0.1, lock_s=2.0, in_flight=5)
    found = disturbed(tmp_path, "lock", seed=1, setting=setting)
    assert found.broken(setting) == []
