"""`ArchiveApart`: the archive of a run behind a worker process with its own core and memory.

The process of the run holds the lock and keeps identity and marks, which are a few small files; it loads neither DuckDB
nor pyarrow. Everything else is an order to the worker, which holds a copy of the lock meanwhile: while an orphan still
writes, nobody else takes the lock and undoes its work. Pages go to it as the spool has packed them.

If the worker ends before its time, killed for instance, its work is that of a killed process: journalled, and repeated
here, without another worker.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from functools import cached_property
from operator import attrgetter
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, TypeVar

from scraper.core.catalogue import Catalogue
from scraper.core.coverage import RUN_TABLES
from scraper.core.errors import ArchiveError, ConfigurationError, CutOffError, Fault, StateError
from scraper.core.tables import TableSelect
from scraper.io.archive.cache import CACHE_DIRECTORY
from scraper.io.archive.disk import Disk
from scraper.io.archive.identity import LedgerFiles
from scraper.io.archive.lock import locked
from scraper.io.archive.storage import open_tree
from scraper.io.archive.tree import Places, Tree, refuse_unless_writable
from scraper.io.archive.worker_side import open_archive, opened_archive
from scraper.io.packing import DamagedError, unpacked
from scraper.io.worker import Worker, WorkerGoneError
from scraper.ports import (
    ArchivedAnswer,
    Compaction,
    DecidedAnswer,
    Holding,
    Part,
    Partition,
    RunRow,
    RunRows,
    RunVersion,
    SpooledPage,
    Written,
)

if TYPE_CHECKING:
    from scraper.io.archive.parquet import ParquetArchive

T = TypeVar("T")


class ArchiveApart:
    """The `Archive` port over a worker. See `open`."""

    def __init__(
        self,
        data: Path,
        tables: Sequence[TableSelect],
        catalogue: Catalogue,
        worker: Worker,
        say: Callable[[str], object],
        archive: str | None = None,
    ) -> None:
        """`say` gets a sentence, in any thread, if the worker ends before its time."""
        self._data, self._tables, self._catalogue, self._say = data, tables, catalogue, say
        self._faults: Sequence[Fault] | None = None
        """Faults of the tables' SELECTs; ``None``: not checked yet."""
        self._disk, self._archive, self._places = Disk(), archive, Places.of(data, archive)
        self._worker: Worker | None = worker
        self._turn = Lock()
        """One order at a time."""
        self._held: int | None = None
        """The descriptor of the archive's lock, while it is held."""
        self.compactor = _CompactorApart(self)
        self._tree = open_tree(self._places, self._disk, archive)
        self.ledger = _LedgerApart(self, self._tree)
        self.select_hashes: Mapping[str, str] = {table.name: table.hash for table in tables}

    def open(self, asked: Collection[str] | None = None) -> None:
        """Wait until the worker is ready; ConfigurationError with every fault of the tables' SELECTs.

        `asked`: the tables whose SELECTs are checked, by default all. The first order waits for this, or does it, and
        raises ArchiveError if a SELECT has a fault.
        """
        with self._turn:
            faults = self._opened(asked)
        if faults:
            raise ConfigurationError(faults)

    @property
    def takes_packed(self) -> bool:
        return True

    @contextmanager
    def lock(self, hold: Holding | None = None) -> Iterator[None]:
        with locked(self._disk, self._places, hold) as descriptor:
            self._held = descriptor
            try:
                yield
            finally:
                self._held = None

    def write(self, drain_id: int, pages: Iterable[SpooledPage], token: str = "") -> Written:
        try:
            return self._ordered(
                _write,
                drain_id,
                token,
                items=pages,
                here=lambda: self.here.write(drain_id, map(_unpacked, pages), token),
                once=True,  # the pages are gone with the worker
            )
        except DamagedError as failure:
            raise StateError(
                f"a body in the spool is damaged ({failure}). Nothing of its drain was archived, nothing else is lost; "
                "scraper check names the page: restore the state database from a backup."
            ) from failure

    def write_run_tables(self, runs: Sequence[RunVersion], rows_of: Callable[[str], RunRows]) -> tuple[Part, ...]:
        return self._ordered(
            _write_run_tables,
            runs,
            items=(row for run in runs for row in _in_line(rows_of(run.run_id))),
            here=lambda: self.here.write_run_tables(runs, rows_of),
            once=True,
        )

    def refuse_unless_writable(self) -> None:
        refuse_unless_writable(self._tree)

    def last_drain(self) -> int:
        return self.method("last_drain")  # type: ignore[no-any-return]

    def sources(self) -> Sequence[str]:
        return self.method("sources")  # type: ignore[no-any-return]

    def outdated(self, table: str) -> Sequence[str]:
        return self.method("outdated", table)  # type: ignore[no-any-return]

    def rebuild(self, table: str, sources: Sequence[str]) -> Written:
        return self.method("rebuild", table, sources)  # type: ignore[no-any-return]

    def decided(self, source: str, table: str | None = None) -> Iterator[DecidedAnswer]:
        return self.here.decided(source, table)

    @property
    def here(self) -> ParquetArchive:
        """The same archive in this process, refreshed: for use without a worker, and to read record by record."""
        self._here.refresh()
        return self._here

    @cached_property
    def _here(self) -> ParquetArchive:
        from scraper.io.archive.parquet import ParquetArchive  # noqa: PLC0415 - 45 MB that a run does without

        return ParquetArchive(self._data, self._tables, self._catalogue, self._disk, self._archive)

    def method(self, name: str, *args: object, once: bool = False) -> Any:  # noqa: ANN401 - what the method returns
        """Call a method of the worker's archive."""
        return self._ordered(_method, name, args, here=lambda: attrgetter(name)(self.here)(*args), once=once)

    def _ordered(
        self,
        function: Callable[..., T],
        *args: object,
        here: Callable[[], T],
        items: Iterable[object] | None = None,
        once: bool = False,
    ) -> T:
        """Give the worker an order, or carry it out `here` if there is none any more.

        Raises CutOffError if the worker ends meanwhile and the order cannot be repeated as it stands: `once`.
        """
        with self._turn:
            if faults := self._opened():
                raise ArchiveError(
                    f"the archive cannot be written: {faults[0]}. Every paid page waits in the spool; correct the "
                    "table, or install the version of DuckDB that scraper was tested with, and run the command again."
                )
            return self._in_turn(function, *args, here=here, items=items, once=once)

    def _in_turn(
        self,
        function: Callable[..., T],
        *args: object,
        here: Callable[[], T],
        items: Iterable[object] | None = None,
        once: bool = False,
    ) -> T:
        if self._worker is not None:
            try:
                return self._worker.call(function, *args, items=items, descriptor=self._held)
            except WorkerGoneError as gone:
                self._worker = None
                told = f"the process that writes the archive has ended: {gone}"
                self._say(f"{told}; the run itself writes it from here on, and no page is lost")
                if once:
                    raise CutOffError(f"{told}. No page is lost; run the same command again.") from gone
        return here()

    def _opened(self, asked: Collection[str] | None = None) -> Sequence[Fault]:
        """Open the archive in the worker unless it is open; return the faults of the tables' SELECTs."""
        if self._faults is None:
            tables = [table for table in self._tables if asked is None or table.name in asked]
            order = self._data, self._tables, self._catalogue, self._archive, tables
            self._faults = self._in_turn(_open, *order, here=lambda: _faults(self._data, tables))
        return self._faults


