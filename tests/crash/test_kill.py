"""The first kills of the script's two hundred, with the tests."""

from __future__ import annotations

from pathlib import Path

from tests.crash.kill import killed


def test_two_kills_at_random_instants_lose_nothing_and_buy_nothing_twice_that_had_landed(tmp_path: Path) -> None:
    lines: list[str] = []
    campaign = killed(tmp_path, 2, seed=4, say=lines.append)
    assert campaign.kills == campaign.where.total() == 2
    assert campaign.runs >= 1
