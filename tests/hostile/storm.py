"""A long run on a bad night: every row is there, or each request that exhausted its attempts is named.

::

    python -m tests.hostile.storm --requests 1000 --seed 0

5 % HTTP 500, 3 % in-band errors, 2 % resets, half of them after the charge, 2 % truncated bodies and 1 % HTML, over all
five endpoints. Exit 1 with the first thing that does not hold.
"""

from __future__ import annotations

import argparse
import asyncio
import collections
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeAlias

from scraper.core.catalogue import OutcomeKind
from scraper.core.events import RunResult, RunStatus
from scraper.core.units import Credits
from scraper.runs.results import MOST_NAMED
from scraper.sandbox.records.hashtags import HashtagBoards
from tests.hostile.night import COUNTRIES, accounts, crawl, hold_credits, ledger, night, query
from tests.runs.harness import KEYS, Bench, Heard
from tests.runs.test_crawl import archived_ids, served_ids

STORM = (
    *("http_500:share=0.05", "in_band_40101:share=0.01", "in_band_10201:share=0.01", "captcha:share=0.01"),
    *("reset:share=0.01", "lost:share=0.01", "truncated:share=0.02", "html:share=0.01"),
)
PAGES = {"crawlora.hashtags": 1, "crawlora.creators": 5, "crawlora.hashtag_posts": 4, "keyapi.hashtags": 5}
"""Pages of a whole walk, the posts aside: theirs is what is asked for at most."""


