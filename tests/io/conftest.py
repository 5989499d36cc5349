"""Each kind of database that the state may be kept in."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.databases import DATABASES, StateDatabase


@pytest.fixture(scope="session", params=DATABASES)
def new_database(request: pytest.FixtureRequest) -> Callable[[Path], StateDatabase]:
    """Gives the database that belongs to a directory."""
    return DATABASES[request.param]


@pytest.fixture
def database(new_database: Callable[[Path], StateDatabase], tmp_path: Path) -> StateDatabase:
    """An empty database."""
    return new_database(tmp_path)
