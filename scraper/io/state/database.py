"""The State port on one SQLite file: opening it, and handing each method to the one writing thread."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection, Select, event, insert, select, update
from sqlalchemy.exc import SQLAlchemyError
from zstandard import ZstdError

from scraper.core.auto_budget import Allowance, Spending
from scraper.core.catalogue import Charge
from scraper.core.errors import StateError, UsageError
from scraper.core.events import RunStatus
from scraper.core.jobs import Account, Job
from scraper.core.pagination import PageFacts
from scraper.core.reconcile import UnknownAttempt
from scraper.core.requests import Progress, Request, Walk
from scraper.core.retries import Failure
from scraper.core.units import Credits
from scraper.io.state import auto_budget, coverage, failures, ledger, records
from scraper.io.state import check as audits
from scraper.io.state import drift as drifting
from scraper.io.state import parts as archive_parts
from scraper.io.state import reconcile as reconciliation
from scraper.io.state.headroom import Headroom
from scraper.io.state.history import SqlHistory
from scraper.io.state.locks import held
from scraper.io.state.schema import runs
from scraper.io.state.sqlite import begin, engine, make_file, prepare
from scraper.io.state.writer import Writer, database_error
from scraper.ports import (
    AccountBalance,
    AccountRow,
    AccountRows,
    Audit,
    Compaction,
    Drain,
    DriftRecord,
    Part,
    Reserved,
    RunAccount,
    RunRecord,
    RunTotals,
    Settlement,
    SpooledPage,
    WalkRecord,
    Written,
)

T = TypeVar("T")
FILE_NAME = "state.db"
WALKS_IN_A_COMMIT = 500
"""Coverage of a large run is written in pieces: other processes wait for the write lock."""


class SqlState:
    """Ledger, runs and spool in ``<data>/state.db``. Its files are readable by their owner only."""

    def __init__(self, data: Path, now: Callable[[], datetime], *, kind: str | None, threaded: bool = True) -> None:
        """Opens or creates the database; `kind` (``real`` or ``sandbox``) is the data directory's for ever.

        ``None`` opens what is there, whichever it is: for looking.

        Not `threaded`, it writes in the caller's thread: for one whose clock stands still meanwhile.
        Raises StateError where the directory or the file cannot be used, UsageError where the kind is the other one.
        """
        self._data = data
        self._now = now
        self._path = data / FILE_NAME
        self._process = f"{socket.gethostname()}:{os.getpid()}"
        make_file(self._path)
        self._engine = engine(self._path)
        event.listen(self._engine, "begin", begin)
        self._reading = engine(self._path)
        try:
            with self._engine.begin() as connection:
                prepare(connection, self._path, kind)
        except SQLAlchemyError as failure:
            raise database_error(failure, str(self._path)) from failure
        self._headroom: Headroom | None = None
        self._full = False
        self._writer = Writer(self._engine, str(self._path), self._free_headroom, threaded=threaded)

    # --- runs ---------------------------------------------------------------------------------------------------------

    def hold(self, job: str) -> AbstractContextManager[None]:
        """Keeps the same job from running twice; the kernel frees the lock of a process that died."""
        return held(self._data, job, f"process {self._process}, since {self._now():%Y-%m-%d %H:%M:%S} UTC")

    @contextmanager
    def headroom(self, job: str) -> Iterator[None]:
        """Space kept back for answers in flight, in case that the disk fills; StateError where there is none."""
        self._headroom = Headroom(self._data / "locks" / f"{job}.headroom")
        self._headroom.claim()
        try:
            yield
        finally:
            self._headroom.release()

    def _free_headroom(self) -> bool:
        self._full = True
        return self._headroom is not None and self._headroom.release()

    async def last_run(self, job: str) -> RunRecord | None:
        """The run of this job that began last."""
        found = await self._writer.do(lambda connection: records.latest_runs(connection, 1, job))
        return found[0] if found else None

    async def create_run(self, run: RunRecord) -> None:
        """A new run."""
        await self._writer.do(lambda connection: connection.execute(insert(runs).values(**records.run_row(run))))

    async def reopen_run(self, run_id: str, ceiling: Credits | None) -> None:
        """The run goes on; what a dead process had reserved becomes unknown."""
        values: dict[str, object] = {"status": RunStatus.OPEN.value, "ended_at": None, "message": ""}
        if ceiling is not None:
            values |= {"budget": ceiling, "auto": False, "shares": "{}"}

        def work(connection: Connection) -> None:
            ledger.expire(connection, run_id, self._now())
            connection.execute(update(runs).where(runs.c.run_id == run_id).values(**values))
            ledger.account_changed(connection, run_id)

        await self._writer.do(work)

    async def standings(self, job: str, accounts: Sequence[Account]) -> Mapping[str, Spending]:
        """Account id → how it stands tonight for a job with auto."""
        return await self._writer.do(lambda connection: auto_budget.standings(connection, job, accounts, self._now()))

    async def grant(self, run_id: str, job: Job) -> Allowance:
        """Tonight's shares become what the run may spend from now on, besides what it has spent already."""
        return await self._writer.do(lambda connection: auto_budget.grant(connection, run_id, job, self._now()))

    async def end_run(
        self,
        run_id: str,
        status: RunStatus,
        ended_at: datetime,
        elapsed_s: float,
        next_at: datetime | None,
        message: str,
    ) -> None:
        """One process of the run has ended; `elapsed_s` is added to what stood there."""
        ended = update(runs).where(runs.c.run_id == run_id)
        values = {"status": status.value, "ended_at": ended_at, "next_at": next_at, "message": message}

        def work(connection: Connection) -> None:
            connection.execute(ended.values(elapsed_s=runs.c.elapsed_s + elapsed_s, **values))
            if status.closes:
                records.close_walks(connection, run_id)
            ledger.account_changed(connection, run_id)

        await self._writer.do(work)

    async def runs(self, limit: int) -> Sequence[RunRecord]:
        """The last runs, newest first."""
        return await self._writer.do(lambda connection: records.latest_runs(connection, limit))

    async def run(self, run_id: str) -> RunRecord:
        """One run; UsageError where there is none of that id."""
        query = select(runs).where(runs.c.run_id == run_id)
        row = await self._writer.do(lambda connection: connection.execute(query).one_or_none())
        if row is None:
            raise UsageError(f"no run {run_id} is known in {self._data}: scraper status lists them.")
        return records.run_record(row)

    async def totals(self, run_id: str) -> RunTotals:
        """What a run has come to."""
        return await self._writer.do(lambda connection: records.run_totals(connection, run_id))

    async def coverage(self, run_id: str) -> Sequence[WalkRecord]:
        """Every walk of a run."""
        return await self._writer.do(lambda connection: records.coverage(connection, run_id))

    async def failures(self, run_id: str) -> Mapping[str, Sequence[Failure]]:
        """Request key → its failed attempts in the run, in order."""
        return await self._writer.do(lambda connection: failures.failures(connection, run_id))

    async def note_accounts(self, known: Sequence[Account]) -> None:
        """The limits that these accounts have from now on."""
        await self._writer.do(lambda connection: records.note_accounts(connection, known, self._now()))

    async def account_balances(self, now: datetime) -> Sequence[AccountBalance]:
        """Every account's day and month that hold this instant."""
        return await self._writer.do(lambda connection: records.account_balances(connection, now))

    # --- ledger -------------------------------------------------------------------------------------------------------

    async def reserve(self, run_id: str, account: Account, request: Request, attempt: int) -> Reserved:
        """Law 1 and law 4 in one transaction: worst price against every scope, and a send slot."""
        if self._full:
            raise StateError(
                f"the disk of {self._data} is full. What was in flight has been written to the space kept back for it; "
                "free some space."
            )
        return await self._writer.do(
            lambda connection: ledger.reserve(connection, run_id, account, request, attempt, self._now(), self._process)
        )

    async def paused_until(self, account: Account) -> datetime | None:
        """Until when a 429 that any process met pauses the account."""
        return await self._writer.do(lambda connection: ledger.paused_until(connection, account))

    async def renew_slot(self, account: Account, attempt_id: int) -> Reserved:
        """Another slot for an attempt that missed its own, or that a pause has overtaken."""
        return await self._writer.do(lambda connection: ledger.renew_slot(connection, account, attempt_id, self._now()))

    async def settle(self, settlement: Settlement) -> None:
        """Law 3: credits settled and body durable, in one transaction."""
        # Shielded: a paid body that waits for its commit is not given up because its run is.
        await asyncio.shield(self._writer.do(lambda connection: ledger.settle(connection, settlement)))

    async def expire_dead(self) -> int:
        """What processes that are no more had reserved, of jobs that nobody runs: unknown from now on. How many."""
        found = await self._writer.do(ledger.reserving_runs)
        expired = 0
        for job, run_id in found:
            with suppress(UsageError), self.hold(job):  # held: its process lives, and will settle them itself
                expired += await self._writer.do(partial(ledger.expire, run_id=run_id, now=self._now()))
        return expired

    async def unknown_attempts(self, account: Account) -> Sequence[UnknownAttempt]:
        """Attempts that were sent, or may have been, and never answered."""
        return await self._writer.do(lambda connection: reconciliation.unknown_attempts(connection, account.id))

    async def answered_ids(self, account: Account, since: datetime) -> frozenset[str]:
        """The vendor's own ids of the account's answered attempts since then."""
        return await self._writer.do(lambda connection: reconciliation.answered_ids(connection, account.id, since))

    async def reconcile(self, charges: Mapping[int, Charge], how: str) -> None:
        """Unknown attempts become charged or free; `how` says on whose word."""
        await self._writer.do(lambda connection: reconciliation.reconcile(connection, charges, how, self._now()))

    async def tell_used(self, account: Account, used: Credits) -> Credits:
        """The vendor's console says what the month has used; gives how far the ledger was from it."""
        return await self._writer.do(
            lambda connection: reconciliation.tell_used(connection, account, used, self._now())
        )

    # --- pages and coverage -------------------------------------------------------------------------------------------

    async def stored_pages(self, run_id: str) -> Mapping[str, PageFacts]:
        """Request key → facts of every page of the run that has landed."""
        return await self._writer.do(lambda connection: records.landed_pages(connection, run_id))

    async def reusable_pages(self, walk: Walk, since: datetime) -> tuple[str, Mapping[str, PageFacts]] | None:
        """A whole complete walk that began after `since`, at least as deep: its run and its pages."""
        return await self._writer.do(lambda connection: records.reusable(connection, walk, since))

    async def leftovers(self, job: str) -> Sequence[str]:
        """Ids of the walks that the job's last run did not complete for want of credits, stalest first."""

        def work(connection: Connection) -> list[str]:
            last = records.latest_runs(connection, 1, job)
            return records.left_over(connection, last[0].run_id) if last else []

        return await self._writer.do(work)

    async def cover(self, run_id: str, walks: Sequence[Progress], reused_from: Mapping[str, str]) -> None:
        """Writes down how far walks have come; `reused_from`: walk id → run whose pages were taken."""

        def work(connection: Connection, some: Sequence[Progress]) -> None:
            for progress in some:
                records.cover(connection, run_id, progress, reused_from.get(progress.walk.walk_id))

        for start in range(0, len(walks), WALKS_IN_A_COMMIT):
            await self._writer.do(partial(work, some=walks[start : start + WALKS_IN_A_COMMIT]))

    def history(self) -> SqlHistory:
        """What earlier runs have shown, as of now."""
        return SqlHistory(self._reading, str(self._path), self._now())

    # --- spool and archive --------------------------------------------------------------------------------------------

    async def open_drain(self, opened_at: datetime, most_bytes: int, after: int = 0) -> Drain | None:
        """An unfinished drain, else a new one of pages of one run; ``None`` where the spool is empty."""
        return await self._writer.do(lambda connection: records.begin_drain(connection, opened_at, most_bytes, after))

    def drain_pages(self, drain: Drain) -> Iterator[SpooledPage]:
        """The members of a drain in `drain_order`. Blocks: call it in a thread."""
        try:
            with self._reading.connect() as connection:
                yield from records.members(connection, drain)
        except SQLAlchemyError as failure:
            raise database_error(failure, str(self._path)) from failure
        except ZstdError as failure:
            raise StateError(
                f"a body in the spool of {self._path} is damaged ({failure}). Nothing was archived of its drain, and "
                "nothing is lost beside it: scraper check names the page; restore the file from a backup."
            ) from failure

    async def finish_drain(self, drain: Drain, written: Written, finished_at: datetime) -> None:
        """Marks the members stored, frees their bodies, notes the parts and the drift."""
        await self._writer.do(lambda connection: records.finish_drain(connection, drain, written, finished_at))

    async def drift(self, run_id: str | None = None) -> Sequence[DriftRecord]:
        """What has drifted, by endpoint, kind and path: ever, or in one run."""
        return await self._writer.do(lambda connection: drifting.drift_records(connection, run_id))

    async def parts(self, partition: str | None = None) -> Sequence[Part]:
        """Every file of the archive, or of one partition of all tables, as noted."""
        return await self._writer.do(lambda connection: archive_parts.noted(connection, partition))

    async def note_parts(self, parts: Sequence[Part]) -> None:
        """Files that are in the archive, and were not known."""
        await self._writer.do(lambda connection: archive_parts.note(connection, parts))

    async def audit(self) -> Audit:
        """Ledger, spool and notes, to hold the archive against."""
        return await self._writer.do(audits.audit)

    async def open_compaction(self) -> Compaction | None:
        """A compaction that was neither finished nor undone."""
        return await self._writer.do(archive_parts.open_compaction)

    async def begin_compaction(
        self, partition: str, groups: Sequence[Sequence[str]], offline: bool, opened_at: datetime
    ) -> Compaction:
        """A new compaction of a partition's noted parts."""
        return await self._writer.do(
            lambda connection: archive_parts.begin_compaction(connection, partition, groups, offline, opened_at)
        )

    async def note_built(self, compaction: Compaction, built: Sequence[Part]) -> Compaction:
        """Its new directories are whole, durable and verified: they will be exchanged, whatever happens."""
        return await self._writer.do(lambda connection: archive_parts.note_built(connection, compaction, built))

    async def finish_compaction(self, compaction: Compaction, finished_at: datetime) -> None:
        """Notes the new parts in the place of the old ones."""
        await self._writer.do(lambda connection: archive_parts.finish_compaction(connection, compaction, finished_at))

    async def undo_compaction(self, compaction: Compaction, finished_at: datetime) -> None:
        """Nothing of it was exchanged, and nothing will be."""
        await self._writer.do(lambda connection: archive_parts.undo_compaction(connection, compaction, finished_at))

    async def select_hashes(self) -> Mapping[str, frozenset[str]]:
        """Table → hashes of the SELECTs that its parts were made with."""
        return await self._writer.do(records.select_hashes)

    async def begin_rebuild(self, sources: Mapping[str, Sequence[str]], opened_at: datetime) -> None:
        """Table → pages parts from which its parts are to be made anew."""
        await self._writer.do(lambda connection: archive_parts.begin_rebuild(connection, sources, opened_at))

    async def open_rebuild(self) -> Mapping[str, Sequence[str]]:
        """What of that is left to do."""
        return await self._writer.do(archive_parts.open_rebuild)

    async def note_rebuilt(self, table: str, sources: Sequence[str], written: Written) -> None:
        """The table's parts of these pages have been made anew."""
        await self._writer.do(lambda connection: archive_parts.note_rebuilt(connection, table, sources, written))

    async def drop_rebuild(self, table: str) -> None:
        """What is left to do of it will not be done."""
        await self._writer.do(lambda connection: archive_parts.drop_rebuild(connection, table))

    async def note_select(self, table: str, select_hash: str) -> None:
        """Every part of the table is now made with this SELECT, or is not ours to make."""
        await self._writer.do(lambda connection: archive_parts.note_select(connection, table, select_hash))

    async def recount(self, run_id: str) -> bool:
        """The archive's coverage and ledger of the run are to be written anew, by the next run; False: no such run."""
        return await self._writer.do(lambda connection: ledger.account_changed(connection, run_id))

    async def unaccounted_runs(self) -> Sequence[str]:
        """Runs whose coverage and ledger the archive does not hold as they are, oldest first."""
        return await self._writer.do(coverage.unaccounted_runs)

    async def run_account(self, run_id: str) -> RunAccount:
        """How a run's coverage and ledger stand now."""
        return await self._writer.do(lambda connection: coverage.run_account(connection, run_id))

    def account_rows(self, run_id: str) -> AccountRows:
        """Its coverage and its ledger, read as they are asked for. Blocks: call it in a thread."""
        return {table: self._account_rows(query) for table, query in coverage.account_queries(run_id).items()}

    def _account_rows(self, query: Select[Any]) -> Iterator[AccountRow]:
        try:
            with self._reading.connect() as connection:
                yield from coverage.account_rows(connection, query)
        except SQLAlchemyError as failure:
            raise database_error(failure, str(self._path)) from failure

    async def note_account(self, account: RunAccount, parts: Sequence[Part]) -> None:
        """These files of the archive hold it. It is done with unless it has changed since, or the run is still open."""
        await self._writer.do(lambda connection: coverage.note_account(connection, account, parts))

    async def close(self) -> None:
        """Lets go of the database."""
        self._writer.close()
        self._engine.dispose()
        self._reading.dispose()
