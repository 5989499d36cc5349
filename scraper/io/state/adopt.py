"""A ledger recreated or updated from its archive: runs, walks, attempts and pages, on one connection.

Every step is idempotent: what is known already, by the time of its reservation or observation, is left alone. Balances
are recomputed at the end; until then no identity permits spending.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import Connection, Row, and_, insert, select, update

from scraper.core.catalogue import Charge, OutcomeKind
from scraper.core.events import Ending, RunStatus
from scraper.core.pagination import WalkState
from scraper.core.subscriptions import day_of, month_of
from scraper.io.state.balances import RESERVED
from scraper.io.state.boards import chunks
from scraper.io.state.ledger import mark_run_outdated
from scraper.io.state.row_locks import lock_all_accounts, lock_the_rest
from scraper.io.state.runs import NEXT_NUMBER
from scraper.io.state.schema import accounts, pages, requests, run_ends, runs, walks
from scraper.io.state.sequences import count_on
from scraper.ports import AdoptedCount, ArchivedAnswer, ArchivedRun, RunRow

PROCESS = "archive"
"""The `process` of attempts that come from the archive."""
_LANDED = {OutcomeKind.OK, OutcomeKind.EMPTY}
_UNDECIDED = {RESERVED, Charge.UNKNOWN.value}
_AS_ARCHIVED = (
    *("request_key", "account", "run_id", "walk_id", "endpoint", "page", "attempt", "reserved_at", "day", "sent_at"),
    *("settled_at", "charge", "credits", "outcome", "ending", "http_status", "rows", "vendor_request_id"),
    *("reconciled_at", "reconciled_by"),
)
_OF_SETTLEMENT = (
    *("sent_at", "settled_at", "charge", "credits", "outcome", "ending", "http_status", "rows", "vendor_request_id"),
    *("detail", "reconciled_at", "reconciled_by"),
)


# --- runs and walks ---------------------------------------------------------------------------------------------------


def adopt_run(connection: Connection, run: ArchivedRun, coverage: Sequence[RunRow]) -> bool:
    """Add a run and its walks, or bring them up to date; return True if the state did not know the run."""
    lock_all_accounts(connection)
    lock_the_rest(connection)
    here = runs.c.run_id == run.run_id
    known = connection.execute(select(runs).where(here)).one_or_none()
    ended: dict[str, Any] = {"status": run.status.value, "budget": run.budget, "ended_at": run.ended_at}
    ended |= {"exit_code": run.exit_code, "message": run.message, "superseded_by": run.superseded_by}
    if known is None:
        took_s = 0.0 if run.ended_at is None else max((run.ended_at - run.started_at).total_seconds(), 0.0)
        elapsed_s = took_s if run.elapsed_s is None else run.elapsed_s
        named = {"run_id": run.run_id, "job": run.job, "started_at": run.started_at, "accounted": True}
        named |= {"night_at": run.night_at, "every_s": run.every_s, "asked": run.asked, "number": NEXT_NUMBER}
        connection.execute(insert(runs).values(**named, **ended, elapsed_s=elapsed_s))
    elif run.ended_at is None or (known.ended_at is not None and known.ended_at >= run.ended_at):
        return False
    else:
        ended |= {} if run.elapsed_s is None else {"elapsed_s": run.elapsed_s}
        connection.execute(update(runs).where(here).values(**ended))
    if run.ended_at is not None:
        end = {name: ended[name] for name in ("status", "exit_code", "ended_at", "message")}
        connection.execute(insert(run_ends).values(run_id=run.run_id, **end))
    for row in coverage:
        _put_walk(connection, row)
    return known is None


def _put_walk(connection: Connection, row: RunRow) -> None:
    values = {name: row[name] for name in ("crawls", "endpoint", "country", "period_days", "state", "why")}
    values |= {"pages": row["pages"] or 0, "rows": row["rows"] or 0, "overlaps": row["repeats"] or 0}
    values |= {"gaps": row["gaps"] or 0, "notes": row["notes"] or "", "reused_from": row["reused_from"]}
    values |= {"params": row["parameters"], "decided_again_at": row["decided_again_at"]}
    values["snapshot_at"] = None if row["reused_from"] is not None else row["snapshot_at"]
    here = and_(walks.c.run_id == row["run_id"], walks.c.walk_id == row["walk_id"])
    if connection.execute(update(walks).where(here).values(**values)).rowcount == 0:
        connection.execute(insert(walks).values(run_id=row["run_id"], walk_id=row["walk_id"], **values))


# --- attempts ---------------------------------------------------------------------------------------------------------


def adopt_attempts(connection: Connection, rows: Sequence[RunRow]) -> AdoptedCount:
    """Add attempts as the archive's `requests` has them; settle those that the state left undecided."""
    lock_all_accounts(connection)
    known = _known_attempts(connection, rows)
    months = _Months(connection)
    new: list[dict[str, Any]] = []
    credits = 0
    for row in rows:
        met = known.get((row["account"], row["request_key"], row["reserved_at"]))
        if met is None:
            new.append({"attempt_id": row["attempt_id"], **_attempt(row, months)})
            credits += row["credits"]
        elif met.charge in _UNDECIDED and row["charge"] != met.charge:
            values = {**{name: row[name] for name in _OF_SETTLEMENT}, "detail": row["detail"] or ""}
            connection.execute(update(requests).where(requests.c.attempt_id == met.attempt_id).values(**values))
    _insert_attempts(connection, new)
    return AdoptedCount(requests=len(new), credits=credits)


