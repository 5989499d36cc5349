"""How many examples a property is held against, and how many combinations of a table are tried.

Few with the suite; ten times as many examples, and every combination, with this script.

::

    python -m tests.examples tests/core --times 100

Without `--times` it is ten; without a path, every property and table that there is, which takes many minutes. Other
arguments are pytest's.
"""

from __future__ import annotations

import itertools
import subprocess
import sys
from collections.abc import Sequence
from typing import Any, Final, TypeVar

import pytest
from _pytest.mark import ParameterSet
from hypothesis import settings

T = TypeVar("T")

OF_THE_SUITE: Final = 50
"""Examples of a property that states no number: half of hypothesis's own."""


def examples(number: int, **others: Any) -> settings:
    """So many examples with the suite, however long one takes."""
    return settings(max_examples=number * settings().max_examples // OF_THE_SUITE, deadline=None, **others)


def thorough() -> bool:
    """Asked by the script, not with the suite."""
    return settings().max_examples > OF_THE_SUITE


def combined(*factors: Sequence[object]) -> list[ParameterSet]:
    """Parameters of a test: with the suite each value of each factor at least once, else every combination."""
    longest = max(map(len, factors))
    some = zip(*(itertools.islice(itertools.cycle(values), longest) for values in factors), strict=True)
    every = itertools.product(*factors)
    return [pytest.param(*each, marks=pytest.mark.combined) for each in (every if thorough() else some)]


def spread(values: Sequence[T], most: int) -> Sequence[T]:
    """With the suite at most so many, evenly spread, the first and the last among them; else all of them.

    For a test that is marked as `combined`.
    """
    if thorough() or len(values) <= most:
        return values
    return [values[round(place * (len(values) - 1) / (most - 1))] for place in range(most)]


# --- the script, and what it has pytest do with this module as a plugin -----------------------------------------------


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--times", type=int, default=10, help="so many times the suite's examples of each property")


def pytest_configure(config: pytest.Config) -> None:
    settings.register_profile("thorough", max_examples=OF_THE_SUITE * config.getoption("--times"))
    settings.load_profile("thorough")


def main() -> int:
    words = [sys.executable, "-m", "pytest", "-p", __spec__.name, "-m", "hypothesis or combined", *sys.argv[1:]]
    return subprocess.run(words, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
