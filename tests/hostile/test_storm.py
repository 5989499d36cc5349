"""A hundred requests of the storm's thousand, with the tests."""

from __future__ import annotations

import asyncio
from pathlib import Path

from tests.hostile.storm import STORM, weathered


def test_after_a_storm_every_row_is_there_or_the_request_that_was_given_up_is_named(tmp_path: Path) -> None:
    met = asyncio.run(weathered(tmp_path, 90, seed=1))
    assert met.result.sent >= 80
    assert len(met.faults) >= len(STORM) / 2, "it was one"