def _known_attempts(connection: Connection, rows: Sequence[RunRow]) -> dict[tuple[str, str, datetime], Row[Any]]:
    found: dict[tuple[str, str, datetime], Row[Any]] = {}
    for run_id, keys in _by_run((row["run_id"], row["request_key"]) for row in rows):
        for some in chunks(keys):
            here = and_(requests.c.run_id == run_id, requests.c.request_key.in_(some))
            for met in connection.execute(select(requests).where(here)):
                found[met.account, met.request_key, met.reserved_at] = met
    return found


def _attempt(row: RunRow, months: _Months) -> dict[str, Any]:
    return {
        **{name: row[name] for name in _AS_ARCHIVED},
        "params": row["parameters"],
        "detail": row["detail"] or "",
        "reserved": row["credits"],
        "slot_at": row["sent_at"] or row["reserved_at"],
        "month": months.of(row["account"], datetime.fromisoformat(f"{row['day']}T00:00:00+00:00")),
        "process": PROCESS,
    }


def _insert_attempts(connection: Connection, new: Sequence[dict[str, Any]]) -> None:
    """Insert attempts under their own numbers; one whose number is taken gets a new one."""
    taken = set[int]()
    for some in chunks([values["attempt_id"] for values in new]):
        query = select(requests.c.attempt_id).where(requests.c.attempt_id.in_(some))
        taken |= set(connection.execute(query).scalars())
    if own := [values for values in new if values["attempt_id"] not in taken]:
        connection.execute(insert(requests), own)
        count_on(connection, requests.c.attempt_id)
    for values in new:
        if values["attempt_id"] in taken:
            connection.execute(insert(requests).values({name: values[name] for name in values if name != "attempt_id"}))
            mark_run_outdated(connection, values["run_id"])


# --- pages ------------------------------------------------------------------------------------------------------------


