"""The ledger's side of `scraper check`: attempts, spool and noted parts, on one connection."""

from __future__ import annotations

from collections.abc import Iterator

import zstandard
from sqlalchemy import Connection, and_, func, select

from scraper.core.catalogue import Charge
from scraper.core.events import Ending
from scraper.io.state.parts import open_compaction, open_rebuild, parts_noted
from scraper.io.state.schema import drains, pages, requests
from scraper.ports import Audit

_PAID = (Charge.CHARGED.value, Charge.PRESUMED.value)
_ANSWERED = (Ending.OK.value, Ending.EMPTY.value)


def audit(connection: Connection, database: str) -> Audit:
    """Read everything; the spool one body at a time."""
    key = (pages.c.run_id, pages.c.request_key)
    stored = select(*key, func.count()).where(pages.c.stored.is_(True)).group_by(*key)
    paid = and_(requests.c.charge.in_(_PAID), requests.c.ending.in_(_ANSWERED))
    unkept = (
        select(requests.c.run_id, func.count().label("attempts"))
        .outerjoin(pages, pages.c.attempt_id == requests.c.attempt_id)
        .where(paid, pages.c.page_id.is_(None))
        .group_by(requests.c.run_id)
    )
    spooled = select(func.count()).select_from(pages).where(pages.c.stored.is_(False))
    return Audit(
        parts=parts_noted(connection),
        stored={(run_id, request_key): count for run_id, request_key, count in connection.execute(stored)},
        spooled=connection.execute(spooled).scalar_one(),
        spool_faults=list(_spool_faults(connection)),
        unkept={row.run_id: row.attempts for row in connection.execute(unkept)},
        opened=list(_opened(connection)),
        database=database,
    )


def _spool_faults(connection: Connection) -> Iterator[str]:
    waiting = select(pages.c.page_id).where(pages.c.stored.is_(False)).order_by(pages.c.page_id)
    for page_id in connection.execute(waiting).scalars().all():
        row = connection.execute(select(pages).where(pages.c.page_id == page_id)).one()
        named = f"page {page_id} of {row.run_id} (request {row.request_key})"
        if row.body is None:
            yield f"{named} has no body"
            continue
        try:
            size_bytes = len(zstandard.decompress(row.body))
        except zstandard.ZstdError as fault:
            yield f"{named} cannot be decompressed: {fault}"
        else:
            if size_bytes != row.size_bytes:
                yield f"{named} has {size_bytes} bytes instead of the {row.size_bytes} paid for"


def _opened(connection: Connection) -> Iterator[str]:
    unfinished = select(drains.c.drain_id).where(drains.c.finished_at.is_(None)).order_by(drains.c.drain_id)
    for drain_id in connection.execute(unfinished).scalars():
        yield f"drain {drain_id}"
    if (compaction := open_compaction(connection)) is not None:
        yield f"compaction {compaction.compaction_id} of {compaction.partition}"
    for table, sources in open_rebuild(connection).items():
        yield f"rebuild of {table}, {len(sources)} parts left"
