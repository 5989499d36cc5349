"""Drains of the spool into the archive, on one connection."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import Connection, Row, and_, bindparam, func, insert, select, update

from scraper.core.catalogue import OutcomeKind
from scraper.io.state.drift import note_drift
from scraper.io.state.identity import epoch_token
from scraper.io.state.parts import note_parts
from scraper.io.state.row_locks import lock_the_rest
from scraper.io.state.schema import drains, pages, requests, walks
from scraper.ports import Drain, SpooledPage, Written, drain_order


def open_drain(connection: Connection, opened_at: datetime, most_bytes: int, after: int = 0) -> Drain | None:
    lock_the_rest(connection)
    unfinished = connection.execute(
        select(drains).where(drains.c.finished_at.is_(None)).order_by(drains.c.drain_id).limit(1)
    ).one_or_none()
    if unfinished is not None:
        members = select(func.count()).select_from(pages).where(pages.c.drain_id == unfinished.drain_id)
        pages_left = connection.execute(members).scalar_one()
        return Drain(unfinished.drain_id, unfinished.run_id, pages_left, unfinished.token)
    waiting = (
        select(pages.c.page_id, pages.c.run_id, pages.c.size_bytes)
        .where(pages.c.stored.is_(False), pages.c.drain_id.is_(None))
        .order_by(pages.c.page_id)
    )
    run_id, chosen, size_bytes = None, [], 0
    for row in connection.execute(waiting):
        run_id = run_id or row.run_id
        if row.run_id == run_id:
            chosen.append(row.page_id)
            size_bytes += row.size_bytes
            if size_bytes >= most_bytes:
                break
    if run_id is None:
        return None
    last = connection.execute(select(func.coalesce(func.max(drains.c.drain_id), 0))).scalar_one()
    drain_id = max(last, after) + 1
    token = epoch_token(connection)
    connection.execute(insert(drains).values(drain_id=drain_id, run_id=run_id, opened_at=opened_at, token=token))
    for start in range(0, len(chosen), 500):  # SQLite binds at most 32,766 values in a statement
        some = pages.c.page_id.in_(chosen[start : start + 500])
        connection.execute(update(pages).where(some).values(drain_id=drain_id))
    return Drain(drain_id, run_id, len(chosen), token)


def members(connection: Connection, drain: Drain) -> list[SpooledPage]:
    """Return the pages of a drain in their order, without their bodies."""
    member_columns = [pages.c.page_id, pages.c.run_id, pages.c.walk_id, pages.c.request_key, pages.c.observed_at]
    query = (
        select(*member_columns, pages.c.outcome, pages.c.http_status)
        .add_columns(requests.c.page, requests.c.params, requests.c.endpoint)
        .add_columns(walks.c.snapshot_at, walks.c.country, walks.c.period_days)
        .join(requests, requests.c.attempt_id == pages.c.attempt_id)
        .join(walks, and_(walks.c.run_id == pages.c.run_id, walks.c.walk_id == pages.c.walk_id))
        .where(pages.c.drain_id == drain.drain_id)
    )
    return sorted((_spooled(row) for row in connection.execute(query)), key=drain_order)


def with_body(connection: Connection, page: SpooledPage) -> SpooledPage:
    """Return the page with its packed body."""
    return replace(page, body=connection.execute(_BODY, {"id": page.page_id}).scalar_one())


_BODY = select(pages.c.body).where(pages.c.page_id == bindparam("id"))
"""Built once: building it takes longer than running it."""


def _spooled(row: Row[Any]) -> SpooledPage:
    return SpooledPage(
        page_id=row.page_id,
        vendor=row.endpoint.partition(".")[0],
        endpoint=row.endpoint,
        run_id=row.run_id,
        walk_id=row.walk_id,
        request_key=row.request_key,
        snapshot_at=row.snapshot_at,
        observed_at=row.observed_at,
        country=row.country,
        period_days=row.period_days,
        page=row.page,
        parameters=row.params,
        http_status=row.http_status,
        outcome=OutcomeKind(row.outcome),
        body=b"",
    )


def finish_drain(connection: Connection, drain: Drain, written: Written, finished_at: datetime) -> None:
    lock_the_rest(connection)
    rows = {table: count for table, count in written.rows().items() if table != "pages"}
    here = drains.c.drain_id == drain.drain_id
    if connection.execute(select(drains.c.finished_at).where(here)).scalar_one() is None:
        note_drift(connection, drain, written.looked)
    connection.execute(update(drains).where(here).values(finished_at=finished_at, rows=orjson.dumps(rows).decode()))
    connection.execute(update(pages).where(pages.c.drain_id == drain.drain_id).values(stored=True, body=None))
    note_parts(connection, written.parts)
