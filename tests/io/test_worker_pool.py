"""Work on parts in several processes: the same results, in order, and one end for all where one of them ends."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from scraper.core.errors import ArchiveError
from scraper.io.archive import ParquetArchive
from scraper.io.archive.files import checksum
from scraper.io.archive.worker_pool import Task, free_memory_bytes, useful_processes
from scraper.io.worker import Worker
from scraper.ports import drain_order
from tests.core.builders import catalogue_of
from tests.io.archive_fixtures import ENDPOINTS, TABLES, board, hashtag, page
from tests.io.pool_tasks import Number

ENOUGH = 2**30


@contextmanager
def two_processes(data: Path) -> Iterator[ParquetArchive]:
    archive = ParquetArchive(data, TABLES[:2], catalogue_of(ENDPOINTS))
    archive.pool.worth_bytes, archive.pool.most_processes = 1, 2
    with archive.lock():
        yield archive


def drained(archive: ParquetArchive, drains: int) -> None:
    for drain_id in range(1, drains + 1):
        pages = [
            page("crawlora.hashtags", board(hashtag(number), hashtag(drain_id)), page_id=number) for number in (1, 2)
        ]
        archive.write(drain_id, sorted(pages, key=drain_order))


def number_of(made: tuple[int, str]) -> int:
    return made[0]


def tasks(there: str, number: int, meeting: Path | None = None) -> list[Task[tuple[int, str]]]:
    return [Number(each, os.getpid(), there, meeting) for each in range(number)]


def test_results_come_in_the_order_of_the_tasks_whoever_performs_them(tmp_path: Path) -> None:
    with two_processes(tmp_path) as archive:
        assert archive.pool.perform_all(tasks("", 20), ENOUGH, lambda made: made) == [
            (number, "ParquetArchive") for number in range(20)
        ]
        assert archive.pool.processes == 2
        assert archive.pool.perform_all(tasks("", 3), 0, number_of) == [0, 1, 2]
    assert archive.pool.processes == 1


ENDINGS: Sequence[tuple[str, type[Exception], str]] = [
    ("killed", ArchiveError, r"has ended: killed by signal 9\. No page was touched.*Run the same command again"),
    ("refused", ArchiveError, r"\d+ cannot be read\. Nothing was changed\."),
    ("broken", ZeroDivisionError, r"\d+"),
]


def test_what_ends_one_process_ends_all_and_what_comes_next_has_new_ones(tmp_path: Path) -> None:
    with two_processes(tmp_path) as archive:
        for there, error, said in ENDINGS:
            os.mkfifo(meeting := tmp_path / f"meeting-{there}")
            with pytest.raises(error, match=said):
                archive.pool.perform_all(tasks(there, 20, meeting), ENOUGH, number_of)
        assert archive.pool.perform_all(tasks("", 3), ENOUGH, number_of) == [0, 1, 2]
        assert archive.pool.processes == 2


def test_a_rebuild_and_a_deep_check_in_two_processes_are_those_of_one(tmp_path: Path) -> None:
    with two_processes(tmp_path) as archive:
        drained(archive, 4)
        before = {path: checksum(path) for path in tmp_path.rglob("hashtags/**/*.parquet")}
        sources = archive.sources()
        written = archive.rebuild("hashtags", sources)
        assert archive.pool.processes == 2
        assert {path: checksum(path) for path in tmp_path.rglob("hashtags/**/*.parquet")} == before
        assert [part.path for part in written.parts] == [f"hashtags/{source}" for source in sources]
        assert len(written.read_again) == 8
        assert archive.differing("hashtags", sources) == ()
        assert list((tmp_path / "tmp").iterdir()) == []


def test_without_the_lock_or_with_little_to_do_one_process_does_it(tmp_path: Path) -> None:
    archive = ParquetArchive(tmp_path, TABLES, catalogue_of(ENDPOINTS))
    assert archive.pool.perform_all(tasks("killed", 3), ENOUGH, number_of) == [0, 1, 2]
    with archive.lock():
        assert archive.pool.perform_all(tasks("killed", 3), 1, number_of) == [0, 1, 2]
        assert archive.pool.processes == 1


def refused() -> Worker:
    raise BlockingIOError(11, "Resource temporarily unavailable")


def test_where_the_system_starts_no_process_this_one_does_it(tmp_path: Path) -> None:
    with two_processes(tmp_path) as archive:
        archive.pool.start = refused
        assert archive.pool.perform_all(tasks("killed", 3), ENOUGH, number_of) == [0, 1, 2]


def test_where_the_system_starts_some_processes_those_work(tmp_path: Path) -> None:
    left = [Worker]
    with two_processes(tmp_path) as archive:
        archive.pool.most_processes = 3
        archive.pool.start = lambda: left.pop()() if left else refused()
        assert archive.pool.perform_all(tasks("", 20), ENOUGH, number_of) == list(range(20))
        assert archive.pool.processes == 2


def test_a_process_is_started_for_every_two_cores() -> None:
    assert [useful_processes(cores) for cores in (1, 2, 3, 4, 8, 64)] == [1, 1, 2, 2, 4, 8]


def test_the_memory_of_a_container_counts_where_it_is_less_than_the_machines(tmp_path: Path) -> None:
    assert free_memory_bytes(tmp_path) == 2**40, "nothing is known to be short"
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc" / "meminfo").write_text("MemTotal: 9 kB\nMemAvailable:    4096 kB\n")
    assert free_memory_bytes(tmp_path) == 4 * 2**20
    group = tmp_path / "sys" / "fs" / "cgroup"
    group.mkdir(parents=True)
    (group / "memory.current").write_text("1048576\n")
    for most, left in (("max", 4), ("3145728", 2), ("524288", 0)):
        (group / "memory.max").write_text(f"{most}\n")
        assert free_memory_bytes(tmp_path) == left * 2**20
