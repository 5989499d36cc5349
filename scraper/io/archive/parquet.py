"""`ParquetArchive`: writes drains, and rebuilds tables part by part."""

from __future__ import annotations

import contextlib
from collections import ChainMap
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

import pyarrow as pa

from scraper.core.bodies import Decoded, Undecodable
from scraper.core.catalogue import Catalogue, OutcomeKind
from scraper.core.coverage import RUN_TABLE_HASHES
from scraper.core.decisions import Decision
from scraper.core.drift.observe import Watch
from scraper.core.drift.unwatched import Unwatched
from scraper.core.errors import UsageError
from scraper.core.part_names import drained_by, drained_name, empty_runs_name
from scraper.core.tables import PAGES_HASH, PAGES_TABLE, TableSelect
from scraper.io.archive.adopt import ParquetLedger
from scraper.io.archive.cache import CACHE_DIRECTORY
from scraper.io.archive.check import survey
from scraper.io.archive.coverage import RUN_SCHEMAS, write_run_tables
from scraper.io.archive.decisions import StoredAnswers
from scraper.io.archive.disk import Disk
from scraper.io.archive.empty_parts import add_missing_tables
from scraper.io.archive.errors import explained
from scraper.io.archive.lock import locked
from scraper.io.archive.lost_values import note_lost
from scraper.io.archive.merge import same_rows
from scraper.io.archive.rebuild import ComparePart, StagedPart, StagePart
from scraper.io.archive.staged_files import Staging
from scraper.io.archive.storage import open_compactor, open_tree
from scraper.io.archive.survey import ReadPage, batches, read, stored_endpoints
from scraper.io.archive.table_select import MadeRows, Selects, note_failures, note_without_key, pages_table
from scraper.io.archive.tree import Places, Tree, move_aside, refuse_unless_writable, sweep_staged
from scraper.io.archive.worker_pool import ArchivePlace, WorkerPool
from scraper.ports import DecidedAnswer, Holding, Part, ReadAgain, RunRows, RunVersion, SpooledPage, Survey, Written


