"""An archive in a bucket, for readers: the parts that its manifest lists, fetched into the cache of this machine.

A query gets local copies of only the parts that it may read: those of its tables, and of the days and vendors that its
conditions leave (`partitions`). The list is read for every query, in one request; objects never change, so each part is
fetched once. Objects stay for a grace period after the list has dropped them; a slower query reads the list again.

The list is authoritative, not the state: a state at hand may belong to another archive or be out of date, and readers
need no database.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from scraper.core.coverage import RUN_TABLE_HASHES
from scraper.core.errors import ArchiveError, UsageError
from scraper.core.tables import PAGES_HASH, PAGES_TABLE
from scraper.io.manifest import Manifest, ManifestPart, read_manifest
from scraper.io.object_cache import ObjectCache
from scraper.io.objects import Objects
from scraper.io.query.files import Files, files_listed
from scraper.io.query.partitions import Partition, needed_partitions
from scraper.io.query.relations import Described, open_free, open_locked
from scraper.io.query.table_stats import TableFacts

if TYPE_CHECKING:
    import duckdb

_ATTEMPTS: Final = 5
_LEFT_OUT: Final = (PAGES_TABLE,)
"""The table `pages`, ten times the bytes of all others: fetched only for a query that reads it."""


WORTH_SAYING_BYTES: Final = 64 * 10**6
"""Downloads of at least this size are announced: they take some seconds on an ordinary line."""


class BucketArchive:
    """The `ArchiveReader` of an archive in a bucket."""

    def __init__(
        self,
        objects: Objects,
        directory: Path,
        say: Callable[[str], object] = lambda _told: None,
        worth_saying_bytes: int = WORTH_SAYING_BYTES,
    ) -> None:
        """`directory`: a data directory, or one for the cache alone; `say` gets a sentence before a long download."""
        self._objects = objects
        self._cache = ObjectCache(objects, directory)
        self._say, self._worth_saying_bytes = say, worth_saying_bytes
        self._stand_ins = directory.absolute() / "cache" / "stand-ins"
        self._spill = directory / "tmp"
        self._known: Manifest | None = None

    def open(
        self, described: Described, query: str | None = None, writes: Path | None = None
    ) -> duckdb.DuckDBPyConnection:
        files = self._fetched(lambda manifest: self._needed(manifest, described, query))
        return open_locked(files, described, query, self._spill, writes)

    def open_free(self, described: Described) -> duckdb.DuckDBPyConnection:
        return open_free(self.files(), described)

    def files(self) -> Files:
        """Return the files of all tables but `pages`, with the reason for leaving that out."""
        return self._fetched(_all_but_pages, left_out=_LEFT_OUT)

    def facts(self, tables: Collection[str]) -> tuple[TableFacts, ...]:
        manifest = self._manifest()
        return tuple(_facts(table, manifest.tables.get(table, ())) for table in tables)

    def _manifest(self) -> Manifest:
        self._known = read_manifest(self._objects, self._known)
        if not self._known.sequence:
            raise UsageError(
                f"there is no archive in {self._objects.place} yet: run a job first, or name another place with "
                "--archive."
            )
        return self._known

    def _fetched(self, choose: Callable[[Manifest], Sequence[ManifestPart]], left_out: Collection[str] = ()) -> Files:
        """Fetch the chosen parts of the current list; return their files."""
        tried = 0
        for _ in range(_ATTEMPTS):
            manifest = self._manifest()
            parts = choose(manifest)
            try:
                self._fetch(self._cache.missing(parts))
            except FileNotFoundError as gone:
                if manifest.sequence == tried:
                    raise ArchiveError(
                        f"{gone.filename} is missing, although the archive's list has it. Nothing was changed. "
                        "scraper check lists what else is missing, and --repair rebuilds what can be made from pages."
                    ) from gone
                tried = manifest.sequence
                continue
            except OSError as fault:
                raise ArchiveError(
                    f"{fault.filename or self._objects.place} cannot be fetched: {fault.strerror}. Nothing was "
                    f"changed. What is fetched goes to {self._cache.directory}, which may be deleted."
                ) from fault
            listed = {table: dict[str, str]() for table in manifest.tables}
            for part in parts:
                listed[part.part.partition("/")[0]][part.path] = part.select_hash
            why = f"is not fetched here from {self._objects.place}: read it with scraper sql or scraper export"
            said = {table: f"{table} {why}" for table in left_out if table in manifest.tables}
            return files_listed(self._cache.directory.resolve(), listed, said)
        raise ArchiveError(
            f"the parts of {self._objects.place} were replaced faster than they could be fetched, {_ATTEMPTS} times. "
            "Nothing was changed; run the same command again."
        )

    def _fetch(self, parts: Sequence[ManifestPart]) -> None:
        if (size_bytes := sum(part.size_bytes for part in parts)) >= self._worth_saying_bytes:
            how_much = f"{len(parts)} parts of {self._objects.place} ({size_bytes / 1e6:.1f} MB)"
            self._say(f"fetching {how_much} into {self._cache.directory}")
        self._cache.fetch_all(parts)

    def _needed(self, manifest: Manifest, described: Described, query: str | None) -> list[ManifestPart]:
        if query is None:
            return list(manifest.parts())
        there = {table: {_partition(part) for part in parts} for table, parts in manifest.tables.items()}
        hashes = {PAGES_TABLE: PAGES_HASH, **RUN_TABLE_HASHES, **{table.name: table.hash for table in described.tables}}

        def as_declared(table: str) -> bool:
            return {part.select_hash for part in manifest.tables[table]} <= {hashes.get(table)}

        needed = needed_partitions(there, described, query, self._stand_ins, as_declared)
        return [
            part
            for table, partitions in needed.items()
            for part in manifest.tables[table]
            if _partition(part) in partitions
        ]


def _all_but_pages(manifest: Manifest) -> list[ManifestPart]:
    return [part for table, parts in manifest.tables.items() if table not in _LEFT_OUT for part in parts]


def _partition(part: ManifestPart) -> Partition:
    _, vendor, date, _ = part.part.split("/")
    return vendor.removeprefix("vendor="), date.removeprefix("date=")


def _facts(table: str, parts: Sequence[ManifestPart]) -> TableFacts:
    return TableFacts(table, sum(part.rows for part in parts), len(parts), sum(part.size_bytes for part in parts))
