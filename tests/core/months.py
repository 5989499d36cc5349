"""Replayed months: is the plan that a backtest names the right one? ``python -m tests.core.months --months 200``.

Each month draws boards of several rates and prices, and an archive of a nightly job of which some reads failed. The
right plan is worked out here from the boards as they were, night by night, without the code that replays: the
cheapest whose even share of the month, stalest board first, sees nine tenths of the entries.
"""

from __future__ import annotations

import argparse
import random
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from scraper.core.changes.backtest import Cheapest, Terms, cheapest, past_of
from scraper.core.changes.known_boards import KnownBoard
from scraper.core.changes.order import RankedBoard
from scraper.core.jobs import Job, OrderName
from scraper.core.subscriptions import Subscription
from tests.core.builders import C_CREATORS, CATALOGUE, crawl, job
from tests.core.panels import drawn_board

BEGINS = datetime(2026, 11, 1, 1, tzinfo=UTC)
NIGHTS, DAY = 30, timedelta(days=1)
PLANS = CATALOGUE.vendors["crawlora"].plans
FAILED = (0.0, 0.02, 0.05, 0.1)
"""Shares of reads that an archive lacks."""


@dataclass(frozen=True, slots=True)
class Month:
    """Boards on each night, their prices, and what an archive knows of them."""

    nights: Sequence[Sequence[frozenset[int]]]
    prices: Sequence[int]
    known: Sequence[KnownBoard]


def drawn_month(seed: int) -> Month:
    """Return a month of 4 to 60 boards of one or five pages."""
    dice = random.Random(seed)
    pages, failed = dice.choice((1, 1, 5)), dice.choice(FAILED)
    nights, prices, known = [], [], []
    for number in range(dice.randint(4, 60)):
        residence = dice.choice((2.0, 5.0, 20.0, 80.0))
        board = drawn_board(residence, 0.25, dice.choice((20, 30, 50)), NIGHTS, dice)
        nights.append(board)
        prices.append(8 * pages)
        reads = [(night, entries) for night, entries in enumerate(board) if not night or dice.random() >= failed]
        ranked = RankedBoard(str(number), ("all",), prices[-1])
        known.append(KnownBoard(ranked, "crawlora", tuple(reads)))
    return Month(nights, prices, known)


def a_job() -> Job:
    return replace(job(crawl(C_CREATORS)), auto=True)


def named(month: Month) -> Cheapest:
    """Return what a backtest names from the archive."""
    past = past_of(month.known, BEGINS, DAY, 0, NIGHTS, 0)
    return cheapest(past, Terms(a_job(), OrderName.STALEST), {"crawlora": PLANS})


def right(month: Month) -> str | None:
    """Return the name of the right plan; ``None`` if none sees enough."""
    by_price = sorted(PLANS, key=lambda plan: plan.usd_per_month or 0)
    return next((plan.name for plan in by_price if share_under(plan, month) >= 0.9), None)


def share_under(plan: Subscription, month: Month) -> float:
    """Return the share of the true entries that an even share of the plan's month sees, stalest board first."""
    last = [-1] * len(month.nights)
    reads: list[set[int]] = [set() for _ in month.nights]
    used = 0
    for night in range(NIGHTS):
        tonight = ((plan.credits_per_month or 10**9) - used) // (NIGHTS - night)
        left = min(tonight, plan.credits_per_day or 10**9)
        for board in sorted(range(len(last)), key=lambda board: (last[board], board)):
            if month.prices[board] <= left:
                left -= month.prices[board]
                used += month.prices[board]
                last[board] = night
                reads[board].add(night)
    entries = seen = 0
    for board, nights in enumerate(month.nights):
        for night in range(1, NIGHTS):
            for entry in nights[night] - nights[night - 1]:
                end = night
                while end < NIGHTS and entry in nights[end]:
                    end += 1
                entries += 1
                seen += any(read in reads[board] for read in range(night, end))
    return seen / entries if entries else 1.0


def plan_of(found: Cheapest) -> str | None:
    return None if found.found is None else found.found.terms.plans["crawlora"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--months", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    rights, told, unsure = 0, Counter[str](), Counter[bool]()
    for number in range(given.months):
        month = drawn_month(given.seed + number)
        found, truth = named(month), right(month)
        rights += plan_of(found) == truth
        told[str(truth)] += 1
        unsure[found.sure] += plan_of(found) != truth
    sys.stdout.write(
        f"{rights} of {given.months} months: the named plan is the right one ({rights / given.months:.1%}); "
        f"of the wrong ones {unsure[True]} were called sure; right plans: {dict(told)}\n"
    )
    if rights < 0.95 * given.months:
        sys.exit("fewer than 95 % are right")


if __name__ == "__main__":
    main()
