"""An archive in a bucket, read through its list: right rows, few parts, and nothing that goes wrong silently."""

from __future__ import annotations

import hashlib
import os
import re
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import duckdb
import pytest

from scraper.core.errors import ArchiveError, QueryError, UsageError
from scraper.core.part_names import ENDING
from scraper.io.archive.bucket import BucketTree
from scraper.io.archive.tree import Staged
from scraper.io.config_files.table_files import read_view_files
from scraper.io.manifest import GRACE, ManifestPart, read_manifest
from scraper.io.object_cache import ObjectCache
from scraper.io.objects import ObjectMissingError, Objects
from scraper.io.query import Described, answered, open_archive, query
from scraper.io.query.bucket import BucketArchive
from scraper.io.query.reader import DirectoryArchive
from scraper.ports import Part
from tests.clock import NOON
from tests.fleet import reading_under_compaction as under
from tests.fleet.buckets import Bucket
from tests.io.archive_fixtures import TABLES, hashtag
from tests.io.history import History, night

USED = tuple(table for table in TABLES if table.name in {"hashtags", "videos", "sounds"})
DESCRIBED = Described(USED, read_view_files(None))
DAYS = 4


class CountedObjects(Objects):
    """Objects that count what is fetched, and do something before one."""

    def __init__(self, bucket: Bucket) -> None:
        super().__init__(bucket.store, bucket.url)
        self.fetched: list[str] = []
        self.before: Callable[[], object] = lambda: None

    def fetch(self, name: str, target: Path) -> None:
        before, self.before = self.before, lambda: None
        before()
        self.fetched.append(name)
        super().fetch(name, target)

    def taken(self) -> Counter[str]:
        """Table → parts that were fetched since this was asked last."""
        fetched, self.fetched = self.fetched, []
        return Counter(name.partition("/")[0] for name in fetched)


@dataclass(slots=True)
class Reading:
    """A bucket that a machine with an empty cache reads."""

    bucket: Bucket
    directory: Path
    objects: CountedObjects = field(init=False)
    archive: BucketArchive = field(init=False)

    def __post_init__(self) -> None:
        self.objects = CountedObjects(self.bucket)
        self.archive = BucketArchive(self.objects, self.directory)

    def ask(self, sql: str) -> list[Any]:
        with answered(lambda: self.archive.open(DESCRIBED, sql), sql) as reader:
            return list(reader.read_all().to_pylist())


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Bucket]:
    """The same nights in a directory and in a bucket."""
    history = History()
    for day in range(1, DAYS + 1):
        at, run = night(day), f"night-{day}"
        history.walk(run, at, [[hashtag(rank) for rank in range(1, day + 2)]])
        history.walk(run, at, [[{"item_id": str(day)}]], endpoint="keyapi.videos", walk_id="videos")
        history.attempt(run, at, rows=20, credits=day, charge="charged")
    data, bucket = tmp_path_factory.mktemp("directory"), Bucket(lambda: NOON)
    history.write(data, tables=USED)
    history.write(tmp_path_factory.mktemp("writer"), bucket.tree(tmp_path_factory.mktemp("writer")), USED)
    return data, bucket


@pytest.fixture
def reading(written: tuple[Path, Bucket], tmp_path: Path) -> Reading:
    return Reading(written[1], tmp_path)


@pytest.fixture(scope="module")
def beside(written: tuple[Path, Bucket]) -> Iterator[duckdb.DuckDBPyConnection]:
    """The directory."""
    with closing(open_archive(written[0], USED, DESCRIBED.views)) as connection:
        yield connection


# --- what is read -----------------------------------------------------------------------------------------------------

