"""Ten minutes of bent answers through classify, pagination and the archive.

::

    python -m tests.hostile.fuzz --minutes 10 --seed 0

Nothing that a vendor sends may raise anything but an error of ours, hang, take unbounded memory, lose a byte of a page
or double a row. A line for each round, figures at the end; exit 1 with the smallest example of what broke.
"""

from __future__ import annotations

import argparse
import collections
import faulthandler
import json
import math
import resource
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

import orjson
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from scraper.core.catalogue import Charge, OutcomeKind
from scraper.core.outcomes import Answer, Outcome
from scraper.core.pagination import PageFacts, WalkState, Why
from scraper.core.requests import Request, start
from scraper.core.vendor_times import LONGEST_WAIT_S
from scraper.io.archive import ParquetArchive
from scraper.io.query import open_archive, query
from scraper.ports import SpooledPage, drain_order
from tests.core.builders import NOON, catalogue_of, endpoint, outcome_of, walk_of
from tests.hostile.mutations import HEADERS, STATUSES, VALUES, bodies, corpus
from tests.io.archive_fixtures import ENDPOINTS, TABLES, page

HANGS_AFTER_S = 120
"""Of one example; the slowest seen take a second."""
LARGEST_RSS_MIB = 1_200
LARGEST_GROWTH_BYTES = 64 * 2**20
"""What Python may hold more after a drain of small bodies than before it, at its peak."""

T = TypeVar("T")
Told: TypeAlias = tuple[Any, Any, Any, Any, Any]
"""What one answer says: its ids, has_more, the cursor or the page, the size, the total; `...` where it does not lie."""
Bought: TypeAlias = tuple[tuple[str, bytes], int, Mapping[str, str], Charge | None]


# --- classify ---------------------------------------------------------------------------------------------------------

ANSWERS = st.tuples(bodies(), STATUSES, HEADERS, st.sampled_from([None, Charge.FREE, Charge.CHARGED]))


def classified(bought: Bought) -> Outcome:
    """The outcome of an answer, with what is true of every outcome."""
    (full_name, body), status, headers, stated = bought
    outcome = outcome_of(full_name, Answer(status, headers, body), stated, NOON)
    assert outcome.credits == (0 if outcome.charge is Charge.FREE else endpoint(full_name).cost)
    assert outcome.charge is not Charge.UNKNOWN, "it was answered"
    assert outcome.landed is (outcome.kind in {OutcomeKind.OK, OutcomeKind.EMPTY})
    assert (outcome.facts is not None) is outcome.landed
    if outcome.wait_s is not None:
        assert math.isfinite(outcome.wait_s)
        assert 0 <= outcome.wait_s <= LONGEST_WAIT_S
    assert outcome.detail.isprintable()
    assert len(outcome.detail) < 1_000
    for text in (outcome.detail, outcome.vendor_request_id or ""):
        text.encode()  # what a database and a terminal take
    if outcome.facts is not None:
        stored = orjson.loads(orjson.dumps(outcome.facts.to_json()))
        assert PageFacts.from_json(stored) == outcome.facts
    return outcome


# --- pagination -------------------------------------------------------------------------------------------------------

TOLD = (
    st.just(...) | st.just(...) | st.sampled_from(VALUES) | st.integers(-3, 40) | st.sampled_from(["0", "7", "31", "x"])
)
IDS = st.just(...) | st.lists(st.integers(0, 60), max_size=25)
PAGES = st.lists(st.tuples(IDS, TOLD, TOLD, TOLD, TOLD), min_size=1, max_size=12)
WALKS = st.deferred(lambda: st.tuples(st.sampled_from(sorted(corpus())), PAGES, st.none() | st.integers(1, 12)))
"""An endpoint, what its vendor tells over and over, and how deep the job wants it."""
MOST_REQUESTS = 400
"""What a budget would let through."""


