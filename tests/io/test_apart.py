"""The archive over a worker: the same files as without, and a killed worker is a killed drain that is repeated."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from scraper.core.errors import ArchiveError, ConfigurationError, CutOffError, StateError
from scraper.core.tables import table_select
from scraper.io.archive.apart import ArchiveApart
from scraper.io.archive.parquet import ParquetArchive
from scraper.io.packing import packed
from scraper.io.worker import Worker
from scraper.ports import SpooledPage, Written
from tests.core.builders import catalogue_of
from tests.io.archive_fixtures import ENDPOINTS, TABLES
from tests.io.test_archive import everything, files, spool


@pytest.fixture(scope="module")
def worker() -> Iterator[Worker]:
    one = Worker()
    yield one
    one.close()


def apart(data: Path, worker: Worker, say: Callable[[str], object] = lambda _: None) -> ArchiveApart:
    made = ArchiveApart(data, TABLES, catalogue_of(ENDPOINTS), worker, say)
    made.open()
    return made


def as_spooled() -> list[SpooledPage]:
    return [replace(page, body=packed(page.body)) for page in spool()]


def without_times(written: Written) -> Written:
    return replace(written, parts=tuple(replace(part, checksum=None) for part in written.parts))


def test_it_writes_what_the_archive_writes_and_tells_the_same(tmp_path: Path, worker: Worker) -> None:
    alone, over_worker = ParquetArchive(tmp_path / "a", TABLES, catalogue_of(ENDPOINTS)), apart(tmp_path / "b", worker)
    with alone.lock():
        expected = alone.write(7, spool())
    with over_worker.lock():
        written = over_worker.write(7, as_spooled())
    assert without_times(written) == without_times(expected)
    assert everything(tmp_path / "b") == everything(tmp_path / "a")
    assert over_worker.last_drain() == 7
    assert over_worker.sources() == alone.sources()


def test_a_worker_killed_while_it_writes_leaves_a_drain_that_is_repeated_without_it(tmp_path: Path) -> None:
    said: list[str] = []
    worker = Worker()
    archive = apart(tmp_path, worker, said.append)

    def pages() -> Iterator[SpooledPage]:
        first, *others = as_spooled()
        yield first
        os.kill(worker.pid, signal.SIGKILL)
        yield from others

    with archive.lock(), pytest.raises(CutOffError, match="killed by signal 9"):
        archive.write(7, pages())
    with archive.lock():
        again = archive.write(7, as_spooled())
    worker.close()
    assert again.rows()["pages"] == len(spool())
    assert not [name for name in files(tmp_path) if name.startswith("tmp/")]
    assert len(said) == 1
    assert "no page is lost" in said[0]


def test_a_worker_killed_between_two_drains_is_not_missed(tmp_path: Path) -> None:
    said: list[str] = []
    worker = Worker()
    archive = apart(tmp_path, worker, said.append)
    os.kill(worker.pid, signal.SIGKILL)
    with archive.lock():
        assert archive.last_drain() == 0
        assert archive.write(1, as_spooled()).rows()["pages"] == len(spool())
    worker.close()
    assert len(said) == 1


def test_a_damaged_body_and_a_full_disk_are_sentences_and_the_worker_goes_on(tmp_path: Path, worker: Worker) -> None:
    archive = apart(tmp_path, worker)
    damaged = [replace(page, body=b"no frame") for page in spool()]
    with archive.lock(), pytest.raises(StateError, match="a body in the spool is damaged"):
        archive.write(1, damaged)
    (tmp_path / "archive").write_text("in the way")
    with archive.lock(), pytest.raises(ArchiveError, match="drain 1 cannot be archived"):
        archive.write(1, as_spooled())
    (tmp_path / "archive").unlink()
    with archive.lock():
        assert archive.write(1, as_spooled()).rows()["pages"] == len(spool())


def test_faults_of_the_tables_are_told_before_anything_is_written(tmp_path: Path, worker: Worker) -> None:
    wrong = table_select("odd", "SELECT nothing FROM pages")
    with pytest.raises(ConfigurationError, match="nothing"):
        ArchiveApart(tmp_path, [wrong], catalogue_of(ENDPOINTS), worker, lambda _: None).open()


def test_a_fault_that_nobody_waited_for_is_met_by_the_first_drain(tmp_path: Path, worker: Worker) -> None:
    wrong = table_select("odd", "SELECT nothing FROM pages")
    apart = ArchiveApart(tmp_path, [wrong], catalogue_of(ENDPOINTS), worker, lambda _: None)
    with apart.lock(), pytest.raises(ArchiveError, match=r"tables/odd\.sql: .*Every paid page waits in the spool"):
        apart.write(1, as_spooled())


def test_a_table_that_is_not_asked_about_is_opened_unasked(tmp_path: Path, worker: Worker) -> None:
    wrong = table_select("odd", "SELECT nothing FROM pages")
    apart = ArchiveApart(tmp_path, [wrong, *TABLES], catalogue_of(ENDPOINTS), worker, lambda _: None)
    apart.open({table.name for table in TABLES})
    with apart.lock():
        assert apart.write(1, as_spooled()).rows()["pages"] == len(spool())