class ParquetArchive:
    """The `Archive` port. `write` and `rebuild` are called with the lock held."""

    def __init__(
        self,
        data: Path,
        tables: Sequence[TableSelect],
        catalogue: Catalogue,
        disk: Disk | None = None,
        archive: str | None = None,
        tree: Tree | None = None,
    ) -> None:
        """`archive`: its place, if not in the data directory; `tree`: its parts, if they are open already.

        `disk`: by default the tree's, whose guard the lock sets and the tree calls.
        """
        self._tables = {table.name: table for table in tables}
        self._catalogue = catalogue
        self._endpoints = {endpoint.full_name: endpoint for endpoint in catalogue.endpoints}
        self._disk = disk or (Disk() if tree is None else tree.disk)
        self._places = Places.of(data, archive)
        self._tree = tree or open_tree(self._places, self._disk, archive)
        place = ArchivePlace(data, tuple(tables), catalogue, archive)
        self.pool = WorkerPool(self, place, alone=type(self._disk) is not Disk)
        self._kept: _Kept | None = None
        self.compactor = open_compactor(self._tree, self._places, self._disk, self.pool)
        self.ledger = ParquetLedger(self._tree, catalogue)
        self._hashes = {table.name: table.hash for table in tables}
        self._cache = data / CACHE_DIRECTORY

    @property
    def takes_packed(self) -> bool:
        return False

    @property
    def select_hashes(self) -> Mapping[str, str]:
        return self._hashes

    @contextlib.contextmanager
    def lock(self, hold: Holding | None = None) -> Iterator[None]:
        """See `Archive.lock`; not to be taken twice by one process."""
        with locked(self._disk, self._places, hold) as descriptor:
            self.refresh()
            self.pool.locked = descriptor
            try:
                yield
            finally:
                self.pool.locked = None
                self.pool.close()

    def refuse_unless_writable(self) -> None:
        refuse_unless_writable(self._tree)

    def refresh(self) -> None:
        """Pick up the changes of other processes."""
        with explained("the archive cannot be read", safe=_SAFE):
            self._tree.refresh()

    def write(self, drain_id: int, pages: Iterable[SpooledPage], token: str = "") -> Written:
        """See `Archive.write`. The n-th partition of the drain is one part in every table."""
        tally = _Tally(Watch(self._tables.values()))
        with explained(f"drain {drain_id} cannot be archived", safe="The paid pages stay in the spool."):
            with Selects(self._tables, self._cache) as selects, self._staging(selects, sweeps=True) as staging:
                parts_begun = 0
                read_pages = (read(page, self._endpoints, self._tables, tally.watch) for page in pages)
                for batch, made in selects.ahead(batches(read_pages)):
                    if batch[0].partition != staging.partition:
                        staging.turn_to(batch[0].partition, drained_name(drain_id, parts_begun, token))
                        parts_begun += 1
                    failures = tally.add(batch, made, selects, staging)
                    staging.add(PAGES_TABLE, pages_table(batch, failures, selects.schemas[PAGES_TABLE]))
                add_missing_tables(staging, selects, self._tree, drain_id, token)
                staged = staging.staged()
            of_number = self._tree.paths("*", f"part-{drain_id}-*.parquet")
            of_drain = {path for path in of_number if drained_by(_name(path), token) == drain_id}
            of_drain.update(self._tree.paths("*", empty_runs_name(drain_id, token)))
            parts = self._tree.publish(staged, of_drain - {each.part.path for each in staged})
        return Written(parts, tally.unreadable, tally.rows_without_key, tally.watch.looked())

    def last_drain(self) -> int:
        with explained("the archive cannot be read", safe=_SAFE):
            return max(map(drained_by, self._tree.each_name("*")), default=0)

    def sources(self) -> tuple[str, ...]:
        with explained("the archive cannot be read", safe=_SAFE):
            return tuple(sorted(map(_source, self._tree.paths(PAGES_TABLE))))

    def outdated(self, table: str) -> tuple[str, ...]:
        now = self._hashes[table]
        return tuple(source for source in self.sources() if self._tree.select_hash(f"{table}/{source}") != now)

    def rebuild(self, table: str, sources: Sequence[str]) -> Written:
        """See `Archive.rebuild`.

        Parts with rows of an endpoint that no vendor file of this process describes are left as they are: another job
        directory may know it.
        Pages in the archive have no page id: `unreadable` numbers them -1, -2, … in the order read.
        """
        if table not in self._tables:
            raise UsageError(f"no table {table} is made from pages: there are {', '.join(sorted(self._tables))}.")
        with explained(f"{table} cannot be rebuilt", safe=_SAFE), self.keeping_selects():
            before = set(self._tree.paths(table))
            ours = [source for source in sources if self._answered(source) <= self._endpoints.keys()]
            with self._tree.together():
                made = self._made(StagePart(table, source) for source in ours)
                gone = self._without_pages(table)
                if ours and not (before - {*gone, *(each.path for each in made)} or any(each.staged for each in made)):
                    made.append(self._emptied(table, ours[0]))
            parts = tuple(staged.part for each in made for staged in each.staged)
            gone += sorted({each.path for each in made} - {part.path for part in parts})
            taken_out = len(before - set(self._tree.paths(table)))
        without_key = sum(each.without_key for each in made)
        return Written(
            parts,
            dict(zip(count(-1, -1), (why for each in made for why in each.unreadable))),
            {table: without_key} if without_key else {},
            gone=tuple(gone),
            taken_out=taken_out,
            read_again=tuple(answer for each in made for answer in each.read_again),
        )

    def _made(self, tasks: Iterable[StagePart]) -> list[StagedPart]:
        """Rebuild parts and publish each."""
        todo = list(tasks)
        sweep_staged(self._disk, self._places)
        return self.pool.perform_all(todo, self._size_bytes(todo), self._published)

    def _published(self, made: StagedPart) -> StagedPart:
        gone = [made.path] if not made.staged and self._tree.exists(made.path) else []
        if gone and gone == self._tree.paths(made.table):  # replaced in one step: the table does not disappear
            return replace(made, staged=self._emptied(made.table, made.source).staged)
        self._tree.publish(made.staged, gone)
        return made

    def _emptied(self, table: str, source: str) -> StagedPart:
        """Publish a part without rows as a table's only one."""
        with self.keeping_selects() as kept, self._staging(kept.selects) as staging:
            staging.turn_to(*source.rsplit("/", 1))
            staging.add_empty(table)
            staged = staging.staged()
        self._tree.publish(staged)
        return StagedPart(table, source, staged, (), 0, ())

    def _size_bytes(self, tasks: Sequence[StagePart | ComparePart]) -> int:
        return sum(self._tree.size_bytes(f"{PAGES_TABLE}/{task.source}") for task in tasks)

    def staged(self, table: str, source: str) -> StagedPart:
        """Rebuild the part of a table from one of pages, beside the archive."""
        tally = _Tally(Unwatched(self._tables.values()))
        with self.keeping_selects() as kept, self._staging(kept.selects) as staging:
            self._derive(table, source, kept, tally, staging)
            staged = staging.staged()
        texts, without_key = tuple(tally.unreadable.values()), tally.rows_without_key.get(table, 0)
        return StagedPart(table, source, staged, texts, without_key, tuple(tally.read_again))

    @contextlib.contextmanager
    def keeping_selects(self) -> Iterator[_Kept]:
        """Keep the SELECTs' connection, and which requests of a partition were repeated, over several parts."""
        if self._kept is not None:
            yield self._kept
            return
        with Selects(self._tables, self._cache) as selects:
            self._kept = _Kept(selects, self._stored_answers())
            try:
                yield self._kept
            finally:
                self._kept = None

    def decided(self, source: str, table: str | None = None) -> Iterator[DecidedAnswer]:
        """See `Archive.decided`."""
        with explained(f"{PAGES_TABLE}/{source} cannot be read", safe=_SAFE):
            if not self._answered(source) <= self._endpoints.keys():
                return
            for page, decision, _ in self._stored_answers().of(source, self._feeding(table), count()):
                endpoint = self._endpoints[page.endpoint]
                yield DecidedAnswer(page.run_id, page.request_key, page.observed_at, endpoint, decision)

    def write_run_tables(self, runs: Sequence[RunVersion], rows_of: Callable[[str], RunRows]) -> tuple[Part, ...]:
        what = f"coverage and ledger of {', '.join(run.run_id for run in runs)} cannot be archived"
        with explained(what, safe="They are kept in the state database, and every page is in its place."):
            return write_run_tables(self._disk, self._tree, self._places.staging, runs, rows_of)

    def rebuildable(self, table: str, source: str) -> bool:
        try:
            answered = self._answered(source)
        except (OSError, pa.ArrowException):
            return False
        return table in self._tables and answered <= self._endpoints.keys()

    def differing(self, table: str, sources: Sequence[str]) -> tuple[str, ...]:
        with explained(f"{table} cannot be compared", safe=_SAFE), self.keeping_selects():
            tasks = [ComparePart(table, source) for source in sources]
            sweep_staged(self._disk, self._places)
            differ = self.pool.perform_all(tasks, self._size_bytes(tasks), bool)
        return tuple(source for source, differs in zip(sources, differ, strict=True) if differs)

    def differs(self, table: str, source: str) -> bool:
        """Return whether the part of a table has other rows than its SELECT gives for its pages now."""
        tally = _Tally(Unwatched(self._tables.values()))
        with self.keeping_selects() as kept, self._staging(kept.selects) as staging:
            self._derive(table, source, kept, tally, staging)
            live = f"{table}/{source}"
            there = [self._tree.local(live)] if self._tree.exists(live) else []
            made = [each.file for each in staging.staged()]
            same = same_rows(made, there)
            staging.discard()
        return not same

    def survey(self, known: Mapping[str, Part], quick: bool) -> Survey:
        with explained("the archive cannot be read", safe="Nothing was changed."):
            return survey(self._tree, self._places, known, quick)

    def set_aside(self, paths: Sequence[str], now: datetime) -> None:
        place = self._places.trash / f"{now.astimezone(UTC):%Y%m%dT%H%M%SZ}-check"
        with explained("files cannot be moved to the trash", safe="Each is where it was or in the trash."):
            for path in paths:
                directory, _, inside = path.partition("/")
                if directory == "archive":
                    self._tree.set_aside(inside, place / path)
                else:
                    move_aside(self._disk, self._places.file(path), place / path)

    def relist(self, parts: Sequence[Part]) -> None:
        with explained("the archive's list cannot be written", safe="Nothing was changed."):
            self._tree.relist(parts)

    def _derive(self, table: str, source: str, kept: _Kept, tally: _Tally, staging: Staging) -> None:
        """Add the rows of one table that its SELECT gives for a part of the raw table."""
        feeding = self._feeding(table)
        if feeding.isdisjoint(self._answered(source)):
            return
        staging.turn_to(source.rpartition("/")[0], _name(source))
        answers = kept.stored.of(source, feeding, tally.stored_ids)
        for batch, made in kept.selects.ahead(batches(self._read_again(answers, tally))):
            tally.add(batch, made, kept.selects, staging)

    def _read_again(
        self, answers: Iterable[tuple[SpooledPage, Decision, Decoded | Undecodable]], tally: _Tally
    ) -> Iterator[ReadPage]:
        for page, now, decoded in answers:
            tally.read_again.append(ReadAgain(page.run_id, page.request_key, page.observed_at, now.digest))
            found = read(_as_decided(page, now), self._endpoints, self._tables, tally.watch, decoded)
            yield replace(found, page=replace(found.page, body=b""))  # it is written nowhere, and takes memory

    def _feeding(self, table: str | None) -> frozenset[str]:
        """Return the endpoints that feed a table, or any."""
        return frozenset(name for name, endpoint in self._endpoints.items() if table in {None, endpoint.table})

    def _stored_answers(self) -> StoredAnswers:
        return StoredAnswers(self._tree, self._catalogue)

    def _without_pages(self, table: str) -> list[str]:
        """Move parts whose pages are gone to the trash: no rebuild would bring them up to date."""
        stale = [path for path in self._tree.paths(table) if not self._tree.exists(f"{PAGES_TABLE}/{_source(path)}")]
        for path in stale:
            self._tree.set_aside(path, self._places.trash / "without-pages" / path)
        return stale

    def _staging(self, selects: Selects, *, sweeps: bool = False) -> Staging:
        hashes = {PAGES_TABLE: PAGES_HASH, **self._hashes, **RUN_TABLE_HASHES}
        schemas = ChainMap[str, pa.Schema](RUN_SCHEMAS, selects.schemas)  # type: ignore[arg-type]  # only read
        return Staging(self._disk, self._places, schemas, hashes, sweeps=sweeps)

    def _answered(self, source: str) -> frozenset[str]:
        """Return the endpoints of the 2xx answers in a part of the raw table."""
        return stored_endpoints(self._tree.local(f"{PAGES_TABLE}/{source}"))


