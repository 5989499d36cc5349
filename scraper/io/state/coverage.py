"""A run's coverage and ledger, read for the archive."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from typing import Any

from sqlalchemy import Connection, Select, and_, exists, func, not_, select, update

from scraper.core.coverage import COVERAGE_COLUMNS, COVERAGE_TABLE, REQUESTS_COLUMNS, REQUESTS_TABLE
from scraper.core.events import RunStatus
from scraper.io.state.balances import RESERVED
from scraper.io.state.parts import note_parts
from scraper.io.state.schema import pages, requests, runs, total, walks
from scraper.ports import Part, RunRow, RunVersion

ROWS_AT_ONCE = 1_000


def outdated_runs(connection: Connection) -> list[str]:
    waiting = exists().where(pages.c.run_id == runs.c.run_id, pages.c.stored.is_(False))
    query = select(runs.c.run_id).where(runs.c.accounted.is_(False), not_(waiting))
    return list(connection.execute(query.order_by(runs.c.started_at, runs.c.run_id)).scalars())


def run_version(connection: Connection, run_id: str) -> RunVersion:
    """Return the run's version; after its walks are covered, only its end and its attempts' charges can change."""
    run = connection.execute(select(runs).where(runs.c.run_id == run_id)).one()
    settled = select(
        func.count(), total(requests.c.credits), func.max(requests.c.settled_at), func.max(requests.c.reconciled_at)
    ).where(requests.c.run_id == run_id, requests.c.charge != RESERVED)
    ledger = connection.execute(settled).one()
    return RunVersion(
        run_id, run.started_at, f"{run.status} {run.budget} {run.ended_at} {run.superseded_by} {tuple(ledger)}"
    )


def note_run_tables(connection: Connection, run: RunVersion, written: Sequence[Part]) -> None:
    """Note the files; the run is current only if its version has not changed since they were read."""
    note_parts(connection, written)
    here = and_(runs.c.run_id == run.run_id, runs.c.status != RunStatus.OPEN.value)
    if run_version(connection, run.run_id) == run:
        connection.execute(update(runs).where(here).values(accounted=True))


def run_queries(run_id: str) -> dict[str, Select[Any]]:
    return {COVERAGE_TABLE: _coverage(run_id), REQUESTS_TABLE: _requests(run_id)}


def run_rows(connection: Connection, query: Select[Any]) -> Iterator[RunRow]:
    """Yield the query's rows in batches: a ledger may have a million."""
    for found in connection.execute(query, execution_options={"yield_per": ROWS_AT_ONCE}).mappings():
        row: dict[str, Any] = dict(found)
        if "day" in row:
            row["day"] = date.fromisoformat(row["day"])
        yield row


def _coverage(run_id: str) -> Select[Any]:
    bought = walks.alias("bought")
    reused = and_(bought.c.run_id == walks.c.reused_from, bought.c.walk_id == walks.c.walk_id)
    snapshot_at = func.coalesce(walks.c.snapshot_at, bought.c.snapshot_at, type_=walks.c.snapshot_at.type)
    own = [walks.c[name] for name in (column.name for column in COVERAGE_COLUMNS) if name in walks.c]
    return (
        select(
            *(column for column in own if column is not walks.c.snapshot_at),
            walks.c.params.label("parameters"),
            walks.c.overlaps.label("repeats"),
            snapshot_at.label("snapshot_at"),
            runs.c.job,
            runs.c.status.label("run_status"),
            runs.c.exit_code.label("run_exit_code"),
            runs.c.message.label("run_message"),
            runs.c.superseded_by.label("run_superseded_by"),
            runs.c.night_at.label("run_night_at"),
            runs.c.budget.label("run_budget"),
            runs.c.started_at.label("run_started_at"),
            runs.c.ended_at.label("run_ended_at"),
            runs.c.elapsed_s.label("run_elapsed_s"),
            runs.c.every_s.label("run_every_s"),
            runs.c.asked.label("run_asked"),
        )
        .select_from(walks)
        .join(runs, runs.c.run_id == walks.c.run_id)
        .outerjoin(bought, reused)
        .where(walks.c.run_id == run_id)
        .order_by(walks.c.endpoint, walks.c.country, walks.c.period_days, walks.c.walk_id)
    )


def _requests(run_id: str) -> Select[Any]:
    """Select settled attempts only: a reserved one may yet cost nothing."""
    return (
        select(
            *(requests.c[column.name] for column in REQUESTS_COLUMNS if column.name in requests.c),
            requests.c.params.label("parameters"),
            runs.c.job,
            walks.c.country,
            walks.c.period_days,
        )
        .select_from(requests)
        .join(runs, runs.c.run_id == requests.c.run_id)
        .outerjoin(walks, and_(walks.c.run_id == requests.c.run_id, walks.c.walk_id == requests.c.walk_id))
        .where(requests.c.run_id == run_id, requests.c.charge != RESERVED)
        .order_by(requests.c.endpoint, requests.c.attempt_id)
    )
