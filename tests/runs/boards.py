"""Boards of a world file as nights of the real program: false alarms of healthy boards, and failures that set in.

``python -m tests.runs.boards --world FILE [--nights 1000] [--seed N]`` plays panels of random boards, each board from a
random day of its own, through `runs.execute`: a moved clock, a transport that replays lists, a real state, and an
archive that swallows its pages. It prints what it met, and exits with 1 where a bound does not hold.

A world file is ``{board: [[day, [id, …]], …]}``, gzipped or not; a board's group, the part of its name before the
slash, is its endpoint. Days are dates, or numbers of snapshots, of which 24 are a night. A board is requested only on
nights of which it has a snapshot.
"""

from __future__ import annotations

import argparse
import asyncio
import gzip
import math
import random
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import orjson

from scraper.core.board_history import CHANCE, LEAST_READS, LEAST_STILL, STILL_FACTOR
from scraper.core.board_watch import BOARD_GUARDS
from scraper.core.catalogue import Endpoint
from scraper.core.jobs import Crawl, Job
from scraper.core.outcomes import Answer, NoAnswer, Reply
from scraper.core.requests import Request, Walk
from scraper.io.pacing import SmoothPacer
from scraper.ports import Start, Stores, at_once
from scraper.runs.context import RunContext
from scraper.runs.execute import execute
from scraper.runs.resume import Opening
from tests.core.builders import C_HASHTAGS, CATALOGUE, account, endpoint
from tests.databases import database_in
from tests.runs.counting import Discarded
from tests.runs.harness import Heard
from tests.runs.moved_time import MovedClock, MovedTimeLoop, on_moved_time
from tests.runs.nights import Inline

World = Mapping[str, Mapping[int, Sequence[int]]]
"""Board → night → ids in order."""

DEFAULT_WORLD: Final = Path(__file__).parents[2] / "../shared/data/boards.json.gz"
SNAPSHOTS_A_NIGHT: Final = 24
PANEL_NIGHTS: Final = 100
"""Of a panel, at the most, before its endpoints fail."""
NIGHTS_OF_FAILURES: Final = 60
"""Kept of a board's snapshots for the nights on which endpoints fail."""
MOST_CREDITS_LOST: Final = 24
MOST_REQUESTS: Final = 3
ACCOUNT: Final = account("crawlora", requests_per_minute=60_000)


def world_of(text: bytes) -> World:
    """Read a world file, gzipped or not."""
    content = orjson.loads(gzip.decompress(text) if text.startswith(b"\x1f\x8b") else text)
    return {board: dict(_nights(snapshots)) for board, snapshots in content.items()}


def _nights(snapshots: Sequence[tuple[str | int, Sequence[int]]]) -> Iterator[tuple[int, Sequence[int]]]:
    for day, ids in snapshots:
        if isinstance(day, str):
            yield date.fromisoformat(day).toordinal(), ids
        elif day % SNAPSHOTS_A_NIGHT == 0:
            yield day // SNAPSHOTS_A_NIGHT, ids


# --- the vendor -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Shown:
    """What the vendor lists for one board in one night."""

    ids: Sequence[int]
    country: str


Failure = Callable[[Shown, Shown], Shown]
"""From what a board would show, and what it showed in the last healthy night."""