def _source(path: str) -> str:
    """Return a part's path within its table, which parts of other tables share."""
    return path.partition("/")[2]


def _name(path: str) -> str:
    return path.rpartition("/")[2]


_SAFE = "No page was touched, and every part is whole."


def _as_decided(page: SpooledPage, now: Decision) -> SpooledPage:
    """Return a page with today's outcome; one that is no longer readable keeps its own, to count as unreadable."""
    unreadable = page.outcome is OutcomeKind.OK and now.outcome is OutcomeKind.MALFORMED
    return page if unreadable else replace(page, outcome=now.outcome)


@dataclass(frozen=True, slots=True)
class _Kept:
    """State that a rebuild keeps from one part to the next."""

    selects: Selects
    stored: StoredAnswers


@dataclass(slots=True)
class _Tally:
    """Counts of pages and records that gave no rows."""

    watch: Watch
    stored_ids: Iterator[int] = field(default_factory=lambda: count(-1, -1))
    unreadable: dict[int, str] = field(default_factory=dict)
    rows_without_key: dict[str, int] = field(default_factory=dict)
    read_again: list[ReadAgain] = field(default_factory=list)

    def add(
        self, batch: Sequence[ReadPage], made: MadeRows | None, selects: Selects, staging: Staging
    ) -> Mapping[int, str]:
        """Add the rows of a batch to their table; return the pages whose statement failed."""
        table = batch[0].table
        failures: Mapping[int, str] = {}
        if table is not None and made is not None:
            rows, failures = made
            staging.add(table, rows)
            if self.watch.watches:
                self.watch.settle(selects.typed)
                note_lost(batch, rows, selects.fragile(table), selects.typed, selects.plain, self.watch)
            note_failures(batch, failures, self.watch)
            if missing := note_without_key(batch, failures, rows, self.watch):
                self.rows_without_key[table] = self.rows_without_key.get(table, 0) + missing
        self.unreadable.update({page.page.page_id: page.error for page in batch if page.error and page.feeds})
        self.unreadable.update(failures)
        return failures
