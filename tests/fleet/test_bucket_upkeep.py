"""Compaction, rebuild, check and repair of an archive in a bucket, and its ledger made again on another machine."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

import scraper
from scraper.core.errors import StateError
from scraper.io.archive import ParquetArchive
from scraper.io.manifest import GRACE, MANIFEST, read_manifest, write_manifest
from scraper.io.object_cache import OBJECTS
from scraper.ports import Journal
from scraper.runs.adopt import settle
from scraper.runs.check import Checked, check
from scraper.runs.compact import Compacted, compact
from scraper.runs.journals import locked
from scraper.runs.rebuild import rebuild
from tests.fleet.buckets import BucketPlace, copy_of, make_bucket
from tests.plain_duckdb import plain_duckdb
from tests.runs.harness import Heard
from tests.runs.mortal import Instant, Life
from tests.runs.upkeep import TABLES

pytestmark = pytest.mark.own_instant

JOB = """
[[crawl]]
endpoint = "crawlora.hashtags"
params = { country_code = ["US", "GB"] }
max_pages = 1
"""


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> BucketPlace:
    """Two runs, so that every table has two parts."""
    return asyncio.run(make_bucket(tmp_path_factory.mktemp("bucket"), JOB, runs=2, tables=TABLES))


@pytest.fixture
def place(whole: BucketPlace, tmp_path: Path) -> BucketPlace:
    return copy_of(whole, tmp_path / "data")


def compacted(place: BucketPlace) -> list[Compacted]:
    async def all_of_it(journal: Journal, archive: ParquetArchive) -> list[Compacted]:
        return [each async for each in compact(journal, archive, place.clock, today_too=True)]

    return place.use(all_of_it)


def checked(place: BucketPlace, *, repair: bool = False, deep: bool = False) -> Checked:
    async def whole(journal: Journal, archive: ParquetArchive) -> Checked:
        return await check(journal, archive, place.clock, Heard(), repair=repair, deep=deep)

    return place.use(whole)


def kinds(found: Checked) -> list[str]:
    return [each.kind for each in found.findings]


def objects_of(place: BucketPlace, table: str) -> list[str]:
    """The objects of a table, listed or not, as a plain glob meets them."""
    return [each.name for each in place.bucket.objects.list(f"{table}/")]


def test_a_fresh_archive_is_sound(place: BucketPlace) -> None:
    assert kinds(checked(place, deep=True)) == place.strange() == []


@pytest.mark.parametrize("manifest", [None, "older"])
def test_a_manifest_that_was_deleted_or_put_back_is_made_whole_from_the_state_and_no_object_is_moved(
    place: BucketPlace, tmp_path: Path, manifest: str | None
) -> None:
    objects, before = place.bucket.objects, place.found(tmp_path / "before")
    there = sorted(each.name for each in objects.list())
    if manifest is None:
        objects.delete([MANIFEST])
    else:
        found = read_manifest(objects)
        fewer = {table: parts[:1] for table, parts in found.tables.items()}
        write_manifest(objects, replace(found, tables=fewer))
    if manifest is None:
        with pytest.raises(StateError, match=r"no files any more.* --repair restores the manifest"):
            place.use(lambda journal, archive: settle(journal, archive, place.clock))
    met = checked(place)
    assert set(kinds(met)) == {"unlisted"}
    assert all(each.repairable for each in met.findings)
    mended = checked(place, repair=True)
    assert kinds(mended) == place.strange() == []
    assert {each.kind for each in mended.repaired} >= {"unlisted"}
    assert sorted(each.name for each in objects.list()) == there
    assert place.found(tmp_path / "after") == before


def test_a_cached_file_with_other_bytes_is_not_merged_or_rebuilt_from(place: BucketPlace, tmp_path: Path) -> None:
    before = place.found(tmp_path / "before")
    assert kinds(checked(place)) == []
    cached = list((place.data / OBJECTS).rglob("*.parquet"))
    assert cached
    for file in cached:
        content = bytearray(file.read_bytes())
        content[len(content) // 3] ^= 255
        file.write_bytes(content)
    assert [(done.files_before, done.files_after) for done in compacted(place)] == [(8 + 4, 4 + 2)]
    assert kinds(checked(place, deep=True)) == []
    assert place.found(tmp_path / "after") == before


def test_a_compaction_keeps_every_row_and_its_sources_for_the_grace_period(place: BucketPlace, tmp_path: Path) -> None:
    before, sources = place.found(tmp_path / "before"), objects_of(place, "hashtags")
    assert [(done.files_before, done.files_after) for done in compacted(place)] == [(8 + 4, 4 + 2)]
    assert place.found(tmp_path / "after") == before
    assert set(sources) < set(objects_of(place, "hashtags")), "whoever has the old list finds what it names"
    place.clock.set_back(seconds=-GRACE.total_seconds() - 1)
    _touch(place)
    assert len(objects_of(place, "hashtags")) == 1
    assert read_manifest(place.bucket.objects).replaced == {}
    assert place.found(tmp_path / "much later") == before
    assert compacted(place) == place.strange() == []


def test_duckdb_reads_the_list_as_the_manual_says(place: BucketPlace, tmp_path: Path) -> None:
    """The manual's statements, over a copy of the bucket: its objects and its list, without httpfs."""
    compacted(place)
    for each in place.bucket.objects.list():
        place.bucket.objects.fetch(each.name, tmp_path / "copy" / each.name)
    manual = (Path(scraper.__file__).parent / "docs/archive.md").read_text()
    statements = manual[manual.index("SET VARIABLE parts") :].partition("```")[0]
    assert statements.count("s3://my-bucket/tiktok") == 2
    with plain_duckdb() as connection:
        found = connection.execute(statements.replace("s3://my-bucket/tiktok", str(tmp_path / "copy"))).fetchall()
        globbed = connection.execute(f"SELECT count(*) FROM '{tmp_path}/copy/hashtags/**/*.parquet'").fetchall()
    assert found == [(place.found(tmp_path / "current")["hashtags"][0],)]
    assert globbed == [(2 * found[0][0],)], "replaced objects are there for an hour"


