"""Drift, stored in the transaction that finishes its drain, so that a repeated drain counts once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import BindParameter, Connection, Insert, Update, and_, bindparam, func, insert, select, update

from scraper.core.drift.findings import DriftKind, Finding, Found, Looked, Presence
from scraper.io.state.schema import drains, drift, drift_endpoints, drift_paths
from scraper.ports import Drain, DriftRecord


def note_drift(connection: Connection, drain: Drain, looked: Sequence[Looked]) -> None:
    """Store a drain's findings, compared with all drains before it."""
    for each in looked:
        before = _presence(connection, each.endpoint)
        met = (*each.found, *each.missing(before))
        _execute_many(connection, insert(drift), [{"drain_id": drain.drain_id, **_row(each.endpoint, f)} for f in met])
        _add_up(connection, each, before)


def _execute_many(connection: Connection, statement: Insert | Update, rows: list[dict[str, object]]) -> None:
    """One statement for all rows: a page has some hundred paths, and to build a statement costs more than to run it."""
    if rows:
        connection.execute(statement, rows)


def _row(endpoint: str, found: Found) -> dict[str, object]:
    return {
        "endpoint": endpoint,
        "kind": found.finding.kind.value,
        "path": found.finding.path,
        "detail": found.finding.detail,
        "times": found.count,
        "request_key": found.request_key,
        "first_at": found.first_at,
        "last_at": found.last_at,
    }


def _presence(connection: Connection, endpoint: str) -> dict[str, Presence]:
    known = select(drift_paths).where(drift_paths.c.endpoint == endpoint)
    return {row.path: Presence(row.parents, row.present) for row in connection.execute(known)}


def _add_up(connection: Connection, looked: Looked, before: dict[str, Presence]) -> None:
    endpoint = looked.endpoint
    sums = {"pages": drift_endpoints.c.pages + looked.pages, "records": drift_endpoints.c.records + looked.records}
    here = drift_endpoints.c.endpoint == endpoint
    if connection.execute(update(drift_endpoints).where(here).values(**sums)).rowcount == 0:
        values = {"endpoint": endpoint, "pages": looked.pages, "records": looked.records}
        connection.execute(insert(drift_endpoints).values(**values))
    born: list[dict[str, object]] = []
    grown: list[dict[str, object]] = []
    for path, now in looked.presence.items():
        total = before[path] + now if path in before else now
        row = {"of_path": path, "parents": total.parents, "present": total.present}
        (grown if path in before else born).append({"of_endpoint": endpoint, **row})
    _execute_many(connection, _PATH_BORN, born)
    _execute_many(connection, _PATH_GROWN, grown)


_OF_PATH: dict[str, BindParameter[Any]] = {"endpoint": bindparam("of_endpoint"), "path": bindparam("of_path")}
_COUNTS: dict[str, BindParameter[Any]] = {"parents": bindparam("parents"), "present": bindparam("present")}
_PATH_BORN = insert(drift_paths).values(**_OF_PATH, **_COUNTS)
_PATH_GROWN = (
    update(drift_paths)
    .where(and_(*(drift_paths.c[name] == value for name, value in _OF_PATH.items())))
    .values(**_COUNTS)
)


def drift_records(connection: Connection, run_id: str | None = None) -> list[DriftRecord]:
    known_since = (
        select(drift.c.endpoint, drift.c.kind, drift.c.path, func.min(drift.c.drain_id).label("drain_id"))
        .group_by(drift.c.endpoint, drift.c.kind, drift.c.path)
        .subquery()
    )
    of_run = drains.alias("first_drain")
    query = (
        select(drift, drains.c.run_id, of_run.c.run_id.label("first_run_id"))
        .join(drains, drains.c.drain_id == drift.c.drain_id)
        .join(known_since, and_(*(known_since.c[name] == drift.c[name] for name in ("endpoint", "kind", "path"))))
        .join(of_run, of_run.c.drain_id == known_since.c.drain_id)
        .order_by(drift.c.drain_id)
    )
    if run_id is not None:
        query = query.where(drains.c.run_id == run_id)
    totals = {row.endpoint: (row.pages, row.records) for row in connection.execute(select(drift_endpoints))}
    found: dict[tuple[str, Finding], DriftRecord] = {}
    for row in connection.execute(query):
        finding = Finding(DriftKind(row.kind), row.path, row.detail)
        pages, records = totals[row.endpoint]
        known = found.get((row.endpoint, finding))
        found[row.endpoint, finding] = DriftRecord(
            endpoint=row.endpoint,
            finding=finding,
            count=row.times + (0 if known is None else known.count),
            of=pages if finding.kind.of_pages else records,
            first_at=row.first_at if known is None else min(known.first_at, row.first_at),
            last_at=row.last_at if known is None else max(known.last_at, row.last_at),
            run_id=row.run_id,
            request_key=row.request_key,
            first_run_id=row.first_run_id,
        )
    kinds = list(DriftKind)
    return sorted(found.values(), key=lambda one: (one.endpoint, kinds.index(one.finding.kind), one.finding.path))