def body_of(request: Request, told: Told) -> bytes:
    """A success that says so, over a board that has no end of its own."""
    asked, fields = request.endpoint, request.endpoint.pagination.fields
    listed = range(request.page * 20, request.page * 20 + 20)
    honest: Told = (listed, True, str(request.page * 31) if "cursor" in fields else request.page, 20, 10_000)
    ids, more, where, size, total = (
        truth if value is ... else value for value, truth in zip(told, honest, strict=True)
    )
    document: dict[str, Any] = {}
    for condition in asked.success:
        _put(document, condition.field, condition.values[0])
    _put(document, asked.records.path, [{asked.records.id: str(identity)} for identity in ids])
    told_of = {"has_more": more, "cursor": where, "reported_page": where, "size": size, "total": total}
    for fact, path in fields.items():
        _put(document, path, told_of[fact])
    return json.dumps(document).encode()


def _put(document: dict[str, Any], path: str | None, value: Any) -> None:
    if path is None:  # a vendor that tells nothing of the kind
        return
    *above, last = path.split(".")
    for name in above:
        document = document.setdefault(name, {})
    document[last] = value


def walked(full_name: str, told: Sequence[Told], deepest: int | None) -> int:
    """A walk to its end over a vendor that answers so, over and over; how many requests it took."""
    progress, first = start(walk_of(full_name, max_pages=deepest))
    waiting = collections.deque[Request]([first])
    asked: set[str] = set()
    rows = landed = 0
    while waiting and len(asked) < MOST_REQUESTS:
        unwanted = {request.key for request in progress.unwanted()}
        request = waiting.popleft()
        if request.key in unwanted:
            progress.withdraw(request)
            continue
        assert request.key not in asked, "one request is never asked for twice"
        asked.add(request.key)
        outcome = outcome_of(full_name, Answer(200, {}, body_of(request, told[(len(asked) - 1) % len(told)])))
        if outcome.facts is None:
            progress.fail(request, Why.REQUEST_FAILED)
            continue
        landed, rows = landed + 1, rows + outcome.facts.records
        waiting.extend(progress.learn(request, outcome.facts))
        assert (progress.pages, progress.rows) == (landed, rows)
        assert len(waiting) <= 2_000, "a total that lies costs no memory"
    if progress.state is WalkState.OPEN:
        assert waiting, "a walk that nothing is left of has ended"
        progress.give_up(Why.BUDGET)
    assert progress.state is not WalkState.OPEN
    assert progress.why is not None
    assert progress.gaps >= 0
    assert 0 <= progress.overlaps <= progress.rows
    assert deepest is None or landed <= deepest
    return len(asked)


# --- the archive ------------------------------------------------------------------------------------------------------


def spooled(bought: Sequence[Bought]) -> Sequence[SpooledPage]:
    """What a drain would find: every answer that was, or may have been, paid for."""
    found = []
    for number, one in enumerate(bought, start=1):
        outcome = classified(one)
        if outcome.charge is not Charge.FREE or outcome.landed:
            (full_name, body), *_ = one
            parameters = '{"id":"3242"}' if full_name == "crawlora.hashtag_posts" else '{"order_by":"vv"}'
            found.append(
                page(full_name, body, page_id=number, number=number, parameters=parameters, outcome=outcome.kind)
            )
    return sorted(found, key=drain_order)


def drained(bought: Sequence[Bought]) -> int:
    """Pages through Parquet into SQL; how many rows came of them."""
    pages = spooled(bought)
    with tempfile.TemporaryDirectory() as place:
        archive = ParquetArchive(Path(place), TABLES, catalogue_of(ENDPOINTS))
        written = archive.write(1, pages)
        again = archive.write(1, pages)
        assert again == written, "the same pages make the same files"
        if not pages:
            return 0
        connection = open_archive(Path(place), TABLES)
        try:
            kept = query(connection, "SELECT request_key, body FROM pages").read_all().to_pylist()
            assert sorted((row["request_key"], row["body"]) for row in kept) == sorted(
                (one.request_key, one.body) for one in pages
            ), "every page is kept, byte for byte"
            rows = 0
            for table in TABLES:
                sql = f"SELECT count(*) AS rows, count(DISTINCT (request_key, position)) AS places FROM {table.name}"
                [counted] = query(connection, sql).read_all().to_pylist()
                assert counted["rows"] == counted["places"], f"{table.name} holds a row twice"
                assert counted["rows"] == written.rows().get(table.name, 0)
                query(connection, f"SELECT * FROM {table.name}").read_all()
                rows += counted["rows"]
        finally:
            connection.close()
    assert set(written.unreadable) <= {one.page_id for one in pages if one.outcome is OutcomeKind.OK}
    assert rows <= sum(_records(one) for one in pages)
    return rows


