"""Runs and the coverage of their walks, on one connection."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from operator import itemgetter
from typing import Any

import orjson
from sqlalchemy import Connection, Row, and_, func, insert, select, update

from scraper.core.budget import ScopeKind
from scraper.core.events import Ending, RunStatus
from scraper.core.pagination import FinishedWalk, Guard, PageFacts, WalkState, Why
from scraper.core.requests import Progress, Walk
from scraper.core.units import Credits
from scraper.io.state.balances import balance_of
from scraper.io.state.boards import chunks
from scraper.io.state.clock_gap import CLOCK_JITTER
from scraper.io.state.failures import retried
from scraper.io.state.ledger import expire, mark_run_outdated
from scraper.io.state.row_locks import lock_the_rest
from scraper.io.state.schema import drains, pages, requests, run_ends, runs, total, walks
from scraper.ports import PartialWalks, RunEnd, RunRecord, RunTotals, WalkRecord

OLDEST_WALK = timedelta(days=62)
"""Long enough for a monthly job to find its last walks."""

# --- runs -------------------------------------------------------------------------------------------------------------


def _run_record(row: Row[Any]) -> RunRecord:
    values = {name: getattr(row, name) for name in RunRecord.__slots__}
    return RunRecord(**{**values, "status": RunStatus(row.status), "shares": orjson.loads(row.shares)})


NEXT_NUMBER = select(func.coalesce(func.max(runs.c.number), 0) + 1).scalar_subquery()
"""The place of a new run in the order in which runs were created."""


def create_run(connection: Connection, run: RunRecord, wanted: Sequence[str] = ()) -> list[str]:
    last = last_run(connection, run.job)
    if last is not None and not last.is_over:
        _supersede(connection, last, run)
    lock_the_rest(connection)
    left_over = leftovers(connection, run.job, wanted)
    values = {name: getattr(run, name) for name in RunRecord.__slots__}
    values |= {"status": run.status.value, "shares": orjson.dumps(run.shares).decode()}
    values["number"] = NEXT_NUMBER
    connection.execute(insert(runs).values(**values))
    return left_over


def _supersede(connection: Connection, last: RunRecord, by: RunRecord) -> None:
    expire(connection, last.run_id, by.started_at)
    if last.status is RunStatus.OPEN:
        _note_death(connection, last.run_id, by.started_at)
        connection.execute(update(runs).where(runs.c.run_id == last.run_id).values(status=RunStatus.DIED.value))
    connection.execute(update(runs).where(runs.c.run_id == last.run_id).values(superseded_by=by.run_id))
    _close_walks(connection, last.run_id)
    mark_run_outdated(connection, last.run_id)


def _note_death(connection: Connection, run_id: str, now: datetime) -> None:
    connection.execute(insert(run_ends).values(run_id=run_id, status=RunStatus.DIED.value, ended_at=now, message=""))


def reopen_run(connection: Connection, run_id: str, ceiling: Credits | None, now: datetime) -> None:
    if connection.execute(select(runs.c.status).where(runs.c.run_id == run_id)).scalar_one() == RunStatus.OPEN.value:
        _note_death(connection, run_id, now)
    values: dict[str, object] = {"status": RunStatus.OPEN.value, "ended_at": None, "next_at": None, "message": ""}
    values["exit_code"] = None
    if ceiling is not None:
        values |= {"budget": ceiling, "auto": False, "shares": "{}"}
    expire(connection, run_id, now)
    connection.execute(update(runs).where(runs.c.run_id == run_id).values(**values))
    mark_run_outdated(connection, run_id)


def end_run(
    connection: Connection,
    run_id: str,
    status: RunStatus,
    ended_at: datetime,
    elapsed_s: float,
    next_at: datetime | None,
    message: str,
) -> None:
    """Store the end of one process; a status that closes the run closes its walks too."""
    values: dict[str, object] = {"status": status.value, "ended_at": ended_at, "next_at": next_at, "message": message}
    values["exit_code"] = status.exit_code
    connection.execute(insert(run_ends).values(run_id=run_id, **values))
    values["elapsed_s"] = runs.c.elapsed_s + elapsed_s
    connection.execute(update(runs).where(runs.c.run_id == run_id).values(**values))
    if status.closes:
        _close_walks(connection, run_id)
    mark_run_outdated(connection, run_id)


def note_order(connection: Connection, run_id: str, order: str) -> None:
    undecided = and_(runs.c.run_id == run_id, runs.c.board_order == "")
    connection.execute(update(runs).where(undecided).values(board_order=order))


def ends(connection: Connection, run_id: str) -> list[RunEnd]:
    found = connection.execute(select(run_ends).where(run_ends.c.run_id == run_id).order_by(run_ends.c.end_id))
    return [RunEnd(RunStatus(row.status), row.exit_code, row.ended_at, row.next_at, row.message) for row in found.all()]


def run(connection: Connection, run_id: str) -> RunRecord | None:
    row = connection.execute(select(runs).where(runs.c.run_id == run_id)).one_or_none()
    return None if row is None else _run_record(row)


def latest_runs(
    connection: Connection, limit: int, *, job: str | None = None, since: datetime | None = None, prefix: str = ""
) -> list[RunRecord]:
    query = select(runs).order_by(runs.c.number.desc()).limit(limit)
    if job is not None:
        query = query.where(runs.c.job == job)
    if since is not None:
        query = query.where(runs.c.started_at >= since)
    if prefix:  # not LIKE, which ignores case in SQLite
        query = query.where(func.substr(runs.c.run_id, 1, len(prefix)) == prefix)
    return [_run_record(row) for row in connection.execute(query)]


def last_runs(connection: Connection) -> list[RunRecord]:
    newest = select(func.max(runs.c.number)).group_by(runs.c.job)
    query = select(runs).where(runs.c.number.in_(newest)).order_by(runs.c.number.desc())
    return [_run_record(row) for row in connection.execute(query)]


def last_run(connection: Connection, job: str) -> RunRecord | None:
    query = select(runs).where(runs.c.job == job).order_by(runs.c.number.desc()).limit(1)
    row = connection.execute(query).one_or_none()
    return None if row is None else _run_record(row)


def totals(connection: Connection, run_id: str) -> RunTotals:
    endings = connection.execute(
        select(requests.c.ending, func.count()).where(requests.c.run_id == run_id).group_by(requests.c.ending)
    )
    states = connection.execute(
        select(walks.c.state, func.count()).where(walks.c.run_id == run_id).group_by(walks.c.state)
    )
    reused = connection.execute(
        select(func.coalesce(total(walks.c.pages), 0)).where(walks.c.run_id == run_id, walks.c.reused_from.is_not(None))
    ).scalar_one()
    rows: dict[str, int] = {}
    for stored in connection.execute(select(drains.c.rows).where(drains.c.run_id == run_id)).scalars():
        for table, count in orjson.loads(stored).items():
            rows[table] = rows.get(table, 0) + count
    return RunTotals(
        balance=balance_of(connection, ScopeKind.RUN, run_id),
        retried=retried(connection, run_id),
        endings={Ending(ending): count for ending, count in endings if ending is not None},
        walks={WalkState(state): count for state, count in states},
        reused=reused,
        rows=dict(sorted(rows.items())),
    )


# --- coverage ---------------------------------------------------------------------------------------------------------


def coverage_values(progress: Progress) -> dict[str, object]:
    """Return the columns of `walks` that a walk's pages decide."""
    return {
        "state": progress.state.value,
        "why": None if progress.why is None else progress.why.value,
        "pages": progress.pages,
        "rows": progress.rows,
        "distinct_rows": progress.distinct,
        "overlaps": progress.overlaps,
        "gaps": progress.gaps,
        "notes": ",".join(progress.notes),
    }


