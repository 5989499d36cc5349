"""One sandbox run for all tests of the documents."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.docs.markdown import readme
from tests.docs.place import Place


@pytest.fixture(scope="session")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """A directory like a clone after the README's first command."""
    directory: Path = tmp_path_factory.mktemp("clone")
    return Place(directory, readme(), hasty=True)
