"""The plan's `History`, read from coverage, ledger and the noted parts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import Connection, and_, case, func, select

from scraper.core.catalogue import OutcomeKind
from scraper.core.changes.reads import FeedVisits, WholeRead
from scraper.core.pagination import PageFacts, Record, WalkState, Why
from scraper.core.planning import WalkSeen, Yield
from scraper.core.planning.history import HISTORY, WALKS_KEPT, PastRun
from scraper.core.requests import Walk
from scraper.io.state import schema
from scraper.io.state.boards import chunks
from scraper.io.state.past_runs import past_runs
from scraper.io.state.runs import OLDEST_WALK
from scraper.io.state.schema import pages, parts, requests, total, walks

ANSWERS_TIMED = 1_000
"""A vendor's latency is the mean over so many of its last answers."""
READS_KEPT = 60
"""Last reads of a board from which its rate is learned."""
LEAST_READS_KEPT = 10
MOST_READS = 20_000
"""Most reads of all boards together; a job with many boards uses fewer of each."""
VISITS_KEPT = 3
"""Last visits to a feed whose new records count."""

_WHOLE = [WalkState.COMPLETE.value, WalkState.EMPTY.value]
_LANDED = [OutcomeKind.OK.value, OutcomeKind.EMPTY.value]


class SqlHistory:
    """A read-only history; every method blocks, and raises StateError if the database cannot be read."""

    def __init__(self, reads: Callable[[Callable[[Connection], Sequence[Any]]], Sequence[Any]], now: datetime) -> None:
        self._reads = reads
        self._now = now
        self._yields: Sequence[Yield] | None = None
        """Read once: it is the sum of a month's attempts."""

    def walks(self, walk_ids: Sequence[str]) -> Mapping[str, Sequence[WalkSeen]]:
        found: dict[str, list[WalkSeen]] = {}
        for walk_id, _, seen in self._last_walks(walk_ids):
            if len(kept := found.setdefault(walk_id, [])) < WALKS_KEPT:
                kept.append(seen)
        return found

    def records(self, walk_ids: Sequence[str]) -> Mapping[str, Sequence[Record]]:
        bought_in: dict[str, str] = {}
        for walk_id, run_id, _ in self._last_walks(walk_ids):
            bought_in.setdefault(walk_id, run_id)
        found: dict[str, list[Record]] = {}
        for run_id in dict.fromkeys(bought_in.values()):
            ours = [walk_id for walk_id, bought in bought_in.items() if bought == run_id]
            for some in chunks(ours):
                listed = and_(pages.c.run_id == run_id, pages.c.walk_id.in_(some), pages.c.facts.is_not(None))
                for walk_id, facts in self._rows(select(pages.c.walk_id, pages.c.facts).where(listed)):
                    found.setdefault(walk_id, []).extend(PageFacts.from_json(orjson.loads(facts)).ids)
        return found

    def yields(self) -> Sequence[Yield]:
        if self._yields is None:
            self._yields = self._read_yields()
        return self._yields

    def _read_yields(self) -> Sequence[Yield]:
        since = self._now - HISTORY
        place = (walks.c.endpoint, walks.c.country)
        spent = (
            select(*place, total(requests.c.credits))
            .join(requests, and_(requests.c.run_id == walks.c.run_id, requests.c.walk_id == walks.c.walk_id))
            .where(walks.c.snapshot_at >= since)
            .group_by(*place)
        )
        credits = {(endpoint, country): total for endpoint, country, total in self._rows(spent)}
        empty = total(case((walks.c.state == WalkState.EMPTY.value, 1), else_=0))
        whole = (
            select(*place, func.count(), empty, total(walks.c.pages), func.max(walks.c.pages))
            .add_columns(total(walks.c.rows))
            .where(walks.c.snapshot_at >= since, walks.c.reused_from.is_(None), walks.c.state.in_(_WHOLE))
            .where(walks.c.why.is_distinct_from(Why.KNOWN.value))
            .group_by(*place)
            .order_by(*place)
        )
        return tuple(
            Yield(endpoint, country, count, empty_ones, bought, most, rows, credits.get((endpoint, country), 0))
            for endpoint, country, count, empty_ones, bought, most, rows in self._rows(whole)
        )

    def reads(self, walks: Sequence[Walk]) -> Mapping[str, Sequence[WholeRead]]:
        wanted = {walk.walk_id: walk for walk in walks}
        kept = max(LEAST_READS_KEPT, min(READS_KEPT, MOST_READS // max(1, len(wanted))))
        return {
            walk_id: [
                WholeRead(row.snapshot_at, ids, row.pages) for row, ids in visits if _is_whole(row, wanted[walk_id])
            ]
            for some in chunks(list(wanted))
            for walk_id, visits in self._visits(schema.walks.c.walk_id.in_(some), kept).items()
        }

    def tried(self, walks: Sequence[Walk]) -> Mapping[str, datetime]:
        bought = schema.walks
        found: dict[str, datetime] = {}
        for some in chunks([walk.walk_id for walk in walks]):
            own = and_(bought.c.walk_id.in_(some), bought.c.reused_from.is_(None), bought.c.snapshot_at < self._now)
            found |= dict(
                self._rows(
                    select(bought.c.walk_id, func.max(bought.c.snapshot_at)).where(own).group_by(bought.c.walk_id)
                )
            )
        return found

    def feeds(self, endpoints: Sequence[str]) -> Sequence[FeedVisits]:
        recent = and_(schema.walks.c.endpoint.in_(endpoints), schema.walks.c.snapshot_at >= self._now - HISTORY)
        return [
            FeedVisits(walk_id, [ids for _, ids in visits], sum(row.pages for row, _ in visits))
            for walk_id, visits in self._visits(recent, VISITS_KEPT).items()
        ]

    def past_runs(self, job: str, asked: str) -> Sequence[PastRun]:
        return past_runs(self._rows, job, asked, self._now)

    def latency_s(self, vendor: str) -> float | None:
        ours = and_(requests.c.account.startswith(f"{vendor}/", autoescape=True), requests.c.outcome.in_(_LANDED))
        last = select(requests.c.sent_at, requests.c.settled_at).where(ours, requests.c.sent_at.is_not(None))
        taken = [
            (settled_at - sent_at).total_seconds()
            for sent_at, settled_at in self._rows(last.order_by(requests.c.attempt_id.desc()).limit(ANSWERS_TIMED))
        ]
        return sum(taken) / len(taken) if taken else None

    def bytes_a_row(self) -> Mapping[str, float]:
        sizes = select(parts.c.table_name, total(parts.c.size_bytes), total(parts.c.rows))
        return {table: size / rows for table, size, rows in self._rows(sizes.group_by(parts.c.table_name)) if rows}

    def _last_walks(self, walk_ids: Sequence[str]) -> Iterator[tuple[str, str, WalkSeen]]:
        """Yield walk id, run id and the walk, newest first."""
        for some in chunks(walk_ids):
            query = select(walks).where(
                walks.c.walk_id.in_(some),
                walks.c.snapshot_at >= self._now - OLDEST_WALK,
                walks.c.pages > 0,
                walks.c.reused_from.is_(None),
                walks.c.state != WalkState.OPEN.value,
            )
            for row in self._rows(query.order_by(walks.c.snapshot_at.desc())):
                why = None if row.why is None else Why(row.why)
                seen = WalkSeen(WalkState(row.state), why, row.pages, row.rows, row.snapshot_at)
                yield row.walk_id, row.run_id, seen

    def _visits(self, which: Any, kept: int) -> dict[str, list[tuple[Any, frozenset[str]]]]:  # noqa: ANN401
        """Return the last complete walks of each board or feed, with the ids that they listed, oldest first."""
        walks = schema.walks
        newest_first = func.row_number().over(partition_by=walks.c.walk_id, order_by=walks.c.snapshot_at.desc())
        whole = (
            select(walks.c.walk_id, walks.c.run_id, walks.c.snapshot_at, walks.c.pages, walks.c.why, walks.c.state)
            .add_columns(newest_first.label("place"))
            .where(which, walks.c.snapshot_at < self._now, walks.c.reused_from.is_(None))
            .where(walks.c.state.in_(_WHOLE) | (walks.c.why == Why.CLAMP.value))
            .subquery()
        )
        last = select(whole).where(whole.c.place <= kept).order_by(whole.c.snapshot_at)
        ours = and_(pages.c.run_id == whole.c.run_id, pages.c.walk_id == whole.c.walk_id, pages.c.facts.is_not(None))
        listed: dict[tuple[str, str], list[bytes]] = {}
        facts = select(pages.c.run_id, pages.c.walk_id, pages.c.facts).join(whole, ours).where(whole.c.place <= kept)
        for run_id, walk_id, stored in self._rows(facts):
            listed.setdefault((run_id, walk_id), []).append(stored)
        found: dict[str, list[tuple[Any, frozenset[str]]]] = {}
        for row in self._rows(last):
            of_pages = listed.get((row.run_id, row.walk_id), [])
            if len(of_pages) == row.pages:  # else a free answer was not kept, and the walk is not whole
                ids = frozenset(record[0] for stored in of_pages for record in orjson.loads(stored)["ids"])
                found.setdefault(row.walk_id, []).append((row, ids))
        return found

    def _rows(self, query: Any) -> Sequence[Any]:  # noqa: ANN401 - a SELECT of any columns, and its rows
        return self._reads(lambda connection: connection.execute(query).all())


def _is_whole(row: Any, walk: Walk) -> bool:  # noqa: ANN401 - a row of walks
    """Return whether a walk was as deep as the job asks."""
    if row.state == WalkState.EMPTY.value or row.why in {Why.END.value, Why.CLAMP.value}:
        return True
    if row.why == Why.KNOWN.value:
        return walk.stop_when_known is not None
    return walk.max_pages is not None and row.pages >= walk.max_pages