class _CompactorApart:
    """The `Compactor` port over a worker."""

    def __init__(self, archive: ArchiveApart) -> None:
        self._method = archive.method

    def partition(self, path: str, known: Sequence[Part]) -> Partition:
        return self._method("compactor.partition", path, known)  # type: ignore[no-any-return]

    def refuse_unless_exchangeable(self) -> None:
        self._method("compactor.refuse_unless_exchangeable")

    def build(self, compaction: Compaction) -> tuple[Part, ...]:
        return self._method("compactor.build", compaction, once=True)  # type: ignore[no-any-return]

    def exchange(self, compaction: Compaction, now: datetime) -> None:
        self._method("compactor.exchange", compaction, now)

    def discard(self, compaction: Compaction) -> None:
        self._method("compactor.discard", compaction)

    def sweep(self, now: datetime) -> None:
        self._method("compactor.sweep", now)


class _LedgerApart(LedgerFiles):
    """The `ArchiveLedger` port: small files are read in this process, Parquet by the worker on demand."""

    def __init__(self, archive: ArchiveApart, tree: Tree) -> None:
        super().__init__(tree)
        self._archive = archive

    def part(self, path: str) -> Part:
        return self._archive.here.ledger.part(path)

    def size_bytes(self, path: str) -> int:
        return self._archive.here.ledger.size_bytes(path)

    def rows(self, path: str) -> Iterator[RunRow]:
        return self._archive.here.ledger.rows(path)

    def answers(self, path: str) -> Iterator[ArchivedAnswer]:
        return self._archive.here.ledger.answers(path)

    def rows_by_run(self, path: str) -> Mapping[str, int]:
        return self._archive.here.ledger.rows_by_run(path)


def _in_line(rows: RunRows) -> Iterator[RunRow | None]:
    """Yield the rows of one table after the other, ``None`` after each table."""
    for table in RUN_TABLES:
        for row in rows[table]:  # their keys are text of the database's library, which the worker would have to load
            yield {str(name): value for name, value in row.items()}
        yield None


def _unpacked(page: SpooledPage) -> SpooledPage:
    return replace(page, body=unpacked(page.body))


# --- in the worker ----------------------------------------------------------------------------------------------------


def _open(
    data: Path,
    tables: Sequence[TableSelect],
    catalogue: Catalogue,
    archive: str | None,
    asked: Sequence[TableSelect],
) -> Sequence[Fault]:
    open_archive(data, tables, catalogue, archive)
    return _faults(data, asked)


def _faults(data: Path, asked: Sequence[TableSelect]) -> Sequence[Fault]:
    from scraper.io.archive.select_check import table_faults  # noqa: PLC0415 - 45 MB that the run itself does without

    return list(table_faults(asked, data / CACHE_DIRECTORY))


def _method(name: str, args: Sequence[object]) -> Any:  # noqa: ANN401 - what the method returns
    return attrgetter(name)(opened_archive())(*args)


def _write(drain_id: int, token: str, pages: Iterator[SpooledPage]) -> Written:
    return opened_archive().write(drain_id, map(_unpacked, pages), token)


def _write_run_tables(runs: Sequence[RunVersion], rows: Iterator[RunRow | None]) -> tuple[Part, ...]:
    """The rows come run by run, table by table, in the order in which they are written."""
    in_line = iter(rows)

    def rows_of(_: str) -> RunRows:
        return {table: iter(in_line.__next__, None) for table in RUN_TABLES}

    return opened_archive().write_run_tables(runs, rows_of)
