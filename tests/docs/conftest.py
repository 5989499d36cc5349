"""One sandbox run for all tests of the documents."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.clock import NOON, ShiftedClock, begins_at
from tests.docs.markdown import manual
from tests.docs.place import Place


@pytest.fixture(scope="session")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """A directory like a clone after the README's first command."""
    directory: Path = tmp_path_factory.mktemp("clone")
    return Place(directory, manual(), ShiftedClock(), hasty=True)


@pytest.fixture(scope="session")
def place_at_noon(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Place:
    """The same at the instant at which the documents are made: a plan that is made at midnight takes two nights."""
    if begins_at() == NOON:
        there: Place = request.getfixturevalue("place")
        return there
    return Place(tmp_path_factory.mktemp("noon"), manual(), ShiftedClock(NOON), hasty=True)
