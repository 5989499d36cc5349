"""The Journal on one database."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from typing import Any

from sqlalchemy import Select

from scraper.core.errors import StateError
from scraper.io.packing import DamagedError, unpacked
from scraper.io.state import adopt, adopt_end, check, coverage, decisions, drains, drift, identity, ledger
from scraper.io.state import parts as noted_parts
from scraper.io.state.database import Store, in_transaction, of_archive
from scraper.ports import Audit, Drain, Holding, Journal, RunRow, RunRows, SpooledPage, StateIdentity


class JournalStore(Store, Journal):
    open_drain = of_archive(drains.open_drain)
    finish_drain = of_archive(drains.finish_drain)
    drift = in_transaction(drift.drift_records)
    parts = in_transaction(noted_parts.parts_noted)
    note_parts = of_archive(noted_parts.note_parts)
    select_hashes = in_transaction(noted_parts.select_hashes)
    open_compaction = in_transaction(noted_parts.open_compaction)
    begin_compaction = of_archive(noted_parts.begin_compaction)
    note_built = of_archive(noted_parts.note_built)
    finish_compaction = of_archive(noted_parts.finish_compaction)
    undo_compaction = of_archive(noted_parts.undo_compaction)
    begin_rebuild = of_archive(noted_parts.begin_rebuild)
    open_rebuild = in_transaction(noted_parts.open_rebuild)
    note_rebuilt = of_archive(noted_parts.note_rebuilt)
    drop_rebuild = of_archive(noted_parts.drop_rebuild)
    note_select = of_archive(noted_parts.note_select)
    noted_decisions = in_transaction(decisions.noted_decisions)
    decide_again = of_archive(decisions.decide_again)
    mark_run_outdated = in_transaction(ledger.mark_run_outdated)
    mark_day_outdated = in_transaction(ledger.mark_day_outdated)
    outdated_runs = in_transaction(coverage.outdated_runs)
    run_version = in_transaction(coverage.run_version)
    note_run_tables = of_archive(coverage.note_run_tables)

    stamp = in_transaction(identity.stamp)
    run_spending = in_transaction(identity.run_spending)
    last_attempt = in_transaction(identity.last_attempt)
    accounted_runs = in_transaction(identity.accounted_runs)
    begin_adoption = of_archive(identity.begin_adoption)
    adopt_run = of_archive(adopt.adopt_run)
    adopt_attempts = of_archive(adopt.adopt_attempts)
    adopt_answers = of_archive(adopt.adopt_answers)
    doubled_answers = in_transaction(adopt.doubled_answers)
    end_adoption = of_archive(adopt_end.end_adoption)

    def hold_archive(self) -> AbstractAsyncContextManager[Holding | None]:
        return self._database.hold_archive()

    async def identity(self) -> StateIdentity:
        backend = self._database.backend
        shared = not backend.one_writer
        return await self._do(identity.state_identity, backend.label, backend.place, shared=shared)

    async def audit(self) -> Audit:
        return await self._do(check.audit, self._database.backend.label)

    def drain_pages(self, drain: Drain, *, packed: bool = False) -> Iterator[SpooledPage]:
        try:
            members = self._database.reads(lambda connection: drains.members(connection, drain))
            for page in self._database.read_each(members, drains.with_body):
                yield page if packed else replace(page, body=unpacked(page.body))
        except DamagedError as failure:
            raise StateError(
                f"a body in the spool of {self._database.backend.name} is damaged ({failure}). Nothing of its drain "
                "was archived, nothing else is lost; scraper check names the page: restore the file from a backup."
            ) from failure

    def run_rows(self, run_id: str) -> RunRows:
        return {table: self._run_rows(query) for table, query in coverage.run_queries(run_id).items()}

    def _run_rows(self, query: Select[Any]) -> Iterator[RunRow]:
        yield from self._database.read_all(lambda connection: coverage.run_rows(connection, query))
