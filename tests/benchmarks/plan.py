"""How long a plan takes, and how much memory: ``python -m tests.benchmarks.plan``.

Three jobs of 1,000,000 requests each: one deep (1,000 boards × 100 children × 10 pages), one wide (a sweep of 1,000,000
single pages), one that has been seen (a history of 1,000 boards whose children are known by name). The yardstick, run
beside them, makes a list of a million such requests and sums their prices: what a plan must never do.
"""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from scraper.core.jobs import Job
from scraper.core.pagination import Record, WalkState, Why
from scraper.core.planning import Known, NothingSeen, WalkSeen, plan
from scraper.core.requests import Walk
from tests.core.builders import C_HASHTAGS, C_POSTS, K_VIDEOS, NOON, crawl, endpoint, job

REQUESTS = 1_000_000
INDUSTRIES = [str(10_000_000_000 + number) for number in range(1_000)]


def deep() -> Job:
    boards = crawl(C_HASHTAGS, params={"industry_id": INDUSTRIES}, max_pages=1)
    posts = crawl(C_POSTS, "posts", each=C_HASHTAGS, max_pages=10)
    return job(boards, posts, budget=10_000_000)


def wide() -> Job:
    many = [str(number) for number in range(REQUESTS)]
    return job(crawl(K_VIDEOS, params={"period": many}, max_pages=1), budget=10_000_000)


@dataclass(frozen=True, slots=True)
class Seen(NothingSeen):
    """Every walk was whole yesterday: boards of 100, children of 10 pages."""

    def walks(self, walk_ids: Sequence[str]) -> Mapping[str, Sequence[WalkSeen]]:
        yesterday = NOON - timedelta(days=1)
        return {one: (WalkSeen(WalkState.COMPLETE, Why.END, 10, 300, yesterday),) for one in walk_ids}

    def records(self, walk_ids: Sequence[str]) -> Mapping[str, Sequence[Record]]:
        return {
            one: [Record(f"{number}{place:02}", place, 1) for place in range(100)]
            for number, one in enumerate(walk_ids)
        }


def yardstick() -> int:
    walk = Walk(endpoint(C_POSTS), (("id", "1"),))
    return sum(request.endpoint.cost for request in [walk.request(page) for page in range(1, REQUESTS + 1)])


def timed(make: Callable[[], object]) -> float:
    began = time.perf_counter()
    make()
    return time.perf_counter() - began


def main() -> None:
    made = {"deep": (deep(), Known(NOON)), "wide": (wide(), Known(NOON)), "seen": (deep(), Known(NOON, Seen()))}
    lines = []
    for name, (given, known) in made.items():
        planned = plan(given, known)
        seconds = min(timed(lambda given=given, known=known: plan(given, known)) for _ in range(3))  # type: ignore[misc]
        lines.append((name, planned.requests.likely, seconds))
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    listed_s = timed(yardstick)
    for name, requests, seconds in lines:
        line = f"{name:6}{requests:>10,} requests  {seconds:6.3f} s  {seconds / listed_s:6.3f} × the yardstick"
        sys.stdout.write(f"{line}\n")
    sys.stdout.write(f"peak of all plans together {peak_mb:.0f} MB; the yardstick takes {listed_s:.1f} s\n")


if __name__ == "__main__":
    main()