def cover(
    connection: Connection, run_id: str, walk: Walk, standing: Mapping[str, object], reused_from: str | None
) -> None:
    """Store the standing of a walk: its `coverage_values`."""
    values = {
        **standing,
        "crawls": ",".join(walk.crawls),
        "max_pages": walk.max_pages,
        "reused_from": reused_from,
        "decided_again_at": None,
    }
    here = and_(walks.c.run_id == run_id, walks.c.walk_id == walk.walk_id)
    if connection.execute(update(walks).where(here).values(**values)).rowcount == 0:
        connection.execute(
            insert(walks).values(
                run_id=run_id,
                walk_id=walk.walk_id,
                endpoint=walk.endpoint.full_name,
                params=orjson.dumps(dict(walk.params)).decode(),
                country=walk.country,
                period_days=walk.period_days,
                **values,
            )
        )


def finished_walks(connection: Connection, run_id: str) -> dict[str, FinishedWalk]:
    columns = ("walk_id", "crawls", "max_pages", "why", "pages", "rows", "distinct_rows", "overlaps", "gaps")
    query = select(*(walks.c[name] for name in columns), walks.c.notes, walks.c.reused_from).where(
        walks.c.run_id == run_id, walks.c.state == WalkState.COMPLETE.value, walks.c.distinct_rows.is_not(None)
    )
    names: dict[str, tuple[str, ...]] = {}  # the same few in a million rows
    guards: dict[str, tuple[Guard, ...]] = {}
    whys = {why.value: why for why in Why}
    found: dict[str, FinishedWalk] = {}
    for row in connection.execute(query):
        walk_id, crawls, limit, why, *counts, notes, reused = row
        page_count, rows, distinct, overlaps, gaps = counts
        if crawls not in names:
            names[crawls] = tuple(crawls.split(","))
        if notes not in guards:
            guards[notes] = tuple(Guard(name) for name in notes.split(",") if name)
        found[walk_id] = FinishedWalk(
            names[crawls], limit, whys[why], page_count, rows, distinct, overlaps, gaps, guards[notes], reused
        )
    return found


