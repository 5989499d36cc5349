"""How many examples a property is held against: few with the suite, ten times as many with this script.

::

    python -m tests.examples tests/core --times 100

Without `--times` it is ten; without a path, every property that there is, which takes many minutes. Other arguments are
pytest's.
"""

from __future__ import annotations

import subprocess
import sys
from typing import Any, Final

import pytest
from hypothesis import settings

_OF_THE_SUITE: Final = 100
"""hypothesis's own number of examples, which stands for the suite's."""


def examples(number: int, **others: Any) -> settings:
    """So many examples with the suite, however long one takes."""
    return settings(max_examples=number * settings().max_examples // _OF_THE_SUITE, deadline=None, **others)


# --- the script, and what it has pytest do with this module as a plugin -----------------------------------------------


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--times", type=int, default=10, help="so many times the suite's examples of each property")


def pytest_configure(config: pytest.Config) -> None:
    settings.register_profile("thorough", max_examples=_OF_THE_SUITE * config.getoption("--times"))
    settings.load_profile("thorough")


def main() -> int:
    words = [sys.executable, "-m", "pytest", "-p", __spec__.name, "-m", "hypothesis", *sys.argv[1:]]
    return subprocess.run(words, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