QUERIES = {
    "SELECT count(*) AS n, sum(rank) AS s FROM hashtags": {"hashtags": DAYS},
    "SELECT * FROM hashtags WHERE date = '2026-11-03' ORDER BY rank": {"hashtags": 1},
    "SELECT count(*) AS n FROM hashtags WHERE date > DATE '2026-11-30' - 28 AND vendor = 'crawlora'": {"hashtags": 2},
    "SELECT count(*) AS n FROM pages WHERE vendor LIKE 'key%' AND date BETWEEN '2026-11-01' AND '2026-11-02'": {
        "pages": 2
    },
    "SELECT date, hashtag_name FROM hashtags_latest ORDER BY ALL": {"hashtags": DAYS, "coverage": 2 * DAYS + 1},
    "SELECT h.rank FROM hashtags h JOIN coverage c USING (run_id, walk_id) WHERE h.date = '2026-11-02' AND c.date = "
    "'2026-11-02' ORDER BY ALL": {"hashtags": 1, "coverage": 2},
    "SELECT count(*) AS n FROM hashtags WHERE date = (SELECT max(date) FROM videos)": {
        "hashtags": DAYS,
        "videos": DAYS,
    },
    "SELECT day, credits FROM spend ORDER BY ALL": {"requests": DAYS + 1},
    "SELECT count(*) AS n FROM sounds": {"sounds": 1},
    "SELECT count(*) AS n FROM hashtags WHERE date = '2031-01-01'": {},
    "SELECT count(*) AS n FROM hashtags_as_of('2026-11-02 12:00')": {"hashtags": DAYS, "coverage": 2 * DAYS + 1},
    "SELECT count(*) AS n FROM hashtags WHERE day(date) = 2 OR rank = 5": {"hashtags": DAYS},
    "WITH few AS (FROM hashtags WHERE date IN ('2026-11-01', '2026-11-04')) SELECT count(*) AS n FROM few": {
        "hashtags": 2
    },
}
"""Query → table → parts that are fetched for it."""


@pytest.mark.parametrize("sql", QUERIES)
def test_a_query_has_the_rows_of_a_directory_and_fetches_the_parts_that_it_may_read(
    reading: Reading, beside: duckdb.DuckDBPyConnection, sql: str
) -> None:
    assert reading.ask(sql) == query(beside, sql).read_all().to_pylist()
    assert reading.objects.taken() == QUERIES[sql]


def test_a_part_is_fetched_once(reading: Reading) -> None:
    for _ in range(2):
        reading.ask("FROM hashtags")
    reading.ask("FROM hashtags WHERE date = '2026-11-03'")
    Reading(reading.bucket, reading.directory).ask("FROM hashtags")
    assert reading.objects.taken() == {"hashtags": DAYS}


@pytest.mark.parametrize(
    "sql", ["FROM nope", "SELECT nope FROM pages", "DELETE FROM pages", "FROM pages WHERE", "FROM pages; FROM pages"]
)
def test_a_query_that_is_refused_fetches_nothing(reading: Reading, beside: duckdb.DuckDBPyConnection, sql: str) -> None:
    with pytest.raises(QueryError) as met:
        reading.ask(sql)
    with pytest.raises(QueryError) as as_usual:
        query(beside, sql)
    assert str(met.value) == str(as_usual.value)
    assert reading.objects.taken() == {}


def test_a_table_of_another_select_is_fetched_whole_where_the_query_cannot_be_planned(reading: Reading) -> None:
    """Its files may have the column that the SELECT lacks."""
    older = Described(USED[1:], ())
    sql = "SELECT count(hashtag_name) AS n FROM hashtags WHERE date = '2026-11-03'"
    with answered(lambda: reading.archive.open(older, sql), sql) as reader:
        assert reader.read_all().to_pylist() == [{"n": 4}]
    assert reading.objects.taken() == {"hashtags": DAYS}


def test_a_connection_has_every_table_but_the_pages_and_says_so(reading: Reading) -> None:
    with closing(reading.archive.open_free(DESCRIBED)) as connection:
        assert connection.execute("SELECT count(*) FROM hashtags_latest").fetchall() == [(DAYS + 1,)]
        for sql in ("SELECT count(*) FROM pages", "FROM pages"):
            with pytest.raises(duckdb.Error, match=f"pages is not fetched here from {reading.bucket.url}: read it"):
                connection.execute(sql).fetchall()
    assert "pages" not in reading.objects.taken()


def test_rows_files_and_bytes_are_those_of_the_list(reading: Reading, written: tuple[Path, Bucket]) -> None:
    names = ["hashtags", "pages", "coverage", "sounds", "nothing"]
    assert reading.archive.facts(names) == DirectoryArchive(written[0]).facts(names)
    assert reading.objects.taken() == {}


def test_much_that_is_to_be_fetched_is_announced_once(written: tuple[Path, Bucket], tmp_path: Path) -> None:
    said: list[str] = []
    archive = BucketArchive(written[1].objects, tmp_path, say=said.append, worth_saying_bytes=1)
    for _ in range(2):
        archive.files()
    (announced,) = said
    assert re.fullmatch(
        rf"fetching \d+ parts of {written[1].url} \(0\.\d MB\) into {tmp_path}/cache/objects", announced
    )