def stored_pages(
    connection: Connection, run_id: str, walk_id: str | None = None, besides: Collection[str] = ()
) -> dict[str, PageFacts]:
    columns = (pages.c.page_id, pages.c.request_key, pages.c.facts)
    query = select(*columns).where(pages.c.run_id == run_id, pages.c.facts.is_not(None))
    if walk_id is not None:
        query = query.where(pages.c.walk_id == walk_id)
    elif besides:
        every = connection.execute(select(walks.c.walk_id).where(walks.c.run_id == run_id)).scalars()
        rest = [each for each in every if each not in besides]
        some_at_once = [query.where(pages.c.walk_id.in_(some)) for some in chunks(rest)]
        landed = [row for each in some_at_once for row in connection.execute(each).all()]
        return _facts(sorted(landed, key=itemgetter(0)))
    return _facts(connection.execute(query.order_by(pages.c.page_id)))


def _facts(rows: Iterable[Row[int, str, bytes]]) -> dict[str, PageFacts]:
    return {row.request_key: PageFacts.from_json(orjson.loads(row.facts)) for row in rows}


def reusable_pages(
    connection: Connection, walk: Walk, since: datetime, now: datetime
) -> tuple[str, dict[str, PageFacts]] | None:
    query = (
        select(walks)
        .where(
            walks.c.walk_id == walk.walk_id,
            walks.c.snapshot_at >= since,
            walks.c.snapshot_at <= now + CLOCK_JITTER,  # later ones were bought under a clock that was ahead
            walks.c.reused_from.is_(None),
            walks.c.state.in_([WalkState.COMPLETE.value, WalkState.EMPTY.value]),
        )
        .order_by(walks.c.snapshot_at.desc())
    )
    for row in connection.execute(query).all():
        if row.why == Why.END.value or (walk.max_pages is not None and row.pages >= walk.max_pages):
            landed = stored_pages(connection, row.run_id, walk.walk_id)
            if len(landed) == row.pages:  # else a free answer was not kept, and the walk is not whole
                return row.run_id, landed
    return None


def known_ids(connection: Connection, walk_ids: Sequence[str], before: datetime) -> dict[str, frozenset[str]]:
    found: dict[str, set[str]] = {}
    for some in chunks(walk_ids):
        query = select(walks.c.walk_id, walks.c.run_id, walks.c.why).where(
            walks.c.walk_id.in_(some),
            walks.c.snapshot_at < before,
            walks.c.snapshot_at >= before - OLDEST_WALK,
            walks.c.reused_from.is_(None),
            walks.c.state == WalkState.COMPLETE.value,
        )
        whole, bought_in = set[str](), dict[str, list[str]]()
        for row in connection.execute(query.order_by(walks.c.snapshot_at.desc())).all():
            if row.walk_id not in whole:
                bought_in.setdefault(row.run_id, []).append(row.walk_id)
                whole |= set() if row.why == Why.KNOWN.value else {row.walk_id}
        for run_id, ours in bought_in.items():
            listed = and_(pages.c.run_id == run_id, pages.c.walk_id.in_(ours), pages.c.facts.is_not(None))
            for walk_id, facts in connection.execute(select(pages.c.walk_id, pages.c.facts).where(listed)):
                ids = (record.id for record in PageFacts.from_json(orjson.loads(facts)).ids)
                found.setdefault(walk_id, set()).update(ids)
    return {walk_id: frozenset(ids) for walk_id, ids in found.items()}


_WANTED_MORE = [why.value for why in (Why.BUDGET, Why.QUOTA, Why.UNREACHABLE, Why.INTERRUPTED, Why.OUT_OF_CHARACTER)]


