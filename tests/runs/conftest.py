"""Made once for all tests that look after an archive."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.made_once import made_once
from tests.runs.upkeep import Place, copied, make_archive


@pytest.fixture(scope="session")
def three_runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data directory of three runs of one job: not to be changed."""
    return made_once(tmp_path_factory, "three-runs", lambda place: asyncio.run(make_archive(place, runs=3))) / "data"


@pytest.fixture
def place(three_runs: Path, tmp_path: Path) -> Place:
    """A copy of it."""
    return copied(three_runs, tmp_path / "data")
