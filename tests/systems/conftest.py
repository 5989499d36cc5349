"""The archive of three runs, as the tests of runs have it."""

from tests.runs.conftest import three_runs

__all__ = ["three_runs"]
