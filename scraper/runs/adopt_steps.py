"""The steps of an adoption: entering an archive's history into a ledger that was lost or is outdated.

An adoption may be interrupted anywhere and begun again: each step skips known entries, and nothing may be spent before
the last one, which stamps the state. The steps read files and write to the state alone; tables that lack parts are
rebuilt by the next drain.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from typing import TypeVar

from scraper.core.adopt import Adopted, Identity, Standing
from scraper.core.coverage import COVERAGE_TABLE, REQUESTS_TABLE, RUN_TABLES
from scraper.core.errors import ArchiveError, StateError
from scraper.core.events import RunStatus
from scraper.core.jobs import Job
from scraper.core.part_names import run_of
from scraper.core.subscriptions import day_of
from scraper.core.tables import PAGES_TABLE
from scraper.ports import (
    AdoptedCount,
    AdoptionEnd,
    Archive,
    ArchivedRun,
    Clock,
    Journal,
    Part,
    RunRow,
    SpendMark,
    StateIdentity,
)
from scraper.runs.threads import in_a_thread

T = TypeVar("T")

ROWS_AT_A_TIME = 500
ANSWERS_AT_A_TIME = 64

_RUN_ID = re.compile(r"(?P<job>.+)-(?P<began>\d{8}T\d{6}Z)-[^-]+")


@dataclass(frozen=True, slots=True)
class SidesFound:
    """State and archive, compared."""

    standing: Standing
    state: StateIdentity
    identity: Identity | None
    """Identity of the archive."""
    marks: Sequence[SpendMark]


@dataclass(slots=True)
class Adoption:
    """One adoption. Called with the archive's lock held."""

    journal: Journal
    archive: Archive
    clock: Clock
    found: SidesFound
    job: Job | None
    _told: AdoptedCount = field(default_factory=AdoptedCount)
    _runs: set[str] = field(default_factory=set)
    """Runs that the state did not know."""
    _accounts: dict[tuple[str, str], str] = field(default_factory=dict)
    """(run, vendor) and ("", vendor) → account, by attempts and marks."""
    _unreadable: list[str] = field(default_factory=list)
    _rebuild: defaultdict[str, set[str]] = field(default_factory=lambda: defaultdict(set))

    async def carry_out(self) -> Adopted:
        """Adopt everything. StateError if state and archive have two purchases of one page."""
        ledger = self.archive.ledger
        paths = await in_a_thread(ledger.paths)
        noted = {part.path: part for part in await self.journal.parts()}
        fresh = await in_a_thread(self._fresh, paths, noted)
        pages = [path for path in fresh if path.startswith(f"{PAGES_TABLE}/")]
        if not self.found.state.new:
            await self._refuse_doubled(pages)
        await self.journal.begin_adoption(self.found.standing)
        await self._adopt_runs(paths, fresh)
        for path in pages:
            await self._adopt_pages(path, set(paths))
        await self._note_tables(paths, fresh)
        for mark in self.found.marks:
            await self._adopt_run(self._run_of(mark.run_id), ())
        return await self._end(paths, noted)

    def _fresh(self, paths: Sequence[str], noted: Mapping[str, Part]) -> list[str]:
        """Return the parts that are not recorded, or recorded differently."""
        size_of = self.archive.ledger.size_bytes
        return [path for path in paths if path not in noted or noted[path].size_bytes != size_of(path)]

    async def _refuse_doubled(self, pages: Sequence[str]) -> None:
        for path in pages:
            answers = self.archive.ledger.answers(path)
            while some := await self._some(path, answers, ANSWERS_AT_A_TIME):
                if doubled := await self.journal.doubled_answers(some):
                    state = self.found.state
                    raise StateError(
                        f"{state.database} and the archive in {state.place} have diverged: {path} has {doubled} pages "
                        f"for which the ledger records another purchase in the same run. Nothing was spent or changed; "
                        f"use the copy whose {state.database} and archive belong together."
                    )
        self._unreadable.clear()

    async def _adopt_runs(self, paths: Sequence[str], fresh: Sequence[str]) -> None:
        """Adopt the runs of new run tables, coverage first; their files are recorded last."""
        anew = set(fresh)
        of_days: defaultdict[str, list[str]] = defaultdict(list)
        for path in paths:
            if path.partition("/")[0] in RUN_TABLES:
                of_days[path.split("/")[-2]].append(path)
        for _, files in sorted(of_days.items()):
            if new := [path for path in files if path in anew]:
                wanted = [run_id for path in new for run_id in await in_a_thread(self._runs_in, path)]
                await self._adopt_tables(dict.fromkeys(wanted), files)
                await self.journal.note_parts([await in_a_thread(self.archive.ledger.part, path) for path in new])

    def _runs_in(self, path: str) -> Sequence[str]:
        """Return the runs of a run table's part: a compaction may have merged several."""
        run_id = run_of(path.rpartition("/")[2])
        return sorted(self.archive.ledger.rows_by_run(path)) if run_id is None else [run_id]

    async def _adopt_tables(self, run_ids: Collection[str], files: Sequence[str]) -> None:
        """Adopt these runs from the run tables' files of the day on which they began."""
        ledger = self.archive.ledger
        of_table = {table: [path for path in files if path.startswith(f"{table}/")] for table in RUN_TABLES}
        coverage: dict[str, list[RunRow]] = {run_id: [] for run_id in run_ids}
        for path in of_table[COVERAGE_TABLE]:
            for row in await in_a_thread(list, ledger.rows(path)):
                if (rows := coverage.get(row["run_id"])) is not None:
                    rows.append(row)
        for run_id, rows in coverage.items():
            await self._adopt_run(_run_in(rows[0]) if rows else self._run_of(run_id), rows)
        for path in of_table[REQUESTS_TABLE]:
            attempts = (row for row in ledger.rows(path) if row["run_id"] in coverage)
            while some := await in_a_thread(_next, attempts, ROWS_AT_A_TIME):
                self._told += await self.journal.adopt_attempts(some)
                for row in some:
                    vendor = row["account"].partition("/")[0]
                    self._accounts[row["run_id"], vendor] = self._accounts["", vendor] = row["account"]

    async def _adopt_run(self, run: ArchivedRun, coverage: Sequence[RunRow]) -> None:
        if await self.journal.adopt_run(run, coverage):
            self._runs.add(run.run_id)

    async def _adopt_pages(self, path: str, there: set[str]) -> None:
        answers, source = self.archive.ledger.answers(path), path.removeprefix(f"{PAGES_TABLE}/")
        tables: set[str] = set()
        while some := await self._some(path, answers, ANSWERS_AT_A_TIME):
            self._told += await self.journal.adopt_answers(some, self._run_of, self._account_of)
            tables |= {answer.table for answer in some if answer.table is not None}
        if path in self._unreadable:
            return
        await self.journal.note_parts([await in_a_thread(self.archive.ledger.part, path)])
        for table in tables & self.archive.select_hashes.keys():
            if f"{table}/{source}" not in there:  # its drain was cut off between two renames
                self._rebuild[table].add(source)

    async def _some(self, path: str, rows: Iterator[T], most: int) -> list[T]:
        """Return the next rows of a page file; none if it cannot be read."""
        try:
            return await in_a_thread(_next, rows, most)
        except ArchiveError:
            self._unreadable.append(path)
            return []

    async def _note_tables(self, paths: Sequence[str], fresh: Sequence[str]) -> None:
        """Record the parts of tables; those without their pages go to the trash when the table is rebuilt."""
        sources = {path.removeprefix(f"{PAGES_TABLE}/") for path in paths if path.startswith(f"{PAGES_TABLE}/")}
        for path in fresh:
            table, _, source = path.partition("/")
            if table in {PAGES_TABLE, *RUN_TABLES}:
                continue
            if source not in sources:
                if sources and table in self.archive.select_hashes:
                    self._rebuild[table].add(min(sources))
                continue
            try:
                await self.journal.note_parts([await in_a_thread(self.archive.ledger.part, path)])
            except ArchiveError:
                self._unreadable.append(path)
                if table in self.archive.select_hashes:
                    self._rebuild[table].add(source)

    async def _end(self, paths: Sequence[str], noted: Mapping[str, Part]) -> Adopted:
        now, ledger = self.clock.now(), self.archive.ledger
        end = await self.journal.end_adoption(
            AdoptionEnd(
                base=self.found.identity,
                marks=self.found.marks,
                gone=sorted(noted.keys() - set(paths)),
                rows=await in_a_thread(self._rows_by_run, paths),
                rebuild={table: sorted(sources) for table, sources in self._rebuild.items()},
                day=day_of(now),
                now=now,
            )
        )
        for mark in end.marks:
            await in_a_thread(ledger.write_mark, mark)
        await in_a_thread(ledger.write_identity, end.identity, self.found.state.kind)
        return Adopted(
            runs=len(self._runs),
            requests=self._told.requests,
            credits=self._told.credits,
            answers=self._told.answers,
            unknown=sum(end.unknown.values()),
            of_runs=tuple(sorted(end.unknown)),
            without_mark=tuple(sorted(self._told.opened - {mark.run_id for mark in end.marks})),
            unreadable=tuple(dict.fromkeys(self._unreadable)),
            doubled=self._told.doubled,
            resumed=self.found.state.adopting is not None,
        )

    def _rows_by_run(self, paths: Sequence[str]) -> Mapping[str, Mapping[str, int]]:
        found: dict[str, dict[str, int]] = {}
        for path in paths:
            table = path.partition("/")[0]
            if table in {PAGES_TABLE, *RUN_TABLES} or path in self._unreadable:
                continue
            for run_id, rows in self.archive.ledger.rows_by_run(path).items():
                of_run = found.setdefault(run_id, {})
                of_run[table] = of_run.get(table, 0) + rows
        return found

    def _run_of(self, run_id: str) -> ArchivedRun:
        """Return a run of which only pages or a mark are left: it was in progress."""
        for mark in self.found.marks:
            if mark.run_id == run_id:
                return ArchivedRun(run_id, mark.job, RunStatus.OPEN, mark.budget, mark.started_at, None)
        self._runs.add(run_id)
        met = _RUN_ID.fullmatch(run_id)
        job = met["job"] if met else run_id
        began = datetime.strptime(met["began"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC) if met else self.clock.now()
        budget = self.job.budget if self.job is not None and self.job.name == job else 0
        return ArchivedRun(run_id, job, RunStatus.OPEN, budget, began, None)

    def _account_of(self, run_id: str, vendor: str) -> str:
        """Return the account that paid: by the run's mark or its attempts, else the job's, else any of the vendor."""
        marked = {account for mark in self.found.marks if mark.run_id == run_id for account in mark.most}
        for account in sorted(marked):
            if account.partition("/")[0] == vendor:
                return account
        if (known := self._accounts.get((run_id, vendor))) is not None:
            return known
        if self.job is not None and vendor in self.job.accounts:
            return self.job.accounts[vendor].id
        return self._accounts.get(("", vendor), f"{vendor}/default")


def _next(rows: Iterator[T], most: int) -> list[T]:
    return list(islice(rows, most))


def _run_in(row: RunRow) -> ArchivedRun:
    return ArchivedRun(
        run_id=row["run_id"],
        job=row["job"],
        status=RunStatus(row["run_status"]),
        budget=row["run_budget"] or 0,
        started_at=row["run_started_at"],
        ended_at=row["run_ended_at"],
        exit_code=row["run_exit_code"],
        message=row["run_message"] or "",
        superseded_by=row["run_superseded_by"],
        night_at=row["run_night_at"],
        elapsed_s=row["run_elapsed_s"],
        every_s=row["run_every_s"],
        asked=row["run_asked"] or "",
    )