def adopt_answers(
    connection: Connection,
    answers: Sequence[ArchivedAnswer],
    run_of: Callable[[str], ArchivedRun],
    account_of: Callable[[str, str], str],
) -> AdoptedCount:
    """Add pages of the archive, and an attempt for each that none is known to have bought.

    `run_of`: run id → the run, as far as it is known; `account_of`: run id and vendor → the account that paid.
    """
    lock_all_accounts(connection)
    lock_the_rest(connection)
    known, landed = _known_pages(connection, answers)
    attempts = _attempts_of(connection, answers)
    months, told = _Months(connection), AdoptedCount()
    for answer in answers:
        key = (answer.run_id, answer.request_key)
        if (stored := known.get((*key, answer.observed_at))) is not None:
            if not stored:
                here = and_(pages.c.run_id == key[0], pages.c.request_key == key[1])
                here = and_(here, pages.c.observed_at == answer.observed_at)
                connection.execute(update(pages).where(here).values(stored=True, body=None))
            continue
        told += AdoptedCount(answers=1, doubled=int(answer.outcome is OutcomeKind.OK and key in landed))
        landed |= {key} if answer.outcome is OutcomeKind.OK else set()
        bought = attempts.get((*key, answer.observed_at)) or attempts.get((*key, None))
        if bought is None or bought.charge == RESERVED:
            attempts.pop((*key, None), None)
            attempt_id = _paid(connection, answer, bought, run_of, account_of, months)
            if bought is None:
                told += AdoptedCount(requests=1, credits=answer.credits, opened=frozenset({answer.run_id}))
            ending = None
        else:
            attempt_id, ending = bought.attempt_id, bought.ending
        _insert_page(connection, answer, attempt_id, ending)
    return told


def doubled_answers(connection: Connection, answers: Sequence[ArchivedAnswer]) -> int:
    """Return how many of these pages the state does not know, and has bought itself in the same run."""
    known, landed = _known_pages(connection, answers)
    return sum(
        (answer.run_id, answer.request_key, answer.observed_at) not in known
        and answer.outcome is OutcomeKind.OK
        and (answer.run_id, answer.request_key) in landed
        for answer in answers
    )


def _known_pages(
    connection: Connection, answers: Sequence[ArchivedAnswer]
) -> tuple[dict[tuple[str, str, datetime], bool], set[tuple[str, str]]]:
    """Return the known pages of these requests with whether they are stored; and the requests that have landed."""
    query = select(pages.c.run_id, pages.c.request_key, pages.c.observed_at, pages.c.stored, pages.c.outcome)
    known, landed = {}, set()
    for run_id, keys in _by_run((answer.run_id, answer.request_key) for answer in answers):
        for some in chunks(keys):
            for row in connection.execute(query.where(pages.c.run_id == run_id, pages.c.request_key.in_(some))):
                known[run_id, row.request_key, row.observed_at] = row.stored
                if row.outcome == OutcomeKind.OK.value:
                    landed.add((run_id, row.request_key))
    return known, landed


def _attempts_of(
    connection: Connection, answers: Sequence[ArchivedAnswer]
) -> dict[tuple[str, str, datetime | None], Row[Any]]:
    """Return the attempts of these requests, by when they were settled; ``None``: the last that is reserved."""
    found: dict[tuple[str, str, datetime | None], Row[Any]] = {}
    for run_id, keys in _by_run((answer.run_id, answer.request_key) for answer in answers):
        for some in chunks(keys):
            here = and_(requests.c.run_id == run_id, requests.c.request_key.in_(some))
            for row in connection.execute(select(requests).where(here).order_by(requests.c.attempt_id)):
                found[run_id, row.request_key, None if row.charge == RESERVED else row.settled_at] = row
    return found


