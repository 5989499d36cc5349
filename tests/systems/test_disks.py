"""File systems that lack what is needed: found before a credit is spent, and before anything has to be finished."""

from __future__ import annotations

import asyncio
import errno
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from scraper.core.errors import ArchiveError, StateError
from scraper.io.archive import Disk, ParquetArchive
from scraper.io.state.locks import held
from scraper.ports import Journal
from scraper.runs.compact import compact
from scraper.runs.rebuild import rebuild
from tests.core.builders import catalogue_of
from tests.runs.harness import Bench, on_bench
from tests.runs.upkeep import ENDPOINTS, TABLES, Place, copied, found_by_glob

JOB = """
[[crawl]]
endpoint = "crawlora.hashtags"
params = { country_code = "US" }
max_pages = 1
"""
NEW_DISK = r"must lie on one file system: move the whole data directory and link that, or name it with --data"


class Elsewhere(Disk):
    """The archive is on another file system than its staging directory."""

    def try_rename(self, source: Path, target: Path) -> None:
        raise OSError(errno.EXDEV, os.strerror(errno.EXDEV), str(source), None, str(target))


class WithoutLocks(Disk):
    """As on an NFS mount whose lock daemon is not there."""

    def lock(self, path: Path) -> int:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK), str(path))


def no_locks(_descriptor: int, *, wait: bool) -> bool:
    raise OSError(errno.ENOLCK, f"{os.strerror(errno.ENOLCK)}{' in time' if wait else ''}")


@pytest.fixture
def other_disk(tmp_path: Path) -> Iterator[Path]:
    """A real file system of its own; where this user may not mount one, the test is skipped."""
    place = tmp_path / "other-disk"
    place.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "tmpfs", place], capture_output=True, check=False).returncode:
        pytest.skip("no file system can be mounted here")
    try:
        yield place
    finally:
        subprocess.run(["umount", place], check=True)


def test_a_run_sends_nothing_where_its_archive_is_on_another_file_system(tmp_path: Path) -> None:
    async def use(bench: Bench) -> int:
        with pytest.raises(ArchiveError, match=rf"Nothing was spent or changed\. .*{NEW_DISK}"):
            await bench.run(
                bench.write_job(JOB), archive=ParquetArchive(bench.data, TABLES, catalogue_of(ENDPOINTS), Elsewhere())
            )
        return sum(bench.hits.values())

    assert on_bench(tmp_path, use) == 0


def test_an_archive_linked_to_another_disk_is_found_before_anything_is_spent(tmp_path: Path, other_disk: Path) -> None:
    (tmp_path / "data").mkdir(mode=0o700)
    (other_disk / "archive").mkdir()
    (tmp_path / "data" / "archive").symlink_to(other_disk / "archive")

    async def use(bench: Bench) -> int:
        with pytest.raises(ArchiveError, match=rf"link \(.*/tmp/\.try-\d+\)\. Nothing was spent or .*{NEW_DISK}"):
            await bench.run(bench.write_job(JOB))
        return sum(bench.hits.values())

    assert on_bench(tmp_path, use) == 0
    assert list((tmp_path / "data" / "tmp").iterdir()) == list((other_disk / "archive").iterdir()) == []


def test_a_table_linked_to_another_disk_is_found_too(three_runs: Path, tmp_path: Path, other_disk: Path) -> None:
    place = copied(three_runs, tmp_path / "data")
    shutil.move(place.root / "hashtags", other_disk / "hashtags")
    (place.root / "hashtags").symlink_to(other_disk / "hashtags")
    with pytest.raises(ArchiveError, match=rf"link \(.*/archive/hashtags\)\. Nothing was spent or .*{NEW_DISK}"):
        ParquetArchive(place.data, TABLES, catalogue_of(ENDPOINTS)).refuse_unless_writable()


@pytest.mark.parametrize("offline", [False, True])
def test_neither_a_compaction_nor_a_rebuild_is_begun_there(three_runs: Path, tmp_path: Path, offline: bool) -> None:
    place = copied(three_runs, tmp_path / "data")
    before = found_by_glob(place.data)

    async def both(state: Journal, archive: ParquetArchive) -> None:
        with pytest.raises(ArchiveError, match=NEW_DISK):
            async for _ in compact(state, archive, place.clock, today_too=True, offline=offline):
                pass
        with pytest.raises(ArchiveError, match=NEW_DISK):
            async for _ in rebuild(state, archive, place.clock, ["hashtags"]):
                pass
        assert await state.open_compaction() is None
        assert await state.open_rebuild() == {}

    place.use(both, Elsewhere())
    assert found_by_glob(place.data) == before


def test_a_job_is_not_run_where_the_file_system_has_no_locks(tmp_path: Path) -> None:
    with (
        pytest.raises(StateError, match=r"night\.lock cannot be locked: No locks available\. .* Nothing was spent"),
        held(tmp_path, "night", "us", no_locks),
    ):
        raise AssertionError("the lock was not taken")


def test_an_archive_is_not_touched_where_the_file_system_has_no_locks(three_runs: Path, tmp_path: Path) -> None:
    place = copied(three_runs, tmp_path / "data")
    with pytest.raises(ArchiveError, match=r"No locks available .* Nothing was changed\. .*on a disk of this machine"):
        asyncio.run(rebuilt(place))


async def rebuilt(place: Place) -> None:
    with place.opened(WithoutLocks()) as (state, archive):
        async for _ in rebuild(state, archive, place.clock, ["hashtags"]):
            pass