def test_a_place_without_an_archive_is_said(tmp_path: Path) -> None:
    nowhere = Reading(Bucket(lambda: NOON), tmp_path)
    with pytest.raises(UsageError, match=r"there is no archive in s3://in-memory/\d+ yet: run a job first"):
        nowhere.ask("SELECT 1")


# --- parts that go ----------------------------------------------------------------------------------------------------


def replaced(bucket: Bucket, scratch: Path, deleted_after: timedelta) -> BucketTree:
    """Replace every part of hashtags by one of the same rows, as a compaction does, and sweep so much later."""
    tree = bucket.tree(scratch)
    tree.refresh()
    staged = []
    for path in tree.paths("hashtags"):
        renamed = path.removesuffix(ENDING) + f"-{len(bucket.listed())}-again{ENDING}"
        file = scratch / renamed.replace("/", "-")
        file.write_bytes(tree.local(path).read_bytes())
        listed = tree.listed(path)
        part = Part("hashtags", renamed, listed.rows, listed.size_bytes, listed.select_hash, listed.checksum)
        staged.append(Staged(file, part))
    tree.publish(staged, tree.paths("hashtags"))
    tree.sweep(NOON + deleted_after)
    return tree


@pytest.fixture
def own(tmp_path: Path) -> Reading:
    """A bucket of its own, to be changed."""
    history, bucket = History(), Bucket(lambda: NOON)
    history.walk("night-1", night(1), [[hashtag(1), hashtag(2)]])
    history.write(tmp_path / "writer", bucket.tree(tmp_path / "writer"), TABLES[:1])
    return Reading(bucket, tmp_path / "reader")


COUNT = "SELECT count(*) AS n FROM hashtags"


def test_an_older_list_is_read_to_its_end_within_the_grace_period(own: Reading, tmp_path: Path) -> None:
    own.objects.before = lambda: replaced(own.bucket, tmp_path, GRACE / 2)
    assert own.ask(COUNT) == [{"n": 2}]
    assert own.objects.taken() == {"hashtags": 1}
    assert own.ask(COUNT) == [{"n": 2}]
    assert own.objects.taken() == {"hashtags": 1}, "the new part"


def test_a_reader_that_is_slower_than_the_grace_period_reads_the_list_again(own: Reading, tmp_path: Path) -> None:
    own.objects.before = lambda: replaced(own.bucket, tmp_path, GRACE * 2)
    assert own.ask(COUNT) == [{"n": 2}]
    assert own.objects.taken() == {"hashtags": 2}, "the old part, which was gone, and the new one"


def test_parts_that_always_go_too_soon_are_said(own: Reading, tmp_path: Path) -> None:
    def again() -> None:
        replaced(own.bucket, tmp_path, GRACE * 2)
        own.objects.before = again

    own.objects.before = again
    with pytest.raises(ArchiveError, match=r"were replaced faster than they could be fetched, 5 times\. Nothing was"):
        own.ask(COUNT)


def test_an_object_that_is_listed_and_missing_is_named(own: Reading) -> None:
    (part,) = read_manifest(own.objects).tables["hashtags"]
    own.objects.delete([part.path])
    with pytest.raises(
        ArchiveError, match=rf"{part.path} is missing, although the archive's list has it\. .* --repair"
    ):
        own.ask(COUNT)


def test_an_object_of_other_bytes_is_named_and_never_read(own: Reading) -> None:
    (part,) = read_manifest(own.objects).tables["hashtags"]
    own.objects.write(part.path, own.objects.read(part.path)[0][:-1])
    for _ in range(2):
        with pytest.raises(ArchiveError, match=rf"{part.path} cannot be fetched: its object is damaged"):
            own.ask(COUNT)


def test_a_file_that_left_the_cache_while_a_query_was_planned_is_fetched_again(own: Reading) -> None:
    """As another process may do to keep the cache small."""
    opened: list[duckdb.DuckDBPyConnection] = []

    def once() -> duckdb.DuckDBPyConnection:
        connection = own.archive.open(DESCRIBED, COUNT)
        if not opened:
            for path in own.directory.glob("cache/objects/hashtags/*/*/*"):
                path.unlink()
        opened.append(connection)
        return connection

    with answered(once, COUNT) as reader:
        assert reader.read_all().to_pylist() == [{"n": 2}]
    assert (len(opened), own.objects.taken()) == (2, {"hashtags": 2})


# --- the cache --------------------------------------------------------------------------------------------------------


def set_used(path: Path, day: int) -> None:
    at = NOON.timestamp() + day * 86_400
    os.utime(path, (at, at))


