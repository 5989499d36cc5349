"""A vendor that only counts, and an archive that is none: for tests of the pace of a run."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import datetime

import orjson

from scraper.core.adopt import Identity
from scraper.core.outcomes import Answer, NoAnswer, Reply
from scraper.core.requests import Request
from scraper.ports import (
    ArchivedAnswer,
    ArchiveLedger,
    Clock,
    Compaction,
    Compactor,
    DecidedAnswer,
    Holding,
    Part,
    Partition,
    RunRow,
    RunRows,
    RunVersion,
    SpendMark,
    SpooledPage,
    Start,
    Written,
    at_once,
)
from scraper.sandbox.metering import RateRule

NETWORK_S = 0.1
"""Between a start and its arrival: at the most, and never the same."""
LATENCY_S = 0.8


@dataclass(frozen=True, slots=True)
class Network:
    """How long each part of a request takes, between two bounds."""

    connect_s: float = 0.0
    """Each request has a connection of its own."""
    way_s: tuple[float, float] = (0.0, NETWORK_S)
    answer_s: tuple[float, float] = (LATENCY_S, LATENCY_S)
    """From the arrival on."""
    tells: bool = False
    """In headers, how many requests remain, and that they do for a minute."""


class CountingVendor:
    """A transport that only counts: how many arrived, and how many its rule turned away."""

    def __init__(self, rule: RateRule, clock: Clock, seed: int, network: Network | None = None) -> None:
        self._rule, self._clock, self._random = rule, clock, random.Random(seed)
        self._network = network or Network()
        self.arrivals: list[float] = []
        self.turned_away = 0

    async def send(self, request: Request, start: Start = at_once) -> Reply:
        network = self._network
        await asyncio.sleep(network.connect_s)
        if not await start():
            return NoAnswer(sent=False, reason="its slot is gone")
        await asyncio.sleep(self._random.uniform(*network.way_s))
        body = self.arrive(request.key, request.page)
        left = self._rule.left(self._clock.now())
        headers = {"x-ratelimit-remaining": f"{left}", "x-ratelimit-reset": "60"} if network.tells else {}
        await asyncio.sleep(self._random.uniform(*network.answer_s))
        return Answer(200, headers, body)

    def arrive(self, key: str, page: int) -> bytes:
        """Counts a request; its page."""
        self.arrivals.append(self._clock.monotonic())
        if self._rule.take(self._clock.now()) is not None:
            self.turned_away += 1
        pagination = {"page": page, "size": 20, "total_count": 10**6, "has_more": True}
        records = [{"item_id": f"{key}{n}"} for n in range(20)]
        return orjson.dumps({"code": 0, "data": {"videos": records, "pagination": pagination}})


class NothingToCompact:
    """The compactor of an archive without files."""

    def partition(self, path: str, known: Sequence[Part]) -> Partition:
        raise AssertionError(f"{path} holds none of {known}")

    def refuse_unless_exchangeable(self) -> None:
        """Nothing is exchanged."""

    def build(self, compaction: Compaction) -> tuple[Part, ...]:
        raise AssertionError(compaction)

    def exchange(self, compaction: Compaction, now: datetime) -> None:
        raise AssertionError(compaction, now)

    def discard(self, compaction: Compaction) -> None:
        raise AssertionError(compaction)

    def sweep(self, now: datetime) -> None:
        """Nothing lies in the trash."""


class NoArchiveLedger:
    """Nothing is kept of a ledger."""

    def identity(self) -> tuple[Identity, str] | None:
        return None

    def write_identity(self, identity: Identity, kind: str) -> None:
        """No file bears it."""

    def marks(self) -> tuple[SpendMark, ...]:
        return ()

    def write_mark(self, mark: SpendMark) -> None:
        """No file bears it."""

    def remove_marks(self, run_ids: Sequence[str]) -> None:
        raise AssertionError(run_ids)

    def is_empty(self) -> bool:
        return True

    def paths(self) -> tuple[str, ...]:
        return ()

    def part(self, path: str) -> Part:
        raise AssertionError(path)

    def size_bytes(self, path: str) -> int:
        raise AssertionError(path)

    def rows(self, path: str) -> Iterator[RunRow]:
        raise AssertionError(path)

    def answers(self, path: str) -> Iterator[ArchivedAnswer]:
        raise AssertionError(path)

    def rows_by_run(self, path: str) -> dict[str, int]:
        raise AssertionError(path)


class NoArchive:
    """Nothing is drained here."""

    ledger: ArchiveLedger = NoArchiveLedger()

    select_hashes: dict[str, str] = {}  # noqa: RUF012 - as the port has it
    takes_packed = False

    @property
    def compactor(self) -> Compactor:
        return NothingToCompact()

    def lock(self, hold: Holding | None = None) -> AbstractContextManager[None]:  # noqa: ARG002
        return nullcontext()

    def refuse_unless_writable(self) -> None:
        """Nothing is written."""

    def write(self, drain_id: int, pages: Iterable[SpooledPage], token: str = "") -> Written:
        raise AssertionError(f"drain {drain_id} {token} of {pages}: the run is stopped before")

    def last_drain(self) -> int:
        return 0

    def sources(self) -> tuple[str, ...]:
        return ()

    def outdated(self, table: str) -> tuple[str, ...]:
        raise AssertionError(f"{table} has no parts")

    def write_run_tables(self, runs: Sequence[RunVersion], rows_of: Callable[[str], RunRows]) -> tuple[Part, ...]:
        raise AssertionError(f"{runs} have pages in the spool, and no {rows_of}")

    def decided(self, source: str, table: str | None = None) -> Iterator[DecidedAnswer]:
        raise AssertionError(f"{source} is no part that feeds {table}")

    def rebuild(self, table: str, sources: Sequence[str]) -> Written:
        raise AssertionError(f"{table} has no parts to be made from {sources}")


class Discarded(NoArchive):
    """An archive that takes every page and keeps none, for tests that look at the ledger alone."""

    def write(self, drain_id: int, pages: Iterable[SpooledPage], token: str = "") -> Written:  # noqa: ARG002
        list(pages)
        return Written((), {}, {})

    def write_run_tables(self, runs: Sequence[RunVersion], rows_of: Callable[[str], RunRows]) -> tuple[Part, ...]:  # noqa: ARG002
        return ()