COMPACTED_AT = [
    Instant("create_object", 4, after=True),
    Instant("note_built", 1, after=True),
    Instant("replace_object", 1, after=True),
    Instant("finish_compaction", 1, after=True),
]


@pytest.mark.parametrize("death", COMPACTED_AT, ids=str)
def test_a_compaction_that_died_is_finished_or_undone(place: BucketPlace, tmp_path: Path, death: Instant) -> None:
    before = place.found(tmp_path / "before")

    async def all_of_it(journal: Journal, archive: ParquetArchive) -> None:
        async for _ in compact(journal, archive, place.clock, today_too=True):
            pass

    assert place.die_in(all_of_it, Life(death))
    assert place.found(tmp_path / "dead") == before
    _touch(place)
    assert place.found(tmp_path / "settled") == before
    assert place.strange() == []


def test_a_compaction_that_another_machine_has_built_is_finished_here(place: BucketPlace, tmp_path: Path) -> None:
    before = place.found(tmp_path / "before")

    async def all_of_it(journal: Journal, archive: ParquetArchive) -> None:
        async for _ in compact(journal, archive, place.clock, today_too=True):
            pass

    assert place.die_in(all_of_it, Life(Instant("note_built", 1, after=True)))
    elsewhere = BucketPlace(tmp_path / "elsewhere", place.clock, TABLES, place.bucket)
    elsewhere.data.mkdir()
    (place.data / "state.db").rename(elsewhere.data / "state.db")
    _touch(elsewhere)
    assert elsewhere.found(tmp_path / "settled") == before
    assert len({part for part in elsewhere.bucket.listed() if part.startswith("hashtags/")}) == 1
    assert elsewhere.strange() == []


def test_a_quick_check_finds_a_lost_object_although_this_machine_has_it_cached(place: BucketPlace) -> None:
    async def quick(journal: Journal, archive: ParquetArchive) -> Checked:
        return await check(journal, archive, place.clock, Heard(), quick=True)

    assert kinds(place.use(quick)) == []
    place.bucket.objects.delete([objects_of(place, "hashtags")[0]])
    assert kinds(place.use(quick)) == ["damaged"]


def test_a_lost_object_is_named_and_made_again_from_its_pages(place: BucketPlace, tmp_path: Path) -> None:
    before = place.found(tmp_path / "before")
    place.bucket.objects.delete([objects_of(place, "hashtags")[0]])
    assert kinds(checked(place)) == ["damaged"]
    assert kinds(checked(place, repair=True)) == []
    assert place.found(tmp_path / "after") == before


def test_a_damaged_object_is_named_and_written_again(place: BucketPlace, tmp_path: Path) -> None:
    before = place.found(tmp_path / "before")
    place.bucket.objects.write(objects_of(place, "hashtags")[0], b"other bytes")
    assert kinds(checked(place)) == ["damaged"]
    assert kinds(checked(place, repair=True)) == []
    assert place.found(tmp_path / "after") == before
    assert place.strange() == []


def test_a_rebuild_of_the_same_rows_lists_the_same_objects(place: BucketPlace) -> None:
    before = place.bucket.listed()

    async def all_of_it(journal: Journal, archive: ParquetArchive) -> list[int]:
        return [done.files async for done in rebuild(journal, archive, place.clock, ["hashtags"])]

    assert place.use(all_of_it) == [2]
    assert place.bucket.listed() == before
    assert place.strange() == []


def test_a_stray_object_is_named_and_moved_to_the_trash_of_this_machine(place: BucketPlace) -> None:
    name = "hashtags/vendor=crawlora/date=2026-11-21/part-9-0.parquet"
    place.bucket.objects.create(name, b"whatever")
    assert kinds(checked(place)) == ["leftover"]
    assert kinds(checked(place, repair=True)) == []
    assert name not in objects_of(place, "hashtags")
    assert [path.read_bytes() for path in (place.data / "trash").rglob("part-9-0.parquet")] == [b"whatever"]


def test_another_machine_makes_the_lost_ledger_again_from_the_bucket(place: BucketPlace, tmp_path: Path) -> None:
    elsewhere = BucketPlace(tmp_path / "elsewhere", place.clock, TABLES, place.bucket)
    elsewhere.data.mkdir()
    assert kinds(checked(elsewhere, repair=True)) == []
    assert elsewhere.strange() == []
    assert kinds(checked(elsewhere, deep=True)) == []


def _touch(place: BucketPlace) -> None:
    """The next command: it takes the lock, and settles what is open."""

    async def taken(journal: Journal, archive: ParquetArchive) -> None:
        async with locked(journal, archive, place.clock):
            pass

    place.use(taken)
