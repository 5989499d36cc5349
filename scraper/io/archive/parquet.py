"""`ParquetArchive`: writes drains, and rebuilds tables part by part."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

import pyarrow as pa

from scraper.core.bodies import Decoded, Undecodable
from scraper.core.catalogue import Catalogue, OutcomeKind
from scraper.core.decisions import Decision
from scraper.core.drift.observe import Watch
from scraper.core.drift.unwatched import Unwatched
from scraper.core.errors import UsageError
from scraper.core.part_names import drained_by, drained_name
from scraper.core.tables import PAGES_HASH, PAGES_TABLE, TableSelect
from scraper.io.archive.adopt import ParquetLedger
from scraper.io.archive.cache import CACHE_DIRECTORY
from scraper.io.archive.check import survey
from scraper.io.archive.compact import PartitionCompactor
from scraper.io.archive.coverage import write_run_tables
from scraper.io.archive.decisions import StoredAnswers
from scraper.io.archive.disk import Disk, make_directories, remove_files
from scraper.io.archive.errors import explained
from scraper.io.archive.files import stored_hash
from scraper.io.archive.lock import locked
from scraper.io.archive.lost_values import note_lost
from scraper.io.archive.merge import fingerprint, second_reader
from scraper.io.archive.rebuild import ComparePart, StagedPart, StagePart
from scraper.io.archive.staged_files import Staging, publish, sweep_staged
from scraper.io.archive.survey import ReadPage, batches, read, stored_endpoints
from scraper.io.archive.table_select import MadeRows, Selects, note_failures, note_without_key, pages_table
from scraper.io.archive.worker_pool import ArchivePlace, WorkerPool
from scraper.io.archive.writable import refuse_unless_writable
from scraper.ports import DecidedAnswer, Part, ReadAgain, RunRows, RunVersion, SpooledPage, Survey, Written


class ParquetArchive:
    """The `Archive` port over a data directory. `write` and `rebuild` are called with the lock held."""

    def __init__(
        self, data: Path, tables: Sequence[TableSelect], catalogue: Catalogue, disk: Disk | None = None
    ) -> None:
        self._data = data
        self._root = data / "archive"
        self._tables = {table.name: table for table in tables}
        self._catalogue = catalogue
        self._endpoints = {endpoint.full_name: endpoint for endpoint in catalogue.endpoints}
        self._disk = disk or Disk()
        place = ArchivePlace(data, tuple(tables), catalogue)
        self.pool = WorkerPool(self, place, alone=type(self._disk) is not Disk)
        self._kept: _Kept | None = None
        self.compactor = PartitionCompactor(data, self._disk, self.pool)
        self.ledger = ParquetLedger(data, catalogue, self._disk)
        self._hashes = {table.name: table.hash for table in tables}
        self._cache = data / CACHE_DIRECTORY

    @property
    def takes_packed(self) -> bool:
        return False

    @property
    def select_hashes(self) -> Mapping[str, str]:
        return self._hashes

    @contextlib.contextmanager
    def lock(self) -> Iterator[None]:
        """See `Archive.lock`; not to be taken twice by one process."""
        with locked(self._disk, self._data) as descriptor:
            self.pool.locked = descriptor
            try:
                yield
            finally:
                self.pool.locked = None
                self.pool.close()

    def refuse_unless_writable(self) -> None:
        refuse_unless_writable(self._disk, self._data)

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
                parts = staging.publish()
            ours = {self._root / part.path for part in parts}
            of_number = self._parts("*", f"part-{drain_id}-*.parquet")
            of_drain = {path for path in of_number if drained_by(path.name, token) == drain_id}
            remove_files(self._disk, of_drain - ours)
        return Written(parts, tally.unreadable, tally.rows_without_key, tally.watch.looked())

    def last_drain(self) -> int:
        with explained("the archive cannot be read", safe=_SAFE):
            return max((drained_by(path.name) for path in self._parts("*")), default=0)

    def sources(self) -> tuple[str, ...]:
        with explained("the archive cannot be read", safe=_SAFE):
            return tuple(sorted(self._source(path) for path in self._parts(PAGES_TABLE)))

    def outdated(self, table: str) -> tuple[str, ...]:
        now = self._hashes[table]
        return tuple(source for source in self.sources() if stored_hash(self._root / table / source) != now)

    def rebuild(self, table: str, sources: Sequence[str]) -> Written:
        """See `Archive.rebuild`.

        Parts are left as they are that hold rows of an endpoint that no vendor file of this process describes: another
        job directory may know it, and its rows are not ours to drop.
        Pages in the archive bear no page id: `unreadable` numbers them -1, -2, … in the order read.
        """
        if table not in self._tables:
            raise UsageError(f"no table {table} is made from pages: there are {', '.join(sorted(self._tables))}.")
        with explained(f"{table} cannot be rebuilt", safe=_SAFE), self.keeping_selects():
            before = {self._source(path) for path in self._parts(table)}
            pages = self._root / PAGES_TABLE
            ours = [source for source in sources if stored_endpoints(pages / source) <= self._endpoints.keys()]
            made = self._made(StagePart(table, source) for source in ours)
            gone = [f"{table}/{each.source}" for each in made if not each.staged]
            gone += self._without_pages(table)
            taken_out = len(before - {self._source(path) for path in self._parts(table)})
        without_key = sum(each.without_key for each in made)
        return Written(
            tuple(staged.part for each in made for staged in each.staged),
            dict(zip(count(-1, -1), (why for each in made for why in each.unreadable))),
            {table: without_key} if without_key else {},
            gone=tuple(gone),
            taken_out=taken_out,
            read_again=tuple(answer for each in made for answer in each.read_again),
        )

    def _made(self, tasks: Iterable[StagePart]) -> list[StagedPart]:
        """Rebuild parts and rename each in."""
        todo = list(tasks)
        sweep_staged(self._disk, self._data)
        return self.pool.perform_all(todo, self._size_bytes(todo), self._renamed_in)

    def _renamed_in(self, made: StagedPart) -> StagedPart:
        if not publish(self._disk, self._root, made.staged):
            remove_files(self._disk, {self._root / made.table / made.source} & set(self._parts(made.table)))
        return made

    def _size_bytes(self, tasks: Sequence[StagePart | ComparePart]) -> int:
        return sum((self._root / PAGES_TABLE / task.source).stat().st_size for task in tasks)

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
            if not stored_endpoints(self._root / PAGES_TABLE / source) <= self._endpoints.keys():
                return
            for page, decision, _ in self._stored_answers().of(source, self._feeding(table), count()):
                endpoint = self._endpoints[page.endpoint]
                yield DecidedAnswer(page.run_id, page.request_key, page.observed_at, endpoint, decision)

    def write_run_tables(self, runs: Sequence[RunVersion], rows_of: Callable[[str], RunRows]) -> tuple[Part, ...]:
        what = f"coverage and ledger of {', '.join(run.run_id for run in runs)} cannot be archived"
        with explained(what, safe="They are kept in the state database, and every page is in its place."):
            return write_run_tables(self._disk, self._data, runs, rows_of)

    def rebuildable(self, table: str, source: str) -> bool:
        try:
            answered = stored_endpoints(self._root / PAGES_TABLE / source)
        except (OSError, pa.ArrowException):
            return False
        return table in self._tables and answered <= self._endpoints.keys()

    def differing(self, table: str, sources: Sequence[str]) -> tuple[str, ...]:
        with explained(f"{table} cannot be compared", safe=_SAFE), self.keeping_selects():
            tasks = [ComparePart(table, source) for source in sources]
            sweep_staged(self._disk, self._data)
            differ = self.pool.perform_all(tasks, self._size_bytes(tasks), bool)
        return tuple(source for source, differs in zip(sources, differ, strict=True) if differs)

    def differs(self, table: str, source: str) -> bool:
        """Return whether the part of a table has other rows than its SELECT gives for its pages now."""
        tally = _Tally(Unwatched(self._tables.values()))
        with self.keeping_selects() as kept, self._staging(kept.selects) as staging, second_reader() as reader:
            self._derive(table, source, kept, tally, staging)
            live = self._root / table / source
            made = [each.file for each in staging.staged()]
            same = fingerprint(reader, made) == fingerprint(reader, [live] if live.exists() else [])
            staging.discard()
        return not same

    def survey(self, known: Mapping[str, Part], quick: bool) -> Survey:
        with explained("the archive cannot be read", safe="Nothing was changed."):
            return survey(self._data, known, quick)

    def set_aside(self, paths: Sequence[str], now: datetime) -> None:
        place = self._data / "trash" / f"{now.astimezone(UTC):%Y%m%dT%H%M%SZ}-check"
        with explained("files cannot be moved to the trash", safe="Each is where it was or in the trash."):
            for path in paths:
                if not (self._data / path).exists():
                    continue
                target = place / path
                make_directories(self._disk, target.parent)
                self._disk.replace(self._data / path, target)
                self._disk.sync(target.parent)
                self._disk.sync((self._data / path).parent)

    def _derive(self, table: str, source: str, kept: _Kept, tally: _Tally, staging: Staging) -> None:
        """Add the rows of one table that its SELECT gives for a part of the raw table."""
        feeding, path = self._feeding(table), self._root / PAGES_TABLE / source
        if feeding.isdisjoint(stored_endpoints(path)):
            return
        staging.turn_to(source.rpartition("/")[0], path.name)
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
        return StoredAnswers(self._root, self._catalogue)

    def _without_pages(self, table: str) -> list[str]:
        """Move parts whose pages are gone to the trash: no rebuild would bring them up to date."""
        there = sorted(self._source(path) for path in self._parts(table))
        stale = [source for source in there if not (self._root / PAGES_TABLE / source).exists()]
        for source in stale:
            target = self._data / "trash" / "without-pages" / table / source
            make_directories(self._disk, target.parent)
            self._disk.replace(self._root / table / source, target)
            self._disk.sync(target.parent)
            self._disk.sync((self._root / table / source).parent)
        return [f"{table}/{source}" for source in stale]

    def _staging(self, selects: Selects, *, sweeps: bool = False) -> Staging:
        hashes = {PAGES_TABLE: PAGES_HASH, **self._hashes}
        return Staging(self._disk, self._data, selects.schemas, hashes, sweeps=sweeps)

    def _parts(self, table: str, name: str = "*.parquet") -> Iterable[Path]:
        return self._root.glob(f"{table}/vendor=*/date=*/{name}")

    def _source(self, part: Path) -> str:
        return "/".join(part.parts[-3:])


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
