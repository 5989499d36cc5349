"""Readers of a bucket while parts are added and compacted: ``python -m tests.fleet.reading_under_compaction``.

Two processes append parts, one compacts, two read through the list, and one reads with pyarrow's file system and the
list alone, as an engine without this program does. Each part has one page and two hashtags, in one step: a count of
hashtags that is not twice that of pages, or one below an earlier count, is wrong. Prints what each process did; ends
with 1 after a wrong count or an error. The server is SeaweedFS, on loopback.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from multiprocessing import get_context
from pathlib import Path
from typing import Final

import pyarrow.dataset as ds

from scraper.core.compact import merges
from scraper.io.archive import Disk, ParquetArchive
from scraper.io.archive.bucket import BucketTree
from scraper.io.archive.tree import Places
from scraper.io.manifest import read_manifest
from scraper.io.objects import Objects, open_objects
from scraper.io.query import Described, answered
from scraper.io.query.bucket import BucketArchive
from scraper.ports import Compaction, Part, SpooledPage
from tests.core.builders import catalogue_of
from tests.fleet.object_server import running_server
from tests.fleet.readers import HIVE, s3_files
from tests.io.archive_fixtures import ENDPOINTS, TABLES, board, hashtag, page

PARTITION: Final = "vendor=crawlora/date=2026-11-21"
COUNTS: Final = "SELECT (SELECT count(*) FROM hashtags) AS hashtags, (SELECT count(*) FROM pages) AS pages"

Counts = Callable[[], tuple[int, int]]
"""Counts hashtags and pages, of one list."""


@dataclass(frozen=True, slots=True)
class Told:
    """What a process did: how often, and what went wrong."""

    who: str
    times: int
    wrong: tuple[str, ...] = ()


def drained(run_id: str, number: int) -> list[SpooledPage]:
    """A page with two hashtags."""
    bought = page("crawlora.hashtags", board(hashtag(1), hashtag(2)))
    return [replace(bought, run_id=run_id, request_key=f"{run_id}-{number}")]


def append(archive: ParquetArchive, token: str, parts: int) -> Told:
    """Write so many drains of one page with two hashtags."""
    for number in range(1, parts + 1):
        archive.refresh()
        archive.write(number, drained(token, number), token)
    return Told(f"writer {token}", parts)


def compact(archive: ParquetArchive, tree: BucketTree, times: int, is_over: Callable[[], bool]) -> Told:
    """Merge what is there into one part, as often as there is something to merge, up to so many times."""
    done = 0
    while done < times:
        over = is_over()
        archive.refresh()
        known = _known(tree)
        if len(known) > 2:
            done += 1
            partition = archive.compactor.partition(PARTITION, known)
            tables = {table: list(names) for table, names in partition.parts.items()}
            begun = Compaction(done, PARTITION, merges(done, partition.groups, tables, {}, "cc"), offline=False)
            built = replace(begun, built=archive.compactor.build(begun))
            archive.compactor.exchange(built, datetime.now(UTC))
        elif over:
            break
    return Told("compactor", done)


def _known(tree: BucketTree) -> list[Part]:
    """The parts of both tables, as the list has them."""
    return [
        Part(path.partition("/")[0], path, listed.rows, listed.size_bytes, listed.select_hash, listed.checksum)
        for table in ("hashtags", "pages")
        for path in tree.paths(table)
        for listed in [tree.listed(path)]
    ]


def read(who: str, count: Counts, is_over: Callable[[], bool], parts: int) -> Told:
    """Count until all parts are written, and once more."""
    times, last, over = 0, 0, False
    while not over:
        over = is_over()
        times += 1
        try:
            hashtags, pages = count()
        except Exception:  # whatever it is, the reader says so
            return Told(who, times, (traceback.format_exc(limit=3),))
        if hashtags != 2 * pages or pages < last or (over and pages != parts):
            return Told(who, times, (f"{hashtags} hashtags of {pages} pages, after {last}, of {parts} in the end",))
        last = pages
    return Told(who, times)


def through_the_list(archive: BucketArchive) -> tuple[int, int]:
    described = Described(TABLES)
    with answered(lambda: archive.open(described, COUNTS), COUNTS) as reader:
        (row,) = reader.read_all().to_pylist()
    return row["hashtags"], row["pages"]


def by_pyarrow(objects: Objects, url: str, environment: Mapping[str, str]) -> tuple[int, int]:
    """Count by pyarrow, over what one list names."""
    files, prefix = s3_files(url, environment)
    tables = read_manifest(objects).tables

    def rows(table: str) -> int:
        paths = [f"{prefix}/{part.path}" for part in tables[table]]
        return int(ds.dataset(paths, filesystem=files, format="parquet", partitioning=HIVE).count_rows())

    return rows("hashtags"), rows("pages")


# --- processes --------------------------------------------------------------------------------------------------------


def archive_at(objects: Objects, data: Path) -> tuple[ParquetArchive, BucketTree]:
    """An archive in a bucket as a process with this data directory has it."""
    tree = BucketTree(objects, Places.of(data), lambda: datetime.now(UTC))
    return ParquetArchive(data, TABLES[:1], catalogue_of(ENDPOINTS), Disk(), tree=tree), tree


def _process(role: str, url: str, environment: Mapping[str, str], scratch: Path, parts: int, times: int) -> Told:
    """Carry out a role in a process of its own; whoever writes leaves a file when it is done."""
    objects, data = open_objects(url, environment), scratch / role
    data.mkdir()

    def is_over() -> bool:
        return len(list(scratch.glob("*.done"))) == 2

    kind, _, token = role.partition("-")
    match kind:
        case "writer":
            told = append(archive_at(objects, data)[0], token * 2, parts)
            (scratch / f"{role}.done").touch()
            return told
        case "compactor":
            return compact(*archive_at(objects, data), times, is_over)
        case "pyarrow":
            return read(role, lambda: by_pyarrow(objects, url, environment), is_over, 2 * parts + 1)
        case _:
            reader = BucketArchive(objects, data)
            return read(role, lambda: through_the_list(reader), is_over, 2 * parts + 1)


ROLES: Final = ("writer-a", "writer-b", "compactor", "reader-1", "reader-2", "pyarrow")


def told_by(url: str, environment: Mapping[str, str], scratch: Path, parts: int, times: int) -> Iterator[Told]:
    """Run all roles at once; yield what each tells."""
    archive, _ = archive_at(open_objects(url, environment), scratch)
    archive.write(10_000, drained("first", 1), "ee")
    with ProcessPoolExecutor(len(ROLES), get_context("spawn")) as processes:
        running = [processes.submit(_process, role, url, environment, scratch, parts, times) for role in ROLES]
        for each in running:
            yield each.result()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--parts", type=int, default=100, help="of each writer")
    parser.add_argument("--compactions", type=int, default=30)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        (scratch := Path(directory) / "scratch").mkdir()
        (served := Path(directory) / "served").mkdir()
        with running_server(served) as server:
            told = list(told_by(server.new_place(), server.environment, scratch, asked.parts, asked.compactions))
    for each in told:
        sys.stdout.write(f"{each.who}: {each.times} times, {len(each.wrong)} wrong {' '.join(each.wrong)}\n")
    return int(any(each.wrong for each in told) or not told)


if __name__ == "__main__":
    os.environ.setdefault("AWS_EC2_METADATA_DISABLED", "true")
    sys.exit(main())
