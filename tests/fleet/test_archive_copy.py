"""``scraper archive copy``: from a directory into a bucket and back, cut short, and into what is not empty."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from scraper.core.errors import UsageError
from scraper.io.archive import Disk
from scraper.io.archive.bucket import BucketTree
from scraper.io.archive.copy_parts import AT_A_TIME, CopiedArchive, copy_archive
from scraper.io.archive.tree import DirectoryTree, Places
from scraper.wiring.archive import copy_archive as copy_in_use
from scraper.wiring.settings import Settings
from tests.fleet.appending import staged_part
from tests.fleet.buckets import Bucket, BucketPlace, MortalObjects, make_bucket
from tests.runs.mortal import Death, Instant, Life
from tests.runs.upkeep import TABLES, Place, found_by_glob

pytestmark = pytest.mark.own_instant

USED = tuple(table for table in TABLES if table.name in {"videos", "sounds"})
JOB = """
[[crawl]]
endpoint = "keyapi.videos"
params = { region = "GB" }
max_pages = 1
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> BucketPlace:
    return asyncio.run(make_bucket(tmp_path_factory.mktemp("bucket"), JOB, runs=1, tables=USED))


def copied(place: BucketPlace, to: Path) -> CopiedArchive:
    """The archive of a bucket, in a directory."""
    into = Places.of(to)
    return copy_archive(place.bucket.tree(place.data), DirectoryTree(Disk(), into), Places.of(place.data), into)


def test_a_bucket_becomes_a_directory_and_a_directory_a_bucket_with_the_same_parts(
    place: BucketPlace, tmp_path: Path
) -> None:
    done = copied(place, tmp_path / "there")
    assert (done.parts, done.copied) == (len(place.bucket.listed()), len(place.bucket.listed()))
    assert found_by_glob(tmp_path / "there") == place.found(tmp_path / "downloaded")
    again = BucketPlace(tmp_path / "there", place.clock, bucket=Bucket(place.clock.now))
    here = DirectoryTree(Disk(), Places.of(again.data))
    back = copy_archive(here, again.bucket.tree(again.data), Places.of(again.data), Places.of(again.data))
    assert back == done
    assert again.bucket.listed() == place.bucket.listed()
    assert again.bucket.tree(again.data).notes() == place.bucket.tree(place.data).notes()
    assert not list((tmp_path / "there/tmp").iterdir())


def test_a_copy_that_was_cut_short_is_continued(place: BucketPlace, tmp_path: Path) -> None:
    source, bucket = Place(tmp_path / "there"), Bucket(place.clock.now)
    copied(place, source.data)
    here, places = DirectoryTree(Disk(), Places.of(source.data)), Places.of(source.data)
    for death in (Instant("create_object", 6, after=True), Instant("replace_object", 1, after=True)):
        objects = MortalObjects(bucket.store, bucket.url, Life(death))
        with pytest.raises(Death):
            copy_archive(here, BucketTree(objects, places, bucket.now), places, places)
        assert "archive.json" not in bucket.tree(source.data).notes(), "no run takes it for an archive"
    done = copy_archive(here, bucket.tree(source.data), places, places)
    assert (done.parts, done.copied) == (len(place.bucket.listed()), 0)
    assert done.parts < AT_A_TIME, "all were listed at once"
    assert bucket.listed() == place.bucket.listed()
    assert bucket.unlisted(source.data) == []


def test_a_place_with_other_parts_is_refused(place: BucketPlace, tmp_path: Path) -> None:
    into = Places.of(tmp_path)
    into.staging.mkdir()
    DirectoryTree(Disk(), into).publish([staged_part(into.staging, 1)])
    with pytest.raises(UsageError, match=r"has parts that this archive lacks, such as hashtags/.* Nothing was changed"):
        copied(place, tmp_path)


@pytest.mark.parametrize(
    ("target", "said"), [("archive", "onto itself"), ("gs://bucket/x", "not at gs://"), ("elsewhere", "no archive in")]
)
def test_a_copy_onto_itself_to_no_place_or_of_nothing_is_refused(tmp_path: Path, target: str, said: str) -> None:
    settings = Settings(data=tmp_path)
    with pytest.raises(UsageError, match=said):
        copy_in_use(target if "://" in target else str(tmp_path / target), settings)
    assert list(tmp_path.iterdir()) == []
