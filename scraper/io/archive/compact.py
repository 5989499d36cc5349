"""`PartitionCompactor`: builds new directories for a partition beside the tree, then exchanges each atomically.

In the data directory::

    tmp/compaction-<id>/<table>/            the new directory of one table, whole before anything is exchanged;
                                            afterwards the old one
    trash/<stamp>-compaction-<id>/…         the old directories, for the grace period

Tried with readers looping over a plain glob: every other scheme (new files beside the old, the old removed first, a
manifest) gave doubled or missing rows; this one a wrong answer never, and a missing file now and then (measured).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from scraper.core.compact import groups
from scraper.core.coverage import RUN_TABLE_HASHES, RUN_TABLES
from scraper.core.errors import ArchiveError, UsageError
from scraper.core.tables import PAGES_TABLE
from scraper.io.archive.errors import explained
from scraper.io.archive.exchange import CannotExchangeError
from scraper.io.archive.files import HASH_KEY, Disk, checksum, make_directories, stored_hash
from scraper.io.archive.merge import PageOrder, merge, page_order, same_rows
from scraper.io.archive.tree import Places, Tree
from scraper.io.archive.worker_pool import WorkerPool
from scraper.ports import Compaction, Part, Partition

GRACE: Final = timedelta(minutes=15)
"""The time that exchanged directories stay in the trash: longer than a query that still reads them."""

LARGE_RUNS_BYTES: Final = 64 * 2**20
"""A file of a run table from this size on stays as it is: it is rewritten when a run in it changes."""

MERGED_FASTER: Final = 4
"""Merging a part is this many times as fast as rebuilding it (measured), so another process pays off later."""

_STAMP: Final = "%Y%m%dT%H%M%SZ"
_IN_TRASH: Final = re.compile(r"(\d{8}T\d{6}Z)-compaction-\d+")
_PROBE: Final = "exchange-"
_SAFE: Final = "No row was touched."


@dataclass(frozen=True, slots=True)
class BuildTable:
    """Builds the new directory of one table: a task of the worker pool."""

    table: str
    compaction: Compaction
    order: PageOrder

    def perform(self, archive: Any) -> list[Part]:  # noqa: ANN401 - a ParquetArchive, which imports this module
        with explained(f"{self.compaction.partition} cannot be compacted", safe=_SAFE):
            return archive.compactor.build_table(self.table, self.compaction, self.order)  # type: ignore[no-any-return]


class PartitionCompactor:
    """The `Compactor` port over a directory."""

    def __init__(self, tree: Tree, places: Places, disk: Disk, pool: WorkerPool) -> None:
        self._tree = tree
        self._pool = pool
        self._root = places.root
        self._tmp = places.staging
        self._trash = places.trash
        self._disk = disk

    def partition(self, path: str, known: Sequence[Part]) -> Partition:
        pages = {part.name for part in known if part.table == PAGES_TABLE}
        tables: dict[str, list[str]] = {}
        for part in known:
            if part.name in pages or part.table in RUN_TABLES:
                tables.setdefault(part.table, []).append(part.name)
        runs = {table: _gathering(table, known) for table in RUN_TABLES if table in tables}
        with explained(f"{path} cannot be read", safe=_SAFE):
            grouped: tuple[tuple[str, ...], ...] = ()
            if (fault := self._fault(path, tables, runs)) is None:
                directory = f"{PAGES_TABLE}/{path}"
                grouped = groups({name: _body_bytes(self._tree.local(f"{directory}/{name}")) for name in pages})
        size_bytes = sum(part.size_bytes for part in known if part.table in tables)
        return Partition(path, tables, grouped, runs, size_bytes, fault)

    def refuse_unless_exchangeable(self) -> None:
        """See `Compactor.refuse_unless_exchangeable`: tried on two empty directories."""
        pair = (self._tmp / f"{_PROBE}1", self._tmp / f"{_PROBE}2")
        with explained("the archive cannot be compacted", safe=_SAFE):
            try:
                for directory in pair:
                    make_directories(self._disk, directory)
                self._disk.exchange(*pair)
                same_disk = self._tmp.stat().st_dev == self._root.stat().st_dev
            except CannotExchangeError:
                same_disk = False
            finally:
                for directory in pair:
                    self._disk.remove_tree(directory)
        if not same_disk:
            raise UsageError(
                f"two directories of {self._root.parent} cannot be exchanged in one step here (Linux and macOS "
                "can, on most file systems), so a reader could see half of a partition. Nothing was changed. When "
                "nobody reads the archive: scraper compact --offline"
            )

    def build(self, compaction: Compaction) -> tuple[Part, ...]:
        place = self._place(compaction)
        with explained(f"{compaction.partition} cannot be compacted", safe=_SAFE):
            self._disk.remove_tree(place)
            order = self._order(compaction)
            size_bytes = 0
            for table, each in compaction.merges.items():
                make_directories(self._disk, place / table)
                live = f"{table}/{compaction.partition}"
                size_bytes += sum(self._tree.size_bytes(f"{live}/{name}") for merge in each for name in merge.sources)
            tasks = [BuildTable(table, compaction, order) for table in compaction.merges]
            built = self._pool.perform_all(tasks, size_bytes // MERGED_FASTER, tuple)
        return tuple(part for parts in built for part in parts)

    def exchange(self, compaction: Compaction, now: datetime) -> None:
        """See `Compactor.exchange`. A table that was exchanged before is skipped."""
        place = self._place(compaction)
        with explained(f"{compaction.partition} cannot be exchanged", safe="Every row is where it was, once."):
            if place.is_dir():
                for table, merges in compaction.merges.items():
                    directory = f"{table}/{compaction.partition}"
                    live = self._root / directory
                    if not {merge.target for merge in merges} <= set(self._tree.names(directory)):
                        self._exchange_directory(place / table, live, offline=compaction.offline)
                    self._disk.sync(live.parent)
                self._disk.sync(place)
                make_directories(self._disk, self._trash)
                stamp = now.astimezone(UTC).strftime(_STAMP)
                self._disk.replace(place, self._trash / f"{stamp}-{place.name}")
            self._disk.sync(self._trash)
            self._disk.sync(self._tmp)

    def discard(self, compaction: Compaction) -> None:
        with explained(f"{compaction.partition} cannot be compacted", safe=_SAFE):
            self._disk.remove_tree(self._place(compaction))

    def sweep(self, now: datetime) -> None:
        with explained("the trash cannot be emptied", safe=_SAFE):
            for directory in self._tmp.glob(f"{_PROBE}*"):
                self._disk.remove_tree(directory)
            for directory in self._trash.glob("*"):
                met = _IN_TRASH.fullmatch(directory.name)
                if met and now - datetime.strptime(met[1], _STAMP).replace(tzinfo=UTC) > GRACE:
                    self._disk.remove_tree(directory)

    # --- one partition ------------------------------------------------------------------------------------------------

    def _place(self, compaction: Compaction) -> Path:
        return self._tmp / f"compaction-{compaction.compaction_id}"

    def _fault(self, path: str, tables: Mapping[str, Sequence[str]], runs: Mapping[str, Sequence[str]]) -> str | None:
        """Return why a partition cannot be merged: its old directory goes as a whole, so all files must be known."""
        for table, names in sorted(tables.items()):
            directory = f"{table}/{path}"
            known, met = set(names), set(self._tree.names(directory))
            if strange := sorted(met ^ known):
                how = "is not known to the state" if strange[0] in met else "is missing"
                return f"{table}/{path}/{strange[0]} {how}: scraper check has details"
            merged = runs.get(table, names)  # run files of older versions stay as they are
            made: set[tuple[bytes | None, str]] = set()
            for name in sorted(known):
                try:
                    schema = pq.read_schema(self._tree.local(f"{directory}/{name}"))
                except (OSError, pa.ArrowInvalid):
                    return f"{table}/{path}/{name} cannot be read: scraper check has details"
                if name in merged:
                    made.add(((schema.metadata or {}).get(HASH_KEY), schema.to_string(show_schema_metadata=False)))
            if len(made) > 1:
                return f"parts of {table}/{path} were made by different SELECTs: scraper rebuild {table}"
        return None

    def _order(self, compaction: Compaction) -> PageOrder:
        pages = f"{PAGES_TABLE}/{compaction.partition}"
        merged = [each for each in compaction.merges.get(PAGES_TABLE, ()) if len(each.sources) > 1]
        return page_order([self._tree.local(f"{pages}/{source}") for each in merged for source in each.sources])

    def build_table(self, table: str, compaction: Compaction, order: PageOrder) -> list[Part]:
        """Build the new directory of one table."""
        old, new = f"{table}/{compaction.partition}", self._place(compaction) / table
        built = []
        for each in compaction.merges[table]:
            if each.kept and (known := self._unchanged(f"{old}/{each.target}")) is not None:
                built.append(known)
                continue
            sources, target = [self._tree.local(f"{old}/{name}") for name in each.sources], new / each.target
            if len(sources) == 1:
                self._disk.link(sources[0], target)
                self._disk.sync(target)
            else:
                merge(self._disk, sources, target, None if table in RUN_TABLES else order)
                if not same_rows([target], sources):
                    raise ArchiveError(
                        f"{table}/{compaction.partition}: the merged rows are not those of the parts they come from. "
                        "Nothing was exchanged, and every row is where it was; it is a bug in scraper or a library."
                    )
            path = f"{table}/{compaction.partition}/{each.target}"
            rows, size_bytes = pq.read_metadata(target).num_rows, target.stat().st_size
            built.append(Part(table, path, rows, size_bytes, stored_hash(target) or "", checksum(target)))
        self._disk.sync(new)
        return built

    def _unchanged(self, path: str) -> Part | None:  # noqa: ARG002 - see `bucket_compact`
        """Return a part that stays in place; ``None`` here, as whole directories are exchanged."""
        return None

    def _exchange_directory(self, new: Path, live: Path, *, offline: bool) -> None:
        self._disk.guard()
        if not offline:
            self._disk.exchange(new, live)
            return
        old = new.with_name(f"{new.name}.old")
        if live.is_dir():
            self._disk.replace(live, old)
        self._disk.replace(new, live)


def _gathering(table: str, known: Sequence[Part]) -> list[str]:
    """Return the files of a run table to merge: those with today's columns that are not large already."""
    now = RUN_TABLE_HASHES[table]
    ours = [part for part in known if part.table == table and part.select_hash == now]
    return [part.name for part in ours if part.size_bytes < LARGE_RUNS_BYTES]


def _body_bytes(path: Path) -> int:
    """Return the uncompressed size of a part's bodies, which merging does not change."""
    metadata = pq.read_metadata(path)
    body = metadata.schema.to_arrow_schema().get_field_index("body")
    return sum(
        metadata.row_group(group).column(body).total_uncompressed_size for group in range(metadata.num_row_groups)
    )
