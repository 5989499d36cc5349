"""Reading an archive, in a directory or a bucket, for queries, exports and lists of tables."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from scraper.core.errors import UsageError
from scraper.io.query.files import Files, Hashes, archive_root, files_below, readable
from scraper.io.query.table_stats import Sizes, TableFacts, table_facts

if TYPE_CHECKING:
    import duckdb

    from scraper.io.query.relations import Described


class ArchiveReader(Protocol):
    """An archive to read. Every method blocks, and raises ArchiveError if the archive cannot be read."""

    def open(
        self, described: Described, query: str | None = None, writes: Path | None = None
    ) -> duckdb.DuckDBPyConnection:
        """Open a connection for a query; see `relations.open_locked`."""

    def open_free(self, described: Described) -> duckdb.DuckDBPyConnection:
        """Open every table and view in an unrestricted connection."""

    def files(self) -> Files:
        """Return the files of the tables, on this machine."""

    def facts(self, tables: Collection[str]) -> tuple[TableFacts, ...]:
        """Return rows, files and bytes of tables."""


@dataclass(frozen=True, slots=True)
class DirectoryArchive:
    """An archive in a directory."""

    data: Path
    root: Path | None = None
    """The directory of its tables; ``None``: in `data`, which may also be a copy of that directory."""
    noted: Hashes = lambda _table: {}
    sizes: Sizes = lambda _table: {}

    def open(
        self, described: Described, query: str | None = None, writes: Path | None = None
    ) -> duckdb.DuckDBPyConnection:
        from scraper.io.query.relations import open_locked  # noqa: PLC0415 - `facts` do without DuckDB

        return open_locked(self.files(), described, query, self.data / "tmp", writes)

    def open_free(self, described: Described) -> duckdb.DuckDBPyConnection:
        from scraper.io.query.relations import open_free  # noqa: PLC0415 - as above

        if not (place := self.root or self.data).is_dir():
            raise UsageError(f"there is no archive in {place}: name the data directory, or a copy of its archive.")
        return open_free(self.files(), described)

    def files(self) -> Files:
        return files_below(archive_root(self.data) if self.root is None else readable(self.root), self.noted)

    def facts(self, tables: Collection[str]) -> tuple[TableFacts, ...]:
        return table_facts(self.files().root, tables, self.sizes)
