"""The rows and credits of a job's next run, predicted from its last ones: 90 % ranges.

The level is followed by exponential smoothing, and the range is as wide as the errors of the same smoothing on the runs
so far. That serves both jobs whose figures scatter about a level and jobs whose figures wander: simulated, the ranges
of the first hold 91 % of the next runs, of the second 88 % (`python -m tests.core.forecasts`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil, floor, sqrt
from typing import Final

from scraper.core.planning.history import PastRun
from scraper.core.planning.ranges import Range
from scraper.core.units import Credits

COVERAGE: Final = 0.9
"""Share of runs that a range contains."""
LEAST_RUNS: Final = 3
_SMOOTHING: Final = 0.5
_WIDTHS: Final = (2.74, 2.25, 2.08, 1.99, 1.93, 1.87, 1.85, 1.84, 1.80, 1.77, 1.76, 1.75)
"""Half a range in root mean squared errors, for 3, 4 … 14 runs and more: 90 % quantiles of 36,000 simulated series of
normal figures, a third each of independent ones, of random walks, and of random walks under noise."""


@dataclass(frozen=True, slots=True)
class Forecast:
    """The forecast of the next run by the job's own runs."""

    runs: int
    """Earlier runs that it is made from."""
    credits: Range
    rows: Mapping[str, Range]
    """Table → its rows."""

    @property
    def words(self) -> str:
        return f"by the last {self.runs} runs (9 runs of 10)"


def forecast(past: Sequence[PastRun], budget: Credits, dearest: Credits, tables: Sequence[str]) -> Forecast | None:
    """Return the forecast of a run under this budget; ``None``: too few runs compare with it.

    A run that ended at its budget says nothing about another budget. `dearest`: the price of the dearest request.
    """
    alike = [run for run in past if run.budget == budget or run.credits + dearest <= min(run.budget, budget)]
    if len(alike) < LEAST_RUNS:
        return None
    return Forecast(
        len(alike),
        expected([run.credits for run in alike]).at_most(budget),
        {table: expected([run.rows.get(table, 0) for run in alike]) for table in tables},
    )


def expected(figures: Sequence[int]) -> Range:
    """Return the range that contains the next of these figures in nine of ten cases; at least two are needed."""
    level, squares = float(figures[0]), 0.0
    for figure in figures[1:]:
        squares += (figure - level) ** 2
        level += _SMOOTHING * (figure - level)
    width = _WIDTHS[min(max(len(figures), LEAST_RUNS) - LEAST_RUNS, len(_WIDTHS) - 1)]
    half = width * sqrt(squares / (len(figures) - 1))
    likely = max(0, round(level))
    return Range(max(0, min(likely, floor(level - half))), likely, max(likely, ceil(level + half)))
