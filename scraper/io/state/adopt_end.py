"""The end of an adoption, in one transaction: what no file shows, balances, journals, boards, and the identity."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import groupby
from typing import Any

import orjson
from sqlalchemy import Connection, and_, delete, insert, select, update

from scraper.core.board_history import BoardRead
from scraper.core.budget import Balance
from scraper.core.catalogue import Charge
from scraper.core.events import Ending, RunStatus
from scraper.core.pagination import PageFacts, WalkState
from scraper.core.reconcile import ANY_ENDPOINT
from scraper.core.subscriptions import month_of
from scraper.core.units import Credits
from scraper.io.state.adopt import PROCESS, account_months
from scraper.io.state.balances import RESERVED, scope_names
from scraper.io.state.boards import note_reads
from scraper.io.state.identity import end_of_adoption, last_attempt, run_spending, stamp
from scraper.io.state.ledger import mark_run_outdated
from scraper.io.state.parts import begin_rebuild, forget
from scraper.io.state.row_locks import lock_all_accounts, lock_the_rest
from scraper.io.state.schema import balances, compactions, drains, pages, rebuilds, requests, runs, total, walks
from scraper.io.state.sequences import count_on
from scraper.ports import AdoptionEnd, AdoptionEnded, SpendMark

_WHOLE = (WalkState.COMPLETE.value, WalkState.EMPTY.value)


def end_adoption(connection: Connection, end: AdoptionEnd) -> AdoptionEnded:
    lock_all_accounts(connection)
    lock_the_rest(connection)
    forget(connection, end.gone)
    _close_journals(connection, end)
    _number_runs(connection)
    _sum_balances(connection)
    unknown = {mark.run_id: _book_unseen(connection, mark, end) for mark in end.marks}
    _sum_balances(connection)
    _count_rows(connection, end)
    note_boards(connection)
    begin_rebuild(connection, end.rebuild, end.now)
    marks = [_after(connection, mark, end) for mark in end.marks]
    end_of_adoption(connection)
    identity = stamp(connection, end.base)
    return AdoptionEnded(identity, {run_id: credits for run_id, credits in unknown.items() if credits}, marks)


def _book_unseen(connection: Connection, mark: SpendMark, end: AdoptionEnd) -> Credits:
    """Book as unknown what the run may have committed by its mark and no file shows, within its budget."""
    run = connection.execute(select(runs).where(runs.c.run_id == mark.run_id)).one_or_none()
    spent = run_spending(connection, mark.run_id)
    if run is None or spent is None:
        raise AssertionError(f"run {mark.run_id} has a mark and was not adopted")
    if run.status != RunStatus.OPEN.value and run.ended_at is not None and run.ended_at >= mark.marked_at:
        return 0  # its files were written after the mark
    left = max(0, mark.budget - sum(spent.committed.values()))
    booked = 0
    for account, most in sorted(mark.most.items()):
        credits = min(most - spent.committed.get(account, 0), left - booked)
        if credits > 0:
            _insert_unseen(connection, mark, account, credits, end)
            booked += credits
    if booked:
        mark_run_outdated(connection, mark.run_id)
    return booked


def _insert_unseen(connection: Connection, mark: SpendMark, account: str, credits: Credits, end: AdoptionEnd) -> None:
    starts_on = account_months(connection).get(account, 1)
    connection.execute(
        insert(requests).values(
            request_key="",
            account=account,
            run_id=mark.run_id,
            walk_id="",
            endpoint=f"{account.partition('/')[0]}.{ANY_ENDPOINT}",
            page=0,
            params="{}",
            attempt=1,
            reserved=credits,
            reserved_at=end.now,
            day=end.day,
            month=month_of(end.now, starts_on),
            slot_at=mark.marked_at,
            settled_at=end.now,
            charge=Charge.UNKNOWN.value,
            credits=credits,
            outcome=Ending.LOST.value,
            ending=Ending.LOST.value,
            detail="the ledger was lost: its run may have spent so much more than the archive shows",
            process=PROCESS,
        )
    )


def _after(connection: Connection, mark: SpendMark, end: AdoptionEnd) -> SpendMark:
    """Return the mark of what is in the ledger now, in case this ledger is lost as well."""
    spent = run_spending(connection, mark.run_id)
    committed = {} if spent is None else spent.committed
    return replace(mark, most=dict(committed), last_attempt=last_attempt(connection), marked_at=end.now)


def _number_runs(connection: Connection) -> None:
    """Number the runs by when they began: files do not tell in which order they were created."""
    in_order = select(runs.c.run_id).order_by(runs.c.started_at, runs.c.run_id)
    for number, run_id in enumerate(connection.execute(in_order).scalars().all(), start=1):
        connection.execute(update(runs).where(runs.c.run_id == run_id).values(number=number))


def _close_journals(connection: Connection, end: AdoptionEnd) -> None:
    """Close what the state had open: the archive has finished it since, or the files are compared again.

    Pages of an open drain that are not in the archive wait in the spool for a new one.
    """
    unfinished = select(drains.c.drain_id).where(drains.c.finished_at.is_(None))
    waiting = and_(pages.c.drain_id.in_(unfinished), pages.c.stored.is_(False))
    connection.execute(update(pages).where(waiting).values(drain_id=None))
    connection.execute(update(drains).where(drains.c.finished_at.is_(None)).values(finished_at=end.now))
    undone = {"finished_at": end.now, "built": None}
    connection.execute(update(compactions).where(compactions.c.finished_at.is_(None)).values(**undone))
    connection.execute(delete(rebuilds))


def _sum_balances(connection: Connection) -> None:
    """Recompute every balance from the ledger; what a user reported from the console stays."""
    credits = total(requests.c.credits), total(requests.c.reserved)
    by = (requests.c.run_id, requests.c.account, requests.c.day, requests.c.month, requests.c.charge)
    found: dict[tuple[str, str], dict[str, int]] = {}
    told = select(balances.c.kind, balances.c.scope, balances.c.adjusted).where(balances.c.adjusted != 0)
    for kind, scope, adjusted in connection.execute(told):
        found[kind, scope] = {**dict.fromkeys(Balance.__slots__, 0), "adjusted": adjusted}
    summed = connection.execute(select(*by, *credits).group_by(*by)).all()
    for run_id, account, day, month, charge, settled, reserved in summed:
        for kind, scope in scope_names(run_id, account, day, month).items():
            sums = found.setdefault((kind.value, scope), dict.fromkeys(Balance.__slots__, 0))
            if charge != Charge.FREE.value:
                sums[charge] += reserved if charge == RESERVED else settled
    connection.execute(delete(balances))
    rows = [{"kind": kind, "scope": scope, **sums} for (kind, scope), sums in found.items()]
    if rows:
        connection.execute(insert(balances), rows)


def _count_rows(connection: Connection, end: AdoptionEnd) -> None:
    """Note the rows of each run as a drain's, beyond those of the drains that are known."""
    known: dict[str, dict[str, int]] = {}
    for run_id, rows in connection.execute(select(drains.c.run_id, drains.c.rows)):
        for table, count in orjson.loads(rows).items():
            known.setdefault(run_id, {})[table] = known.get(run_id, {}).get(table, 0) + count
    count_on(connection, drains.c.drain_id)
    for run_id, counts in sorted(end.rows.items()):
        more = {table: count - known.get(run_id, {}).get(table, 0) for table, count in counts.items()}
        if more := {table: count for table, count in more.items() if count > 0}:
            text = orjson.dumps(more).decode()
            row = {"run_id": run_id, "opened_at": end.now, "finished_at": end.now, "rows": text}
            connection.execute(insert(drains).values(**row))


