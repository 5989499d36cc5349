"""Readers of a bucket during compactions: through the manifest nobody counts wrong, and nobody meets an error.

::

    python -m tests.fleet.bucket_readers --compactions 30 --readers 3

starts a server, appends two drains before each compaction, and reads all the while; the suite does it three times. A
reader takes the list, fetches what it names into a cache of its own, and counts with DuckDB. Exit 1: a count was wrong.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb

from scraper.io.archive import ParquetArchive
from scraper.io.archive.bucket import BucketTree
from scraper.io.archive.tree import Places
from scraper.io.manifest import read_manifest
from scraper.io.object_cache import ObjectCache
from scraper.io.objects import open_objects
from scraper.runs.compact import compact
from tests.core.builders import catalogue_of
from tests.databases import database_in
from tests.fleet.appending import ROWS_A_PAGE, pages_of
from tests.fleet.object_server import running_server
from tests.io.archive_fixtures import ENDPOINTS, TABLES
from tests.runs.harness import HurriedClock
from tests.runs.upkeep import noon_clock


@dataclass(slots=True)
class Reader:
    """Counts the rows of a bucket until it is told to stop."""

    url: str
    environment: Mapping[str, str]
    data: Path
    stop: threading.Event
    counts: list[int] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    def read(self) -> None:
        objects = open_objects(self.url, self.environment)
        cache = ObjectCache(objects, self.data)
        with duckdb.connect() as connection:
            while not self.stop.is_set():
                try:
                    parts = read_manifest(objects).tables.get("hashtags", ())
                    files = [str(cache.local(part)) for part in parts]
                    query = "SELECT count(*) FROM read_parquet(?)"
                    self.counts.append(connection.execute(query, [files]).fetchall()[0][0] if files else 0)
                except Exception as fault:
                    self.faults.append(f"{type(fault).__name__}: {fault}")
                    return


async def compact_while_reading(
    directory: Path, url: str, environment: Mapping[str, str], compactions: int, readers: int
) -> list[Reader]:
    """Append and compact; return the readers, each with what it has counted."""
    clock = noon_clock()
    stop = threading.Event()
    reading = [Reader(url, environment, directory / f"reader-{number}", stop) for number in range(readers)]
    threads = [threading.Thread(target=reader.read) for reader in reading]
    for thread in threads:
        thread.start()
    try:
        for round_ in range(compactions):
            await _append_and_compact(directory / "data", url, environment, clock, round_)
            clock.set_back(minutes=-7)  # so that the grace period of early ones is over before the last
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    return reading


async def _append_and_compact(
    data: Path, url: str, environment: Mapping[str, str], clock: HurriedClock, round_: int
) -> None:
    tree = BucketTree(open_objects(url, environment), Places.of(data), clock.now)
    archive = ParquetArchive(data, TABLES[:1], catalogue_of(ENDPOINTS), archive=url, tree=tree)
    with database_in(data).opened(clock.now) as stores:
        for drain in (2 * round_ + 1, 2 * round_ + 2):
            with archive.lock():
                await stores.journal.note_parts(archive.write(drain, pages_of(drain), "abcdef01").parts)
        done = [each.files_after async for each in compact(stores.journal, archive, clock, today_too=True)]
        assert done == [2 + 2], "with the parts without rows of both run tables"


def wrong(reading: list[Reader]) -> list[str]:
    """What a reader met that it may not: an error, a count that no list had, fewer rows than before."""
    found = [fault for reader in reading for fault in reader.faults]
    for reader in reading:
        found += [f"{count} rows" for count in reader.counts if count % ROWS_A_PAGE]
        found += [f"{after} rows after {before}" for before, after in pairwise(reader.counts) if after < before]
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--compactions", type=int, default=30)
    parser.add_argument("--readers", type=int, default=3)
    asked = parser.parse_args()
    with TemporaryDirectory() as place, running_server(Path(place)) as server:
        reading = asyncio.run(
            compact_while_reading(Path(place), server.new_place(), server.environment, asked.compactions, asked.readers)
        )
    found = wrong(reading)
    reads = sum(len(reader.counts) for reader in reading)
    last = max(count for reader in reading for count in reader.counts)
    sys.stdout.write(
        "\n".join([*found, f"{asked.compactions} compactions, {reads} reads, {len(found)} wrong; {last} rows\n"])
    )
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
