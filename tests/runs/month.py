"""A month of nights with ``budget = "auto"``: two jobs, on a moved clock, against a vendor that counts the same days.

``python -m tests.runs.month`` runs it on Crawlora's plan Starter (2,500 requests) and prints the report of it. The test
suite has the second half of a month with a fifth of half the credits, since each request costs time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from scraper.core.events import RunResult
from tests.core.builders import CATALOGUE
from tests.runs.counting import Discarded
from tests.runs.harness import FAST, Bench, HurriedClock, on_bench

STARTER = next(plan for plan in CATALOGUE.vendors["crawlora"].plans if plan.name == "starter")
PRICE, NIGHTS = 8, 30
BEGINS = datetime(2026, 11, 1, 1, 15, tzinfo=UTC)
PERIODS = (7, 30, 120)
COUNTRIES = "AT BE BG CH CL CN CZ DK EE FI GR HR HU IE IN IS KE LT LU LV MA NG NL NO NZ PE PK PL PT RO RS SE SI SK TN"
NO_BOARDS = COUNTRIES.split()
"""The vendor has no boards of these countries, and charges for saying so as for anything else. An empty answer takes no
time to make up, and a month of nights is about credits."""


@dataclass(frozen=True, slots=True)
class Night:
    """What the jobs came to, in the order in which they ran, and what the vendor says then."""

    day: str
    runs: Sequence[RunResult]
    used_today: int
    left: int
    """Of the month."""


@dataclass(frozen=True, slots=True)
class Month:
    """The nights, and what the vendor's own account says at their end."""

    nights: Sequence[Night]
    answers: dict[str, int]
    """By HTTP status."""
    used: int

    def report(self) -> str:
        """A line for each night: what each job was charged of its share, and what is left of the month."""
        lines = []
        for night in self.nights:
            runs = "   ".join(f"{run.job} {run.charged:4,} of {run.budget:4,}" for run in night.runs)
            lines.append(f"{night.day}   {runs}   left {night.left:6,}")
        return "\n".join(lines)


def job_text(weight: int, first_country: str, countries: int) -> str:
    """Boards of many countries, each of one request: more than a night will ever hold."""
    swept = [first_country, *NO_BOARDS[: countries - 1]]
    params = f"{{ country_code = {swept}, period = {list(PERIODS)} }}"
    crawl = f'[[crawl]]\nendpoint = "crawlora.hashtags"\nparams = {params}\nmax_pages = 1\n'
    return f'every = "day"\nweight = {weight}\n{crawl}'


def a_month(directory: Path, part: int, first: int = 0) -> Month:
    """Thirty nights on the plan Starter, or on the n-th `part` of its credits. The jobs take turns in being first.

    `first`: the night on which the account begins, and nothing is spent yet.
    """
    limits = {
        "credits_per_month": (STARTER.credits_per_month or 0) // part,
        "credits_per_day": (STARTER.credits_per_day or 0) // part,
    }
    stated = "\n".join(f"{name} = {credits}" for name, credits in limits.items())
    accounts = f'[accounts.crawlora]\nplan = "starter"\n{stated}\nrequests_per_minute = {FAST}\n'
    enough = limits["credits_per_month"] // ((NIGHTS - first) * PRICE * len(PERIODS)) + 2

    async def nights(bench: Bench) -> Month:
        jobs = [
            bench.write_job(job_text(weight, country, enough), name=name, budget='"auto"', accounts=accounts)
            for name, weight, country in (("one", 1, "US"), ("two", 2, "GB"))
        ]
        found = []
        for number in range(first, NIGHTS):
            bench.clock.go_to(BEGINS + timedelta(days=number))
            order = jobs if number % 2 == 0 else jobs[::-1]
            runs = [await bench.run(job, archive=Discarded()) for job in order]
            account = bench.sandbox.account("crawlora")
            left = limits["credits_per_month"] - account["credits_this_month"]
            found.append(Night(f"{bench.clock.now():%d %b}", runs, account["credits_today"], left))
        return Month(found, account["requests_by_status"], account["credits_this_month"])

    return on_bench(directory, nights, limits=limits, clock=HurriedClock(BEGINS))


def main() -> None:
    """The whole plan."""
    with TemporaryDirectory() as directory:
        month = a_month(Path(directory), part=1)
    used = f"{month.used:,} credits used, answers by status: {month.answers}"
    print(f"{month.report()}\n{used}")  # noqa: T201


if __name__ == "__main__":
    main()
