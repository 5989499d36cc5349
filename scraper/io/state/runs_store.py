"""The Runs on one database."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import Connection

from scraper.core.board_history import BoardRead
from scraper.core.errors import UsageError
from scraper.core.pagination import PageFacts
from scraper.core.requests import Progress, Walk
from scraper.core.units import Credits
from scraper.io.state import boards, runs
from scraper.io.state.database import Store, fenced, in_transaction, of_job
from scraper.ports import Holding, Lease, RunRecord, Runs

if TYPE_CHECKING:
    from scraper.io.state.history import SqlHistory

WALKS_IN_A_COMMIT = 500
"""Coverage of a large run is committed in batches: other processes wait for the write lock."""


class RunsStore(Store, Runs):
    create_run = of_job(runs.create_run)
    end_run = of_job(runs.end_run)
    ends = in_transaction(runs.ends)
    note_order = of_job(runs.note_order)
    last_run = in_transaction(runs.last_run)
    latest_runs = in_transaction(runs.latest_runs)
    last_runs = in_transaction(runs.last_runs)
    partial_walks = in_transaction(runs.partial_walks)
    totals = in_transaction(runs.totals)
    coverage = in_transaction(runs.coverage)
    finished_walks = in_transaction(runs.finished_walks)
    stored_pages = in_transaction(runs.stored_pages)
    known_ids = in_transaction(runs.known_ids)
    leftovers = in_transaction(runs.leftovers)
    board_histories = in_transaction(boards.board_histories)
    longest_still = in_transaction(boards.longest_still)

    def hold(self, job: str) -> AbstractContextManager[Holding]:
        return self._database.hold(job)

    def is_running(self, job: str) -> bool:
        return self._database.backend.is_held(job)

    async def leases(self) -> Sequence[Lease]:
        shared = self._database.backend.leases
        return () if shared is None else await asyncio.to_thread(shared.all)

    async def reopen_run(self, run_id: str, ceiling: Credits | None) -> None:
        await self._do(fenced(runs.reopen_run, self._database.job), run_id, ceiling, self._database.now())

    async def run(self, run_id: str) -> RunRecord:
        found = await self._do(runs.run, run_id)
        if found is None:
            raise UsageError(f"no run {run_id} is known in {self._database.backend.place}; scraper status lists them.")
        return found

    async def reusable_pages(self, walk: Walk, since: datetime) -> tuple[str, Mapping[str, PageFacts]] | None:
        return await self._do(runs.reusable_pages, walk, since, self._database.now())

    async def cover(self, run_id: str, walks: Sequence[Progress], reused_from: Mapping[str, str]) -> None:
        def work(connection: Connection, some: Sequence[tuple[Walk, Mapping[str, object]]]) -> None:
            for walk, standing in some:
                runs.cover(connection, run_id, walk, standing, reused_from.get(walk.walk_id))

        for start in range(0, len(walks), WALKS_IN_A_COMMIT):
            some = walks[start : start + WALKS_IN_A_COMMIT]
            now = [(progress.walk, runs.coverage_values(progress)) for progress in some]  # more pages may be stored
            await self._do(fenced(work, self._database.job), now)

    async def note_reads(self, reads: Sequence[BoardRead]) -> None:
        for some in boards.chunks(reads):
            await self._do(fenced(boards.note_reads, self._database.job), some)

    def history(self, as_of: datetime | None = None) -> SqlHistory:
        from scraper.io.state.history import SqlHistory  # noqa: PLC0415 - only a plan reads it, and it loads the planner

        return SqlHistory(self._database.reads, as_of or self._database.now())