def note_boards(connection: Connection) -> None:
    """Fold the first pages of complete and empty walks into the histories of their boards, run by run."""
    read = (
        select(runs.c.run_id, runs.c.started_at, walks.c.walk_id, walks.c.endpoint, pages.c.facts)
        .join(walks, walks.c.run_id == runs.c.run_id)
        .join(requests, and_(requests.c.run_id == walks.c.run_id, requests.c.walk_id == walks.c.walk_id))
        .join(pages, pages.c.attempt_id == requests.c.attempt_id)
        .where(requests.c.page == 1, pages.c.facts.is_not(None))
        .where(walks.c.reused_from.is_(None), walks.c.state.in_(_WHOLE))
        .order_by(runs.c.started_at, runs.c.run_id, pages.c.page_id)
    )
    for _, rows in groupby(connection.execute(read).all(), key=lambda row: row.run_id):
        note_reads(connection, _reads(rows))


def _reads(rows: Iterator[Any]) -> Sequence[BoardRead]:
    found: dict[str, BoardRead] = {}
    for row in rows:
        facts = PageFacts.from_json(orjson.loads(row.facts))
        found[row.walk_id] = BoardRead(row.walk_id, row.endpoint, row.started_at, len(facts.ids), facts.digest)
    return list(found.values())
