"""Generated jobs with a history, and how often ranges hold the next run: ``python -m tests.core.forecasts``.

Each job has a number of boards and of rows, and its runs vary in one of three ways: they scatter about a level, they
wander, or they do both and have livelier weekends. The share of a run that varies is 0.5 to 3 % of its size.
"""

from __future__ import annotations

import argparse
import random
import statistics
import sys
from dataclasses import dataclass

from scraper.core.planning.forecast import forecast
from scraper.core.planning.history import PastRun

KINDS = ("scatters", "wanders", "both")
PRICE = 8


def runs_of(kind: str, number: int, dice: random.Random) -> list[PastRun]:
    """Runs of a generated job, one more than its history has."""
    level, noise = dice.uniform(400, 20_000), dice.uniform(0.005, 0.03)
    wander, scatter = {"scatters": (0.0, noise), "wanders": (noise, 0.0), "both": (noise / 3, noise)}[kind]
    weekend = 1 + (dice.uniform(0, noise) if kind == "both" else 0.0)
    rows_a_page, found = dice.choice([20, 30, 100]), []
    for night in range(number):
        level *= 1 + dice.gauss(0, wander)
        rows = round(level * (1 + dice.gauss(0, scatter)) * (weekend if night % 7 > 4 else 1))
        found.append(PastRun(1_000_000, PRICE * -(-rows // rows_a_page), {"hashtags": rows}))
    return found


@dataclass(frozen=True, slots=True)
class Held:
    """How many next runs their ranges held, and how wide these were."""

    rows: float
    credits: float
    median_width: float
    """Of the rows' ranges, in parts of what is likely."""


def held(jobs: int, history: int, seed: int, kinds: tuple[str, ...] = KINDS) -> Held:
    dice = random.Random(seed)
    rows = credits = 0
    widths = []
    for number in range(jobs):
        *past, following = runs_of(kinds[number % len(kinds)], history + 1, dice)
        found = forecast(past, 1_000_000, PRICE, ["hashtags"])
        assert found is not None
        expected = found.rows["hashtags"]
        rows += expected.low <= following.rows["hashtags"] <= expected.high
        credits += found.credits.low <= following.credits <= found.credits.high
        widths.append((expected.high - expected.low) / expected.likely)
    return Held(rows / jobs, credits / jobs, statistics.median(widths))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=1_000)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    sys.stdout.write(f"{'runs':>5} {'kind':10} {'rows held':>10} {'credits':>8} {'median width':>13}\n")
    for history in (3, 5, 8, 14):
        for kinds in (KINDS, *((kind,) for kind in KINDS)):
            found = held(given.jobs, history, given.seed, kinds)
            name = kinds[0] if len(kinds) == 1 else "all"
            sys.stdout.write(
                f"{history:5} {name:10} {found.rows:10.1%} {found.credits:8.1%} {found.median_width:13.1%}\n"
            )


if __name__ == "__main__":
    main()
