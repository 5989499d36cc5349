"""The boards of a job, from its archive or from a world file."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

from scraper.core.changes.known_boards import KnownBoard
from scraper.core.changes.order import RankedBoard
from scraper.core.errors import UsageError
from scraper.core.planning.walks import hard_limit
from scraper.io.worlds import WorldNight, read_world

if TYPE_CHECKING:
    from collections.abc import Hashable, Set

    from scraper.core.jobs import Crawl, Job
    from scraper.core.requests import Walk
    from scraper.wiring.settings import Settings

BOARD_TABLES: Final = ("hashtags", "creators", "videos")
"""Tables of ranked lists, the sources of `board_sightings`."""
WORLD_BEGINS: Final = date(2026, 1, 1)
"""The first night of a world whose days are not dates."""
_READS: Final = """
SELECT read.walk_id, read.snapshot_at, any_value(bought.pages) AS pages,
  list(DISTINCT seen.entry_id) FILTER (seen.entry_id IS NOT NULL) AS entries
FROM board_reads AS read
JOIN (SELECT walk_id, max(pages) AS pages FROM coverage WHERE state = 'complete' GROUP BY walk_id) AS bought
  USING (walk_id)
LEFT JOIN board_sightings AS seen ON seen.walk_id = read.walk_id AND seen.run_id = read.run_id
WHERE read.whole
GROUP BY read.walk_id, read.run_id, read.snapshot_at ORDER BY read.snapshot_at
"""


@dataclass(frozen=True, slots=True)
class JobBoards:
    """The boards of a job that can be replayed."""

    boards: Sequence[KnownBoard]
    first_at: datetime
    """The time at which the boards of night 0 were bought, UTC."""
    notes: Sequence[str]
    """Notes on crawls that are left out."""


def archive_boards(job: Job, settings: Settings, period: timedelta) -> JobBoards:
    """Return the job's boards by their complete reads in the archive. UsageError if there are none."""
    from scraper.wiring.query import queried

    reads: dict[str, list[tuple[datetime, frozenset[Hashable]]]] = {}
    pages: dict[str, int] = {}
    with queried(settings, settings.project.configs, _READS) as reader:
        for batch in reader:
            for row in batch.to_pylist():
                at = row["snapshot_at"].replace(tzinfo=UTC)
                reads.setdefault(row["walk_id"], []).append((at, frozenset(row["entries"] or ())))
                pages[row["walk_id"]] = row["pages"] or 1
    wanted = {walk.walk_id: (crawl, walk) for crawl, walk in _walks(job)}
    known = {walk_id: found for walk_id, found in reads.items() if walk_id in wanted}
    if not known:
        raise UsageError(
            f"the archive in {settings.data_directory} has no complete read of a board of job {job.name}: run it for "
            "some nights, or replay a world file with --world."
        )
    first_at = min(found[0][0] for found in known.values())
    anchor = first_at - period / 8  # timers fire a little early, or late
    boards = []
    for walk_id, (crawl, walk) in wanted.items():
        if walk_id in known:
            nights = {(at - anchor) // period: entries for at, entries in known[walk_id]}
            boards.append(_board(crawl, walk, pages[walk_id], tuple(sorted(nights.items(), key=lambda one: one[0]))))
    notes = list(_left_out(job))
    if len(boards) < len(wanted):
        unread = len(wanted) - len(boards)
        notes.append(f"{unread} of the job's {len(wanted)} boards were never read completely, and are left out")
    return JobBoards(boards, first_at, notes)


def world_boards(job: Job, path: Path) -> JobBoards:
    """Return the job's boards with the lists of a world file: that of its own name each, else one after the other."""
    world = read_world(path)
    walks = [(crawl, walk, _list_of(world, walk, number)) for number, (crawl, walk) in enumerate(_walks(job))]
    shared = min((len(world[name]) for _, _, name in walks), default=0)
    boards = []
    for crawl, walk, name in walks:
        nights = world[name][:shared]
        size = crawl.endpoint.pagination.rows_per_page
        entries = max(len(night.entries) for night in nights)
        pages = min(-(-entries // size) or 1, hard_limit(crawl) or entries or 1)
        reads = tuple((place, frozenset(night.entries[: pages * size])) for place, night in enumerate(nights))
        boards.append(_board(crawl, walk, pages, reads))
    _some(job, boards)
    return JobBoards(boards, datetime.combine(_first_day(world), time(), UTC), list(_left_out(job)))


def played_boards(job: Job, seed: int, nights: int) -> JobBoards:
    """Return the job's boards as the sandbox plays them, for so many days from `WORLD_BEGINS` on."""
    from scraper.sandbox import PlayedLists

    lists, boards = PlayedLists(seed), []
    for crawl, walk in _walks(job):
        size = crawl.endpoint.pagination.rows_per_page
        most = (hard_limit(crawl) or sys.maxsize) * size
        reads = []
        for night in range(nights):
            day = WORLD_BEGINS + timedelta(days=night)
            listed = lists.on(crawl.endpoint.table, walk.country, walk.period_days, dict(walk.params), day)
            reads.append((night, frozenset(listed[:most])))
        pages = max(1, -(-max(len(entries) for _, entries in reads) // size))
        boards.append(_board(crawl, walk, pages, tuple(reads)))
    _some(job, boards)
    return JobBoards(boards, datetime.combine(WORLD_BEGINS, time(), UTC), list(_left_out(job)))


def _some(job: Job, boards: Sequence[KnownBoard]) -> None:
    if not boards:
        raise UsageError(f"job {job.name} has no boards to replay: {'; '.join(_left_out(job))}.")


def _first_day(world: Mapping[str, Sequence[WorldNight]]) -> date:
    try:
        return min(date.fromisoformat(str(nights[0].day)) for nights in world.values())
    except ValueError:
        return WORLD_BEGINS


def _list_of(world: Mapping[str, Sequence[WorldNight]], walk: Walk, number: int) -> str:
    place = "/".join([walk.country or "all", *([str(walk.period_days)] if walk.period_days else [])])
    for name in (f"{walk.endpoint.full_name}/{place}", f"{walk.endpoint.table}/{place}"):
        if name in world:
            return name
    return list(world)[number % len(world)]


def _walks(job: Job) -> Iterator[tuple[Crawl, Walk]]:
    """Yield the walks of the job's boards, each once, those that a run buys first before the others."""
    wanted = {crawl.name: crawl.priority for crawl in job.crawls}
    for child in job.crawls:
        if child.each is not None:
            wanted[child.each] = max(wanted[child.each], child.priority)
    seen: set[str] = set()
    for crawl in sorted(job.crawls, key=lambda crawl: -wanted[crawl.name]):
        if crawl.each is None and crawl.endpoint.table in BOARD_TABLES:
            for params in crawl.sweep():
                walk = crawl.walk(params)
                if walk.walk_id not in seen:
                    seen.add(walk.walk_id)
                    yield crawl, walk


def _left_out(job: Job) -> Iterator[str]:
    others = [crawl.name for crawl in job.crawls if crawl.each is not None or crawl.endpoint.table not in BOARD_TABLES]
    if others:
        yield f"left out, since they have no boards: {', '.join(others)}; their credits go to the boards"


def _board(crawl: Crawl, walk: Walk, pages: int, reads: tuple[tuple[int, Set[Hashable]], ...]) -> KnownBoard:
    endpoint = crawl.endpoint
    name = "/".join([endpoint.full_name, *(value for _, value in walk.params)])
    groups = (endpoint.full_name, *([f"country {walk.country}"] if walk.country else []))
    return KnownBoard(RankedBoard(name, groups, pages * endpoint.cost), endpoint.vendor, reads)