def stored(objects: Objects, cache: ObjectCache, names: str, size: int = 1_000) -> list[ManifestPart]:
    """Objects of so many bytes, fetched one after the other, each used a day before the next."""
    parts = []
    for place, name in enumerate(names):
        content = name.encode() * size
        checksum = hashlib.sha256(content).hexdigest()
        parts.append(ManifestPart(f"t/vendor=v/date=2026-11-01/{name}.parquet", name, 1, size, checksum, ""))
        objects.create(parts[-1].path, content)
        cache.fetch_all([parts[-1]])
        set_used(cache.path(parts[-1]), place)
    return parts


def test_the_cache_keeps_what_was_used_last(tmp_path: Path) -> None:
    objects = Bucket(lambda: NOON).objects
    cache = ObjectCache(objects, tmp_path, most_bytes=3_000)
    parts = stored(objects, cache, "abc")
    cache.local(parts[0])
    (more,) = stored(objects, cache, "d")
    assert [cache.path(part).exists() for part in (*parts, more)] == [True, False, True, True]


def test_a_file_that_lost_bytes_is_fetched_again(tmp_path: Path) -> None:
    objects = Bucket(lambda: NOON).objects
    cache = ObjectCache(objects, tmp_path)
    (part,) = stored(objects, cache, "a")
    cache.path(part).write_bytes(b"aa")
    assert cache.local(part).stat().st_size == 1_000


def test_what_is_being_used_stays_however_large_it_is(tmp_path: Path) -> None:
    objects = Bucket(lambda: NOON).objects
    cache = ObjectCache(objects, tmp_path, most_bytes=1_000)
    parts = stored(objects, ObjectCache(objects, tmp_path / "other"), "abc")
    cache.fetch_all(cache.missing(parts))
    assert all(cache.path(part).exists() for part in parts)


def test_what_a_killed_process_left_goes_after_a_day(tmp_path: Path) -> None:
    objects = Bucket(lambda: NOON).objects
    cache = ObjectCache(objects, tmp_path)
    cache.directory.mkdir(parents=True)
    left = cache.directory / ".fetched-1-1"
    left.write_bytes(b"half")
    set_used(left, -2)
    stored(objects, cache, "a")
    cache.trim()
    assert not left.exists()


def test_many_threads_may_fetch_the_same_object_and_see_it_whole(tmp_path: Path) -> None:
    objects = Bucket(lambda: NOON).objects
    (part,) = stored(objects, ObjectCache(objects, tmp_path / "other"), "a", size=1_000_000)
    caches = [ObjectCache(objects, tmp_path) for _ in range(8)]
    with ThreadPoolExecutor(8) as threads:
        sizes = list(threads.map(lambda cache: cache.fetch(part).stat().st_size, caches * 4))
    assert set(sizes) == {1_000_000}
    assert [path.name for path in caches[0].directory.iterdir()] == ["t"]


def test_an_object_that_is_not_there_leaves_nothing(tmp_path: Path) -> None:
    cache = ObjectCache(Bucket(lambda: NOON).objects, tmp_path)
    with pytest.raises(FileNotFoundError) as met:
        cache.local(ManifestPart("t/a.parquet", "a", 1, 1, "", ""))
    assert isinstance(met.value.__context__, ObjectMissingError)
    assert [path for path in cache.directory.rglob("*") if path.is_file()] == []


# --- while it is written ----------------------------------------------------------------------------------------------


def test_queries_count_right_while_parts_are_added_and_compacted(tmp_path: Path) -> None:
    """A short version of `reading_under_compaction`, in memory."""
    bucket, over, parts = Bucket(lambda: NOON), threading.Event(), 3
    archives = {who: under.archive_at(bucket.objects, tmp_path / who) for who in ("first", "a", "b", "compactor")}
    archives["first"][0].write(10_000, under.drained("first", 1), "ee")
    readers = [BucketArchive(bucket.objects, tmp_path / f"reader-{number}") for number in range(2)]
    with ThreadPoolExecutor(5) as threads:
        reading = [
            threads.submit(under.read, "reader", partial(under.through_the_list, reader), over.is_set, 2 * parts + 1)
            for reader in readers
        ]
        compacting = threads.submit(under.compact, *archives["compactor"], 2, over.is_set)
        writing = [threads.submit(under.append, archives[who][0], who * 2, parts) for who in "ab"]
        for each in writing:
            each.result()
        over.set()
        told = [each.result() for each in (compacting, *reading)]
    assert [each.wrong for each in told] == [(), (), ()]
    assert told[0].times > 0
