"""An archive to look after: three runs in the sandbox, once for all tests of a module, a copy for each of them."""

from __future__ import annotations

import asyncio
import shutil
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import duckdb

from scraper.core.tables import TableSelect
from scraper.io.archive import Disk, ParquetArchive
from scraper.io.archive.files import stored_hash
from scraper.io.archive.tree import is_note
from scraper.io.query import open_archive
from scraper.ports import Journal
from scraper.runs.resume import Opening
from scraper.wiring.files import load_catalogue, load_tables
from tests.core.builders import catalogue_of
from tests.databases import database_in
from tests.plain_duckdb import plain_duckdb
from tests.runs.harness import HurriedClock, bench
from tests.runs.mortal import Death, Life, MortalDisk, ledger, lived

T = TypeVar("T")

NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
TABLES = tuple(table for table in load_tables(None) if table.name in {"hashtags", "posts", "creators"})
"""Those that the job fills, and one that has no rows; every table more makes each look at the archive longer."""
ENDPOINTS = {endpoint.full_name: endpoint for endpoint in load_catalogue(None).endpoints}

JOB = """
[[crawl]]
endpoint = "crawlora.hashtags"
params = { country_code = ["US", "GB"] }
max_pages = 1
[[crawl]]
endpoint = "crawlora.hashtag_posts"
each = "crawlora.hashtags"
top = 2
max_items = 30
[[crawl]]
endpoint = "keyapi.hashtags"
params = { region = "US" }
max_pages = 1
"""


async def make_archive(directory: Path, runs: int = 3) -> Path:
    """The data directory of so many runs of one job, a part of every table and vendor from each."""
    async with bench(directory, moment=NOON) as made:
        job = made.write_job(JOB)
        made.clock = noon_clock()
        for _ in range(runs):
            archive = ParquetArchive(made.data, TABLES, catalogue_of(ENDPOINTS))
            await made.run(job, opening=Opening.NEW, archive=archive)
        return made.data


def noon_clock() -> HurriedClock:
    """A clock on which it is noon of that day: nothing here happens around midnight."""
    clock = HurriedClock()
    clock.set_back(seconds=(clock.now() - NOON).total_seconds())
    return clock


@dataclass(slots=True)
class Place:
    """A copy of such a directory, and what a command finds there."""

    data: Path
    clock: HurriedClock = field(default_factory=noon_clock)
    tables: Sequence[TableSelect] = TABLES

    @property
    def root(self) -> Path:
        return self.data / "archive"

    def parts(self, table: str = "*", vendor: str = "*") -> list[Path]:
        return sorted(self.root.glob(f"{table}/vendor={vendor}/date=*/*.parquet"))

    @contextmanager
    def opened(self, disk: Disk | None = None, life: Life | None = None) -> Iterator[tuple[Journal, ParquetArchive]]:
        with lived(database_in(self.data), self.clock.now, life) as stores:
            yield stores.journal, ParquetArchive(self.data, self.tables, catalogue_of(ENDPOINTS), disk)

    def use(self, command: Callable[[Journal, ParquetArchive], Awaitable[T]], disk: Disk | None = None) -> T:
        """A whole command, on an event loop of its own."""

        async def used() -> T:
            with self.opened(disk) as (journal, archive):
                return await command(journal, archive)

        return asyncio.run(used())

    def die_in(self, command: Callable[[Journal, ParquetArchive], Awaitable[Any]], life: Life) -> bool:
        """The command in a process that ends at a step of it; whether it was reached."""

        async def used() -> bool:
            with self.opened(MortalDisk(life), life) as (journal, archive):
                try:
                    await command(journal, archive)
                except Death:
                    return True
                return False

        return asyncio.run(used())


def copied(whole: Path, to: Path) -> Place:
    shutil.copytree(whole, to)
    return Place(to)


Found = dict[str, tuple[int, int]]
"""Table → rows, and the sum of their hashes over all columns, vendor and date included."""


def names(data: Path) -> list[str]:
    """The tables that have files."""
    return sorted({path.parts[-4] for path in data.glob("archive/*/*/*/*.parquet")})


def found_by_glob(data: Path) -> Found:
    """What somebody finds who has nothing but DuckDB."""
    glob = "read_parquet('{}/archive/{}/**/*.parquet')"
    with plain_duckdb() as connection:
        return {table: _summed(connection, glob.format(data, table)) for table in names(data)}


def found_by_views(data: Path) -> Found:
    """What `scraper sql` finds."""
    with closing(opened(data)) as connection:
        return found_in(connection, data)


def opened(data: Path) -> duckdb.DuckDBPyConnection:
    """The archive with the tables that have files: it takes longest to bind the others."""
    there = names(data)
    return open_archive(data, [table for table in TABLES if table.name in there])


def found_in(connection: duckdb.DuckDBPyConnection, data: Path) -> Found:
    """The same where the archive is open."""
    return {table: _summed(connection, f'"{table}"') for table in names(data)}


def rows_by_glob(data: Path, table: str) -> Counter[str]:
    """Every row in words."""
    found = plain_duckdb().execute(f"FROM read_parquet('{data}/archive/{table}/**/*.parquet')")
    return Counter(map(repr, found.fetchall()))


def _summed(connection: duckdb.DuckDBPyConnection, relation: str) -> tuple[int, int]:
    columns = [f'"{name}"' for name, *_ in connection.execute(f"DESCRIBE FROM {relation}").fetchall()]
    row = f"row({', '.join(sorted(columns))})"
    [(count, hashes)] = connection.execute(f"SELECT count(*), sum(hash({row})::HUGEINT) FROM {relation}").fetchall()
    return count, hashes


def strange_files(place: Place) -> list[str]:
    """Files that the state does not know or knows otherwise, files that are not there, what is open, leftovers."""
    known = {path: (size, made_by) for path, size, made_by in ledger(place.data, f"SELECT {_NOTE} FROM parts")}
    there = {
        str(path.relative_to(place.root)): (path.stat().st_size, stored_hash(path))
        for path in place.root.rglob("*")
        if path.is_file() and not is_note(str(path.relative_to(place.root)))
    }
    opened = ledger(place.data, "SELECT compaction_id FROM compactions WHERE finished_at IS NULL")
    opened += ledger(place.data, "SELECT table_name, source FROM rebuilds")
    left = [str(path) for path in (place.data / "tmp").rglob("*")]
    return [*sorted(map(str, known.items() ^ there.items())), *map(str, opened), *left]


_NOTE = "path, size_bytes, select_hash"