def _paid(
    connection: Connection,
    answer: ArchivedAnswer,
    bought: Row[Any] | None,
    run_of: Callable[[str], ArchivedRun],
    account_of: Callable[[str, str], str],
    months: _Months,
) -> int:
    """Enter the attempt that a page proves, or settle one that was undecided; its run is open again."""
    settled = {
        "sent_at": answer.observed_at,
        "settled_at": answer.observed_at,
        "charge": answer.charge.value,
        "credits": answer.credits,
        "outcome": answer.outcome.value,
        "ending": answer.outcome.value if answer.outcome in _LANDED else Ending.RETRIED.value,
        "http_status": answer.http_status,
        "rows": 0 if answer.facts is None else answer.facts.records,
        "detail": "",
    }
    if bought is not None:
        connection.execute(update(requests).where(requests.c.attempt_id == bought.attempt_id).values(**settled))
        mark_run_outdated(connection, answer.run_id)
        return int(bought.attempt_id)
    _begin(connection, answer, run_of)
    account = account_of(answer.run_id, answer.endpoint.partition(".")[0])
    values = {
        "request_key": answer.request_key,
        "account": account,
        "run_id": answer.run_id,
        "walk_id": answer.walk_id,
        "endpoint": answer.endpoint,
        "page": answer.page,
        "params": answer.parameters,
        "attempt": 1,
        "reserved": answer.credits,
        "reserved_at": answer.observed_at,
        "day": day_of(answer.observed_at),
        "month": months.of(account, answer.observed_at),
        "slot_at": answer.observed_at,
        "process": PROCESS,
    }
    row = insert(requests).values(**values, **settled).returning(requests.c.attempt_id)
    return int(connection.execute(row).scalar_one())


def _begin(connection: Connection, answer: ArchivedAnswer, run_of: Callable[[str], ArchivedRun]) -> None:
    """Add a page's run and walk if they are unknown; the run was under way when the page was bought."""
    opened = {"status": RunStatus.OPEN.value, "accounted": False}
    if connection.execute(update(runs).where(runs.c.run_id == answer.run_id).values(**opened)).rowcount == 0:
        adopt_run(connection, run_of(answer.run_id), ())
        mark_run_outdated(connection, answer.run_id)
    here = and_(walks.c.run_id == answer.run_id, walks.c.walk_id == answer.walk_id)
    if connection.execute(select(walks.c.walk_id).where(here)).first() is None:
        connection.execute(
            insert(walks).values(
                run_id=answer.run_id,
                walk_id=answer.walk_id,
                crawls="",
                endpoint=answer.endpoint,
                params=answer.walk_parameters,
                country=answer.country,
                period_days=answer.period_days,
                state=WalkState.OPEN.value,
                snapshot_at=answer.snapshot_at,
            )
        )


def _insert_page(connection: Connection, answer: ArchivedAnswer, attempt_id: int, ending: str | None) -> None:
    facts = answer.facts if answer.outcome in _LANDED and ending != Ending.RETRIED.value else None
    connection.execute(
        insert(pages).values(
            attempt_id=attempt_id,
            run_id=answer.run_id,
            walk_id=answer.walk_id,
            request_key=answer.request_key,
            observed_at=answer.observed_at,
            outcome=answer.outcome.value,
            http_status=answer.http_status,
            facts=None if facts is None else orjson.dumps(facts.to_json()),
            size_bytes=answer.size_bytes,
            stored=True,
        )
    )


class _Months:
    """The billing month of an instant, by the account's limits as they were last noted: else the calendar's.

    The next run of the account books the month again if its limits say otherwise.
    """

    def __init__(self, connection: Connection) -> None:
        self._starts_on = account_months(connection)

    def of(self, account: str, moment: datetime) -> str:
        return month_of(moment, self._starts_on.get(account, 1))


def account_months(connection: Connection) -> dict[str, int]:
    """Return account → the day on which its month begins, as far as it was noted."""
    known = connection.execute(select(accounts.c.account, accounts.c.subscription)).all()
    return {account: orjson.loads(told).get("month_starts_on", 1) for account, told in known}


def _by_run(keys: Iterator[tuple[str, str]]) -> Iterator[tuple[str, list[str]]]:
    found: dict[str, dict[str, None]] = {}
    for run_id, request_key in keys:
        found.setdefault(run_id, {})[request_key] = None
    for run_id, some in found.items():
        yield run_id, list(some)