def job_of(requests: int, seed: int) -> str:
    """Walks of all five endpoints that take about so many requests: the videos' boards of 25 pages fill it up."""
    feeds = [str(record["hashtag_id"]) for record in HashtagBoards(seed).board("US", 7, date(2026, 11, 21))]
    small, pages = max(1, min(len(COUNTRIES), requests // 60)), 0
    parts = []
    for endpoint, of_it in PAGES.items():
        posts = endpoint == "crawlora.hashtag_posts"
        values = feeds if posts else COUNTRIES
        parts.append(crawl(endpoint, values[:small], "max_items = 120" if posts else ""))
        pages += small * of_it
    orders = ("vv", "like", "comment", "repost")
    boards = max(1, -(-(requests - pages) // 25))
    countries = COUNTRIES[: -(-boards // len(orders))]
    of_orders = ", ".join(f'"{order}"' for order in orders[: -(-boards // len(countries))])
    videos = crawl("keyapi.videos", countries).replace("params = { ", f"params = {{ order_by = [{of_orders}], ")
    return "".join([*parts, videos])


Rows: TypeAlias = Mapping[str, collections.Counter[tuple[str, str]]]
"""Walk → (endpoint, id of the record) → how often."""


class BrokenLawError(AssertionError):
    """What must hold of a run, whatever its night was like, did not."""


@dataclass(frozen=True, slots=True)
class Weathered:
    """What a run made of the storm."""

    result: RunResult
    faults: Mapping[str, int]
    """Requests that the sandbox let each kind of fault hit."""
    taken: Mapping[str, Credits]
    """What each vendor's own account was charged."""
    rows: int
    rows_of_a_quiet_night: int
    given_up: Sequence[str]
    """Labels of the requests that exhausted their attempts."""
    elapsed_s: float

    def lines(self) -> Sequence[str]:
        """What was seen, in words."""
        sent = " · ".join(f"{count} {ending.value}" for ending, count in self.result.requests.items() if count)
        booked = f"{self.result.charged} charged · {self.result.presumed} presumed · {self.result.unknown} unknown"
        return [
            f"{self.result.sent} requests sent: {sent}",
            f"faults: {' · '.join(f'{count} {kind}' for kind, count in self.faults.items())}",
            f"ledger: {booked}; taken: {' · '.join(f'{vendor} {taken}' for vendor, taken in self.taken.items())}",
            f"{self.rows} of the {self.rows_of_a_quiet_night} rows of a quiet night; run {self.result.status.value},"
            f" exit {self.result.status.exit_code}; {self.elapsed_s:.1f} s",
            *(f"given up and named: {label}" for label in self.given_up),
        ]


async def weathered(directory: Path, requests: int, seed: int) -> Weathered:
    """The job on a quiet night and in the storm. BrokenLawError with the first thing that does not hold."""
    text = job_of(requests, seed)
    async with night(directory / "quiet", seed=seed) as bench:
        quiet = await bench.run(bench.write_job(text, budget=100_000, accounts=accounts()))
        _hold(quiet.status is RunStatus.COMPLETE, f"a quiet night ended {quiet.status}: {quiet.message}")
        whole = rows_of(bench)
    began = time.monotonic()
    async with night(directory / "storm", STORM, seed=seed) as bench:
        heard = Heard()
        result = await bench.run(bench.write_job(text, budget=100_000, accounts=accounts()), heard=heard)
        elapsed_s = time.monotonic() - began
        rows, given_up = rows_of(bench), _given_up(heard)
        _hold_rows(bench, rows, whole)
        _hold_names(bench, result, given_up)
        _hold_credits_by_the_rules(bench)
        taken = {vendor: bench.sandbox.account(vendor)["credits_charged"] for vendor in KEYS}
        faults = bench.sandbox.faults_met()
    in_all, in_quiet = (sum(walk.total() for walk in found.values()) for found in (rows, whole))
    return Weathered(result, faults, taken, in_all, in_quiet, given_up, elapsed_s)


def rows_of(bench: Bench) -> Rows:
    """Every row of the archive, by walk."""
    found: dict[str, collections.Counter[tuple[str, str]]] = collections.defaultdict(collections.Counter)
    for walk, endpoint, identity in bench.rows(
        """
        SELECT walk_id, endpoint, hashtag_id FROM hashtags UNION ALL SELECT walk_id, endpoint, user_id FROM creators
        UNION ALL SELECT walk_id, endpoint, post_id FROM posts UNION ALL SELECT walk_id, endpoint, item_id FROM videos
        """
    ):
        found[walk][endpoint, identity] += 1
    return found


def _given_up(heard: Heard) -> Sequence[str]:
    """Labels of the requests whose last attempt brought nothing."""
    last = {event.label: event.outcome for event in heard.settled}
    return [label for label, outcome in last.items() if outcome not in {OutcomeKind.OK, OutcomeKind.EMPTY}]


def _hold(holds: bool, met: str) -> None:
    if not holds:
        raise BrokenLawError(met)


def _hold_rows(bench: Bench, rows: Rows, whole: Rows) -> None:
    _hold(archived_ids(bench) == served_ids(bench), "the archive holds other rows than were served")
    for walk, state in query(bench, "SELECT walk_id, state FROM walks"):
        lacking, added = whole[walk] - rows[walk], rows[walk] - whole[walk]
        _hold(not added, f"walk {walk} has {added.total()} rows that a quiet night has not")
        _hold(state != "complete" or not lacking, f"walk {walk} is called complete and lacks {lacking.total()} rows")


def _hold_names(bench: Bench, result: RunResult, given_up: Sequence[str]) -> None:
    failed = query(bench, "SELECT count(*) FROM walks WHERE state <> 'complete'")[0][0]
    _hold((result.status is RunStatus.COMPLETE) is (not given_up), f"{given_up} given up, and the run {result.status}")
    _hold(bool(failed) is bool(given_up), f"{given_up} given up, and {failed} walks not complete")
    told = "; ".join([result.message, *result.warnings])
    unnamed = [label for label in given_up[:MOST_NAMED] if label not in told]
    _hold(not unnamed, f"given up and not named: {unnamed} in {told!r}")
    more = len(given_up) - MOST_NAMED
    _hold(more <= 0 or f"and {more} more requests failed" in told, f"{more} more were given up: {told!r}")


def _hold_credits_by_the_rules(bench: Bench) -> None:
    """Crawlora's rule is documented: 2xx. KeyAPI's sandbox takes nothing for failures, which nobody could know."""
    hold_credits(bench)
    booked = ledger(bench, "crawlora")
    answered, unanswered = (
        query(bench, f"SELECT count(*) FROM requests WHERE endpoint LIKE 'crawlora.%' AND {which}")[0][0]
        for which in ("http_status BETWEEN 200 AND 299", "http_status IS NULL AND sent_at IS NOT NULL")
    )
    by_the_rule = +collections.Counter(charged=8 * answered, unknown=8 * unanswered)
    _hold(booked == by_the_rule, f"the ledger has {booked}, the rule makes it {by_the_rule}")
    lost = sum(met.kind == "lost" and met.endpoint.startswith("crawlora.") for met in bench.sandbox.met)
    taken = bench.sandbox.account("crawlora")["credits_charged"]
    _hold(taken == booked["charged"] + 8 * lost, f"crawlora took {taken} with {lost} answers lost: {booked}")


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=1_000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    with TemporaryDirectory() as directory:
        try:
            met = asyncio.run(weathered(Path(directory), options.requests, options.seed))
        except AssertionError as broken:
            sys.stdout.write(f"BROKEN {broken}\n")
            return 1
    sys.stdout.write("".join(f"{line}\n" for line in met.lines()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