def leftovers(connection: Connection, job: str, wanted: Sequence[str] = ()) -> list[str]:
    last_one = last_run(connection, job)
    if last_one is None:
        return []
    left = _unfinished(connection, last_one.run_id)
    if last_one.status in {RunStatus.OPEN, RunStatus.DIED}:
        left |= _never_begun(connection, last_one.run_id, wanted)
    # Never bought sorts first; PostgreSQL and SQLite disagree on the order of NULLs, so Python sorts.
    found = [(at is not None, at, walk_id) for walk_id, at in left.items()]
    return [walk_id for _, _, walk_id in sorted(found, key=lambda row: (row[0], row[1] or 0, row[2]))]


def _unfinished(connection: Connection, run_id: str) -> dict[str, datetime | None]:
    """Return the walks of a run that wanted more → when each was last bought."""
    bought = walks.alias("bought")
    last = func.max(bought.c.snapshot_at)
    cut_short = and_(walks.c.state == WalkState.TRUNCATED.value, walks.c.why.in_(_WANTED_MORE))
    never_begun = and_(walks.c.state == WalkState.NOT_ATTEMPTED.value, walks.c.why != Why.REFUSED.value)
    unreachable = and_(walks.c.state == WalkState.FAILED.value, walks.c.why == Why.UNREACHABLE.value)
    query = (
        select(walks.c.walk_id, last)
        .outerjoin(bought, and_(bought.c.walk_id == walks.c.walk_id, bought.c.pages > 0))
        .where(walks.c.run_id == run_id, cut_short | never_begun | unreachable)
        .group_by(walks.c.walk_id)
    )
    return dict(connection.execute(query).all())


def _never_begun(connection: Connection, run_id: str, wanted: Sequence[str]) -> dict[str, datetime | None]:
    """Return those of the walks that a run has not begun → when each was last bought."""
    begun = set(connection.execute(select(walks.c.walk_id).where(walks.c.run_id == run_id)).scalars())
    left = [walk_id for walk_id in wanted if walk_id not in begun]
    found: dict[str, datetime | None] = dict.fromkeys(left)
    for some in chunks(left):
        bought = select(walks.c.walk_id, func.max(walks.c.snapshot_at)).where(walks.c.walk_id.in_(some))
        found |= dict(connection.execute(bought.where(walks.c.pages > 0).group_by(walks.c.walk_id)).all())
    return found


def _close_walks(connection: Connection, run_id: str) -> None:
    """Close the open walks of a run that crashed: truncated, or not attempted if no page landed."""
    opened = select(walks.c.walk_id).where(walks.c.run_id == run_id, walks.c.state == WalkState.OPEN.value)
    for walk_id in connection.execute(opened).scalars().all():
        landed = len(stored_pages(connection, run_id, walk_id))
        state = WalkState.TRUNCATED if landed else WalkState.NOT_ATTEMPTED
        here = and_(walks.c.run_id == run_id, walks.c.walk_id == walk_id)
        values = {"state": state.value, "why": Why.INTERRUPTED.value, "pages": landed}
        connection.execute(update(walks).where(here).values(**values))


_NOT_MISSING = [WalkState.COMPLETE.value, WalkState.EMPTY.value, WalkState.OPEN.value]


def partial_walks(connection: Connection, run_id: str) -> list[PartialWalks]:
    kinds = (walks.c.endpoint, walks.c.state, walks.c.why)
    query = select(*kinds, func.count()).where(walks.c.run_id == run_id, walks.c.state.not_in(_NOT_MISSING))
    found = [
        PartialWalks(endpoint, WalkState(state), None if why is None else Why(why), number)
        for endpoint, state, why, number in connection.execute(query.group_by(*kinds))
    ]
    return sorted(found, key=lambda each: (each.state, each.why or "", each.endpoint))


def coverage(connection: Connection, run_id: str) -> list[WalkRecord]:
    query = select(walks).where(walks.c.run_id == run_id).order_by(walks.c.endpoint, walks.c.params)
    return [
        WalkRecord(
            walk_id=row.walk_id,
            endpoint=row.endpoint,
            params=row.params,
            state=WalkState(row.state),
            why=None if row.why is None else Why(row.why),
            pages=row.pages,
            rows=row.rows,
            snapshot_at=row.snapshot_at,
            reused_from=row.reused_from,
            overlaps=row.overlaps,
            gaps=row.gaps,
            notes=tuple(Guard(name) for name in row.notes.split(",") if name),
            decided_again_at=row.decided_again_at,
        )
        for row in connection.execute(query)
    ]