FAILURES: Final[Mapping[str, Failure]] = {
    "blank": lambda now, _: Shown((), now.country),
    "shrunken": lambda now, _: Shown(now.ids[: max(1, (len(now.ids) - 1) // 6)], now.country),
    "frozen": lambda _, before: before,
    "foreign": lambda now, _: Shown(now.ids, "ZZ"),
}


@dataclass(slots=True)
class Replay:
    """A transport that lists what the boards show tonight."""

    shown: Mapping[str, Shown] = field(default_factory=dict)
    """Country of a board → its list."""
    asked: list[Request] = field(default_factory=list)

    async def send(self, request: Request, start: Start = at_once) -> Reply:
        if not await start():
            return NoAnswer(sent=False, reason="its slot is gone")
        self.asked.append(request)
        await asyncio.sleep(0.5)
        board = self.shown[request.walk.country or ""]
        rows = [
            {"hashtag_id": str(one), "hashtag_name": "a", "rank": rank, "country_info": {"id": board.country}}
            for rank, one in enumerate(board.ids, start=1)
        ]
        told = {"page": 1, "size": 100, "total": len(rows), "has_more": False}
        body = {"code": 200, "data": {"code": 0, "data": {"list": rows, "pagination": told}}}
        return Answer(200, {}, orjson.dumps(body))


# --- panels -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Board:
    """A board of a panel, under a country of its own."""

    name: str
    country: str
    first: int
    """Its night that is the panel's first."""

    @property
    def group(self) -> str:
        return self.name.partition("/")[0]


@dataclass(frozen=True, slots=True)
class Panel:
    """Boards that one job requests every night, and the endpoints that fail one after the other."""

    boards: Sequence[Board]
    sets_in: int
    """The first night of the first failure."""
    failing: Mapping[str, str]
    """Kind of failure → group."""


@dataclass(slots=True)
class Found:
    """What the nights of all panels came to."""

    nights: int = 0
    board_nights: int = 0
    false_alarms: list[str] = field(default_factory=list)
    false_stops: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    """A line for each failure that set in."""
    broken: list[str] = field(default_factory=list)
    """Bounds that did not hold."""

    def report(self) -> str:
        """Return everything in lines."""
        healthy = f"{self.nights:,} healthy nights, {self.board_nights:,} boards"
        alarms = f"{len(self.false_alarms)} false alarms, {len(self.false_stops)} false stops"
        detail = [*self.false_alarms, *self.false_stops, *self.failures, *(f"BROKEN: {one}" for one in self.broken)]
        return "\n".join([f"{healthy}: {alarms}", *detail])


def panel_of(world: World, chance: random.Random, nights: int) -> Panel:
    """Draw boards, the night of the world that each begins with, and when which endpoint fails.

    `nights`: the most healthy ones; half of them are the least.
    """
    names = sorted(world)
    drawn = sorted(chance.sample(names, chance.randint(min(6, len(names)), len(names))))
    codes = [f"{a}{b}" for a in "ABCDEFGH" for b in "ABCDEFGH"]
    boards = []
    for name, country in zip(drawn, codes, strict=False):
        first, last = min(world[name]), max(world[name])
        boards.append(Board(name, country, chance.randint(first, max(first, last - nights - NIGHTS_OF_FAILURES))))
    groups = sorted({board.group for board in boards})
    failing = {kind: chance.choice(groups) for kind in FAILURES}
    return Panel(boards, chance.randint(nights // 2, nights), failing)


def endpoint_of(group: str) -> Endpoint:
    """The endpoint that serves a group's boards."""
    return replace(endpoint(C_HASHTAGS), name=group)


def job_of(boards: Sequence[Board]) -> Job:
    groups: defaultdict[str, list[str]] = defaultdict(list)
    for board in boards:
        groups[board.group].append(board.country)
    crawls = tuple(
        Crawl(group, endpoint_of(group), {"country_code": tuple(countries)}) for group, countries in groups.items()
    )
    return Job("boards", 10_000, crawls, {"crawlora": ACCOUNT})


# --- nights -----------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Night:
    """What one night came to."""

    asked: Sequence[Request]
    met: Mapping[str, str]
    """Board → guard, of those out of character."""
    closed: Sequence[str]
    """Why endpoints were closed."""

    def asked_of(self, group: str) -> int:
        """Return the requests that were sent to a group's endpoint."""
        return sum(request.endpoint.name == group for request in self.asked)


@dataclass(slots=True)
class Play:
    """One panel, night after night, over one state."""

    world: World
    panel: Panel
    stores: Stores
    clock: MovedClock
    found: Found
    number: int = 0
    """Tonight."""
    _last: dict[str, Shown] = field(default_factory=dict)
    """Board → what it showed in its last healthy night."""

    def _shown(self, failing: tuple[str, str] | None) -> dict[str, Shown]:
        """Country → what its board shows tonight; `failing`: kind and group."""
        shown = {}
        for board in self.panel.boards:
            ids = self.world[board.name].get(board.first + self.number)
            if ids is None:
                continue
            healthy = shown[board.country] = Shown(ids, board.country)
            if failing is not None and board.group == failing[1]:
                shown[board.country] = FAILURES[failing[0]](healthy, self._last.get(board.name, healthy))
            else:
                self._last[board.name] = healthy
        return shown

    async def night(self, failing: tuple[str, str] | None = None) -> Night:
        """Run the job once, and wait for the next night; count what is out of character in healthy groups."""
        replay = Replay(self._shown(failing))
        boards = {board.country: board for board in self.panel.boards if board.country in replay.shown}
        met, closed = await self._run(list(boards.values()), replay) if boards else ({}, [])
        healthy = [country for country in boards if failing is None or boards[country].group != failing[1]]
        when = f"night {self.number}"
        self.found.nights += failing is None
        self.found.board_nights += len(healthy)
        self.found.false_alarms += [f"{when}: {boards[one].name} {met[one]}" for one in healthy if one in met]
        ours = "" if failing is None else f"crawlora.{failing[1]}:"
        self.found.false_stops += [f"{when}: {one}" for one in closed if not ours or not one.startswith(ours)]
        self.number += 1
        await self.clock.sleep(self.number * 86_400 - self.clock.monotonic())
        return Night(replay.asked, {boards[one].name: guard for one, guard in met.items()}, closed)

    async def _run(self, boards: Sequence[Board], replay: Replay) -> tuple[dict[str, str], list[str]]:
        pacers = {"crawlora": SmoothPacer(ACCOUNT.subscription)}
        context = RunContext(self.stores, Discarded(), replay, pacers, self.clock, Heard(), lambda: 0.5)
        result = await execute(
            job_of(boards), CATALOGUE.vendors, context, opening=Opening.NEW, ceiling=None,
            suffix=f"{self.number:04}", command="scraper run boards", begun=lambda _: None,
        )  # fmt: skip
        met = {
            orjson.loads(walk.params)["country_code"]: note.value
            for walk in await self.stores.runs.coverage(result.run_id)
            for note in walk.notes
            if note in BOARD_GUARDS
        }
        return met, [part for part in result.message.split("; ") if "boards in a row" in part]

    async def fail(self, kind: str, group: str) -> None:
        """Let an endpoint fail until it is found, and hold that against the bounds."""
        cost, began = endpoint(C_HASHTAGS).cost, self.number
        stated = await self._stated_reads(group) if kind == "frozen" else 1
        reads = suspects = 0
        while reads < stated and not suspects:
            if self.number - began > NIGHTS_OF_FAILURES:
                words = f"{kind} {group} from night {began}: {stated} reads are stated"
                self.found.failures.append(f"{words}, more than the {NIGHTS_OF_FAILURES} nights that were played")
                return
            tonight = await self.night((kind, group))
            suspects = sum(name.startswith(f"{group}/") for name in tonight.met)
            reads += tonight.asked_of(group) > 0
        words = f"{kind} {group} from night {began}: {suspects} boards found in read {reads} of {stated} stated, "
        words += f"{suspects * cost} credits lost{', endpoint closed' if tonight.closed else ''}"
        self.found.failures.append(words)
        most = MOST_REQUESTS if kind != "frozen" else len(self.panel.boards)
        if not suspects or suspects * cost > MOST_CREDITS_LOST or tonight.asked_of(group) > most:
            self.found.broken.append(f"{words}; {tonight.asked_of(group)} requests were sent")

    async def _stated_reads(self, group: str) -> int:
        """Nightly reads within which the first board of a frozen endpoint is found: as the rule says."""
        longest = await self.stores.runs.longest_still(endpoint_of(group).full_name)
        days = max(LEAST_STILL, STILL_FACTOR * longest) // timedelta(days=1)
        ids = {Walk(one.endpoint, params).walk_id for one in job_of(self.panel.boards).crawls for params in one.sweep()}
        stated = []
        for history in (await self.stores.runs.board_histories(sorted(ids))).values():
            before = history.reads - history.still_reads
            equal_rate = 1 - (history.changes + 1) / (before + 2)
            if before >= LEAST_READS:
                stated.append(max(days, math.ceil(math.log(CHANCE) / math.log(equal_rate))))
        return min(stated, default=NIGHTS_OF_FAILURES) + 1


def play(world: World, panel: Panel, found: Found) -> None:
    """Play one panel: its healthy nights, then its failures one after the other."""

    async def whole(loop: MovedTimeLoop) -> None:
        loop.set_default_executor(Inline())
        clock = MovedClock(loop)
        with ExitStack() as opened:
            data = Path(opened.enter_context(TemporaryDirectory()))
            stores = opened.enter_context(database_in(data).opened(clock.now, threaded=False))
            playing = Play(world, panel, stores, clock, found)
            for _ in range(panel.sets_in):
                await playing.night()
            for kind, group in panel.failing.items():
                await playing.fail(kind, group)

    on_moved_time(whole)


def played(world: World, nights: int, seed: int, of_a_panel: int = PANEL_NIGHTS) -> Found:
    """Play panels until so many healthy nights have passed."""
    chance, found = random.Random(seed), Found()
    while found.nights < nights:
        play(world, panel_of(world, chance, min(of_a_panel, nights)), found)
    if found.false_stops:
        found.broken.append(f"{len(found.false_stops)} false stops in {found.nights} healthy nights")
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description="Play real boards as nights of the program.")
    parser.add_argument("--world", type=Path, default=DEFAULT_WORLD)
    parser.add_argument("--nights", type=int, default=1_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    found = played(world_of(options.world.read_bytes()), options.nights, options.seed)
    print(found.report())  # noqa: T201
    sys.exit(bool(found.broken))


if __name__ == "__main__":
    main()
