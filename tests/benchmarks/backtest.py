"""The time of a backtest: ``python -m tests.benchmarks.backtest``. Ninety nights of 80 boards, each with its halves.

Fails if the slowest of the replays with everything around it takes more than a minute of CPU.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from time import process_time

from scraper.core.changes.backtest import Terms, cheapest, past_of, trial, with_plan
from scraper.core.changes.known_boards import KnownBoard
from scraper.core.jobs import OrderName
from tests.core.builders import C_HASHTAGS, CATALOGUE, crawl, job
from tests.core.panels import drawn_panel

LIMIT_S = 60


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nights", type=int, default=90)
    parser.add_argument("--boards", type=int, default=80)
    given = parser.parse_args()
    panel = drawn_panel("mixed", given.nights, seed=1, size=given.boards)
    boards = [KnownBoard(replace(b.board, cost=8), "crawlora", tuple(enumerate(b.nights))) for b in panel]
    plans = CATALOGUE.vendors["crawlora"].plans
    one = with_plan(replace(job(crawl(C_HASHTAGS)), auto=True), "crawlora", plans[0])
    begins, slowest = datetime(2026, 9, 1, 1, tzinfo=UTC), 0.0
    for order in OrderName:
        began = process_time()
        past = past_of(boards, begins, timedelta(days=1), 0, given.nights, min(50, given.nights // 2))
        found = trial(past, Terms(one, order))
        replayed_s = process_time() - began
        named = cheapest(past, Terms(one, order), {"crawlora": plans}, [found])
        whole_s = process_time() - began
        slowest = max(slowest, whole_s)
        plan = "none" if named.found is None else named.found.terms.plans["crawlora"]
        sys.stdout.write(
            f"{order.value:8} {given.nights} nights × {given.boards} boards, three times: {replayed_s:5.1f} s of CPU; "
            f"with the cheapest plan ({plan}, {len(named.tried)} tried) {whole_s:5.1f} s\n"
        )
    if slowest > LIMIT_S:
        sys.exit(f"a backtest took {slowest:.0f} s")


if __name__ == "__main__":
    main()