def _records(one: SpooledPage) -> int:
    """No page gives more rows than its list is long."""
    facts = outcome_of(one.endpoint, Answer(one.http_status, {}, one.body)).facts
    return 0 if facts is None else facts.records


# --- for ten minutes --------------------------------------------------------------------------------------------------


class Tally:
    """What was tried, and what came of it."""

    def __init__(self, *, traced: bool = False) -> None:
        """`traced`: what Python holds is measured, which takes time."""
        self._traced = traced
        self.kinds = collections.Counter[str]()
        self.examples = collections.Counter[str]()
        self.walk_requests = collections.Counter[int]()
        self.rows = 0
        self.peak_bytes = 0
        """Of what Python held during a drain."""

    def classify(self, bought: Bought) -> None:
        self.examples["classify"] += 1
        self.kinds[classified(bought).kind.value] += 1

    def paginate(self, walk: tuple[str, Sequence[Told], int | None]) -> None:
        self.examples["paginate"] += 1
        self.walk_requests[walked(*walk)] += 1

    def drain(self, bought: Sequence[Bought]) -> None:
        self.examples["drain"] += 1
        if not self._traced:
            self.rows += drained(bought)
            return
        tracemalloc.start(1)
        try:
            self.rows += drained(bought)
            _, peak_bytes = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        self.peak_bytes = max(self.peak_bytes, peak_bytes)
        assert peak_bytes < LARGEST_GROWTH_BYTES, f"{peak_bytes} bytes for {sum(len(one[0][1]) for one in bought)}"


def round_of(tally: Tally, number: int, examples: int, *, watched: bool) -> None:
    """So many examples of each of the three. `watched`: one that hangs ends the process and tells where."""

    def tried(times: int, strategy: st.SearchStrategy[T], attempt: Callable[[T], None]) -> None:
        def one(example: T) -> None:
            if watched:
                faulthandler.dump_traceback_later(HANGS_AFTER_S, exit=True)
            attempt(example)

        how = settings(
            max_examples=times,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
            phases=(Phase.generate, Phase.shrink),
        )
        seed(number)(how(given(strategy)(one)))()

    tried(examples, ANSWERS, tally.classify)
    tried(examples, WALKS, tally.paginate)
    tried(max(1, examples // 10), st.lists(ANSWERS, max_size=14), tally.drain)


def rss_mib() -> int:
    """The most memory that this process has ever held."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    began, tally, number = time.monotonic(), Tally(traced=True), options.seed
    faulthandler.enable()
    drained([((name, answers[0]), 200, {}, None) for name, answers in corpus().items()])  # libraries are loaded by now
    while time.monotonic() - began < options.minutes * 60:
        round_of(tally, number, 400, watched=True)
        number += 1
        told = " · ".join(f"{count} {what}" for what, count in tally.examples.items())
        sys.stdout.write(f"{time.monotonic() - began:5.0f} s: {told}; at most {rss_mib()} MiB\n")
        sys.stdout.flush()
        if rss_mib() > LARGEST_RSS_MIB:
            sys.stdout.write(f"BROKEN more than {LARGEST_RSS_MIB} MiB of memory\n")
            return 1
    faulthandler.cancel_dump_traceback_later()
    sys.stdout.write(f"outcomes: {' · '.join(f'{n} {kind}' for kind, n in tally.kinds.most_common())}\n")
    requests = sum(length * n for length, n in tally.walk_requests.items())
    longest = tally.walk_requests[MOST_REQUESTS]
    sys.stdout.write(f"walks: {requests} requests, {longest} of them stopped by the budget of {MOST_REQUESTS}\n")
    sys.stdout.write(f"archive: {tally.rows} rows; a drain held {tally.peak_bytes / 2**20:.1f} MiB at most\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
