"""The archive: the same files whatever crashed, the same rows in every reader, every table made again from pages."""

from __future__ import annotations

import errno
import fcntl
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

import orjson
import polars as pl
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest

from scraper.core.catalogue import OutcomeKind
from scraper.core.coverage import RUN_TABLE_HASHES, RUN_TABLES
from scraper.core.errors import ArchiveError, UsageError
from scraper.core.tables import PATH_COLUMNS, table_select
from scraper.io.archive import Disk, ParquetArchive
from scraper.io.archive.cache import CACHE_DIRECTORY
from scraper.ports import SpooledPage, Written, drain_order
from tests.core.builders import catalogue_of
from tests.examples import spread
from tests.io.archive_fixtures import ENDPOINTS, SNAPSHOT, TABLES, board, hashtag, page
from tests.plain_duckdb import plain_duckdb

pandas = pytest.importorskip("pandas")
MIDNIGHT_LATER = datetime(2026, 11, 22, 0, 1, tzinfo=UTC)


def spool() -> list[SpooledPage]:
    """Pages of two vendors, two days and all four tables, one of them without rows."""
    listed = {"data": {"list": [hashtag(1), hashtag(2)]}}
    creators = {"data": {"data": {"creators": [{"user_id": "7"}]}}}
    videos = {"data": {"videos": [{"item_id": "8"}]}}
    posts = {"data": {"itemList": [{"id": "9", "createTime": 1_794_800_000, "challenges": [{"id": "1"}]}]}}
    pages = [
        page("crawlora.hashtags", board(hashtag(1), hashtag(2)), page_id=1),
        page("crawlora.hashtags", board(hashtag(3)), page_id=2, number=2),
        page("crawlora.hashtags", board(hashtag(1)), page_id=3, snapshot_at=MIDNIGHT_LATER),
        page("crawlora.creators", orjson.dumps(creators), page_id=4),
        page("crawlora.hashtag_posts", orjson.dumps(posts), page_id=5, parameters='{"id":"1"}'),
        page("keyapi.hashtags", orjson.dumps(listed), page_id=6),
        page("keyapi.videos", orjson.dumps(videos), page_id=7),
        page("keyapi.videos", b"", page_id=8, number=2, outcome=OutcomeKind.MALFORMED),
    ]
    return sorted(pages, key=drain_order)


WITHOUT_ROWS = tuple(table.name for table in TABLES if table.name not in {"hashtags", "creators", "videos", "posts"})
"""The tables that get nothing from it."""


def archive(data: Path, disk: Disk | None = None) -> ParquetArchive:
    return ParquetArchive(data, TABLES, catalogue_of(ENDPOINTS), disk)


def hashtags_alone(data: Path, disk: Disk) -> ParquetArchive:
    return ParquetArchive(data, TABLES[:1], catalogue_of(ENDPOINTS), disk)


def rebuilt(made: ParquetArchive, table: str = "hashtags") -> Written:
    """What a changed SELECT, or lost files, make necessary."""
    return made.rebuild(table, made.outdated(table))


def files(data: Path) -> list[str]:
    """All files but those that can be made again at any time."""
    found = [path.relative_to(data) for path in data.rglob("*") if path.is_file()]
    return sorted(str(path) for path in found if path.parts[0] != CACHE_DIRECTORY)


def rows(data: Path, table: str) -> list[dict[str, Any]]:
    """All rows of a table, by a plain glob."""
    glob = f"{data}/archive/{table}/**/*.parquet"
    found = plain_duckdb().sql(f"SELECT * FROM read_parquet('{glob}', hive_partitioning = true) ORDER BY ALL")
    return list(found.to_arrow_table().to_pylist())


def everything(data: Path) -> dict[str, list[dict[str, Any]]]:
    return {table: rows(data, table) for table in ("pages", "hashtags", "creators", "videos", "posts")}


# --- files ------------------------------------------------------------------------------------------------------------


def test_a_drain_leaves_one_part_for_each_table_and_partition_under_the_name_of_its_pages(tmp_path: Path) -> None:
    written = archive(tmp_path).write(17, spool())
    us, next_day, keyapi = "vendor=crawlora/date=2026-11-21", "vendor=crawlora/date=2026-11-22", "vendor=keyapi"
    assert files(tmp_path) == sorted(
        f"archive/{path}.parquet"
        for path in (
            f"pages/{us}/part-17-0",
            f"hashtags/{us}/part-17-0",
            f"creators/{us}/part-17-0",
            f"posts/{us}/part-17-0",
            f"pages/{next_day}/part-17-1",
            f"hashtags/{next_day}/part-17-1",
            f"pages/{keyapi}/date=2026-11-21/part-17-2",
            f"hashtags/{keyapi}/date=2026-11-21/part-17-2",
            f"videos/{keyapi}/date=2026-11-21/part-17-2",
            *(f"{table}/{us}/part-17-0" for table in WITHOUT_ROWS),
            *(f"{table}/{us}/runs-c0-17" for table in RUN_TABLES),
        )
    )
    assert written.rows() == {"pages": 8, "hashtags": 6, "creators": 1, "posts": 1, "videos": 1}
    assert {f"archive/{part.path}": part.size_bytes for part in written.parts} == {
        name: (tmp_path / name).stat().st_size for name in files(tmp_path)
    }


def test_the_date_is_the_utc_day_of_the_snapshot_and_not_of_the_answer(tmp_path: Path) -> None:
    late = replace(page("crawlora.hashtags", board(hashtag(1))), observed_at=MIDNIGHT_LATER)
    archive(tmp_path).write(1, [late])
    assert [str(row["date"]) for row in rows(tmp_path, "hashtags")] == ["2026-11-21"]


def test_vendor_and_date_stand_in_the_path_only_and_the_hash_in_the_metadata(tmp_path: Path) -> None:
    made = archive(tmp_path)
    for part in made.write(1, spool()).parts:
        schema = pq.read_schema(tmp_path / "archive" / part.path)
        assert not {column.name for column in PATH_COLUMNS} & set(schema.names)
        assert schema.metadata[b"scraper.select_hash"].decode() == part.select_hash
        hashes = {**made.select_hashes, **RUN_TABLE_HASHES}
        assert part.table == "pages" or part.select_hash == hashes[part.table]


def test_pages_keep_every_answer_as_it_came(tmp_path: Path) -> None:
    archive(tmp_path).write(1, spool())
    kept = {row["request_key"]: (row["body"], row["outcome"], row["error"] is None) for row in rows(tmp_path, "pages")}
    assert kept == {f"k{bought.page_id}": (bought.body, bought.outcome.value, bool(bought.body)) for bought in spool()}


def test_only_ok_pages_feed_tables(tmp_path: Path) -> None:
    archive(tmp_path).write(
        1,
        (
            page("crawlora.hashtags", board(hashtag(1)), page_id=number, outcome=outcome)
            for number, outcome in enumerate(OutcomeKind)
        ),
    )
    assert len(rows(tmp_path, "pages")) == len(OutcomeKind)
    assert len(rows(tmp_path, "hashtags")) == 1


def test_large_drains_make_row_groups_of_5000_rows_or_more(tmp_path: Path) -> None:
    body = board(*(hashtag(number) for number in range(100)))
    pages = (page("crawlora.hashtags", body, page_id=number, number=number) for number in range(1, 131))
    [part] = [part for part in archive(tmp_path).write(1, pages).parts if part.table == "hashtags"]
    metadata = pq.read_metadata(tmp_path / "archive" / part.path)
    groups = [metadata.row_group(index).num_rows for index in range(metadata.num_row_groups)]
    assert sum(groups) == 13_000
    assert all(size >= 5_000 for size in groups[:-1])
    assert metadata.row_group(0).column(0).compression == "ZSTD"


def test_rows_lie_in_the_order_of_their_pages_and_positions(tmp_path: Path) -> None:
    body = board(*(hashtag(number) for number in range(1, 101)))
    archive(tmp_path).write(1, (page("crawlora.hashtags", body, page_id=n, number=n) for n in range(1, 201)))
    [file] = (tmp_path / "archive/hashtags").rglob("*.parquet")
    lying = pq.ParquetFile(file).read(columns=["page", "position"]).to_pylist()
    assert [(row["page"], row["position"]) for row in lying] == [(p, n) for p in range(1, 201) for n in range(1, 101)]


def test_pages_are_taken_from_the_iterable_as_they_are_written(tmp_path: Path) -> None:
    ahead = Counter[str]()

    class Watching(Disk):
        def create(self, path: Path) -> IO[bytes]:
            ahead.setdefault("at the first file", ahead["taken"])
            return super().create(path)

    def pages() -> Iterator[SpooledPage]:
        for number in range(1, 21):
            ahead["taken"] += 1
            filler = orjson.dumps({"data": {"data": {"list": [hashtag(1, x="y" * 1_200_000)]}}})
            yield page("crawlora.hashtags", filler, page_id=number, number=number)

    archive(tmp_path, Watching()).write(1, pages())
    assert ahead["taken"] == 20
    assert 0 < ahead["at the first file"] < 12


# --- readers ----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def two_drains(tmp_path_factory: pytest.TempPathFactory) -> Path:
    data = tmp_path_factory.mktemp("data")
    for drain_id in (1, 2):
        archive(data).write(drain_id, spool())
    return data


@pytest.mark.parametrize("table", ["pages", "hashtags", "creators", "videos", "posts"])
def test_a_table_reads_the_same_in_duckdb_polars_pandas_and_pyarrow(table: str, two_drains: Path) -> None:
    place = two_drains / "archive" / table
    inside = plain_duckdb().sql(f"FROM read_parquet('{place}/**/*.parquet', hive_partitioning = true)").columns
    expected = Counter((row["vendor"], str(row["date"]), row["request_key"]) for row in rows(two_drains, table))
    read = {
        "polars": pl.read_parquet(f"{place}/**/*.parquet", hive_partitioning=True).to_dicts(),
        "polars directory": pl.read_parquet(place).to_dicts(),
        "pandas": pandas.read_parquet(place).to_dict("records"),
        "pyarrow table": pq.read_table(place).to_pylist(),
        "pyarrow dataset": ds.dataset(place, partitioning="hive").to_table().to_pylist(),
    }
    for reader, found in read.items():
        assert sorted(found[0]) == sorted(inside), reader
        assert Counter((row["vendor"], str(row["date"]), row["request_key"]) for row in found) == expected, reader


# --- crashes ----------------------------------------------------------------------------------------------------------


class Killed(BaseException):
    """The process ended here."""


class Dies(Disk):
    """A disk under a process that is killed after so many steps: from then on nothing happens any more."""

    def __init__(self, after: int) -> None:
        self.steps = 0
        self._after = after

    def _step(self) -> None:
        if self.steps >= self._after:
            raise Killed
        self.steps += 1

    def create(self, path: Path) -> IO[bytes]:
        self._step()
        return super().create(path)

    def sync(self, path: Path) -> None:
        self._step()
        super().sync(path)

    def make_directory(self, path: Path) -> None:
        self._step()
        super().make_directory(path)

    def replace(self, source: Path, target: Path) -> None:
        self._step()
        super().replace(source, target)

    def remove(self, path: Path) -> None:
        self._step()
        super().remove(path)


def crash_spool() -> list[SpooledPage]:
    return [
        page("crawlora.hashtags", board(hashtag(1)), page_id=1),
        page("crawlora.hashtags", board(hashtag(1)), page_id=3, snapshot_at=MIDNIGHT_LATER),
    ]


@pytest.mark.combined
def test_a_drain_killed_after_any_step_and_written_again_has_every_row_once(tmp_path: Path) -> None:
    counting = Dies(after=10_000)
    hashtags_alone(tmp_path / "whole", counting).write(5, crash_spool())
    whole, whole_files = rows(tmp_path / "whole", "hashtags"), files(tmp_path / "whole")
    for step in spread(range(counting.steps), 6):
        data = tmp_path / f"killed-{step}"
        with pytest.raises(Killed):
            hashtags_alone(data, Dies(after=step)).write(5, crash_spool())
        for visible in data.glob("archive/*/*/*/*.parquet"):
            rows_inside = 0 if visible.parts[-4] in RUN_TABLES else 1
            assert pq.read_table(visible, partitioning=None).num_rows == rows_inside
        hashtags_alone(data, Disk()).write(5, crash_spool())
        assert files(data) == whole_files, step
        assert rows(data, "hashtags") == whole, step


@pytest.mark.combined
def test_a_rebuild_killed_after_any_step_and_done_again_makes_the_same_table(tmp_path: Path) -> None:
    def wider(disk: Disk, extra: int) -> ParquetArchive:
        select = table_select("hashtags", TABLES[0].sql.replace("FROM places", f"{extra} AS extra FROM places"))
        return ParquetArchive(tmp_path, [select], catalogue_of(ENDPOINTS), disk)

    hashtags_alone(tmp_path, Disk()).write(5, crash_spool())
    before = rows(tmp_path, "hashtags")
    counting = Dies(after=10_000)
    rebuilt(wider(counting, -1))
    assert counting.steps > 4
    for step in spread(range(counting.steps), 5):
        with pytest.raises(Killed):
            rebuilt(wider(Dies(after=step), step))
        rebuilt(wider(Disk(), step))
        assert rows(tmp_path, "hashtags") == [row | {"extra": step} for row in before]
        assert list((tmp_path / "tmp").iterdir()) == []


def test_a_drain_written_again_with_fewer_pages_leaves_none_of_its_old_parts(tmp_path: Path) -> None:
    archive(tmp_path).write(5, spool())
    archive(tmp_path).write(51, spool()[:1])
    archive(tmp_path).write(5, [])
    assert {name.rsplit("/", 1)[1] for name in files(tmp_path)} == {"part-51-0.parquet"}


def test_a_full_disk_is_an_archive_error_and_gives_its_space_back(tmp_path: Path) -> None:
    class Full(Disk):
        def create(self, path: Path) -> IO[bytes]:
            super().create(path).close()
            return Path("/dev/full").open("wb")

    with pytest.raises(ArchiveError) as met:
        archive(tmp_path, Full()).write(3, spool())
    assert str(met.value) == (
        "drain 3 cannot be archived: No space left on device. The paid pages stay in the spool. "
        "Free some space on that disk and run the same command again."
    )
    assert files(tmp_path) == []


@pytest.mark.parametrize("number", [errno.EROFS, errno.EACCES])
def test_a_place_that_cannot_be_written_is_an_archive_error(number: int, tmp_path: Path) -> None:
    class ReadOnly(Disk):
        def make_directory(self, path: Path) -> None:
            raise OSError(number, os.strerror(number), str(path))

    with pytest.raises(ArchiveError, match="Make the data directory readable and writable for this user"):
        archive(tmp_path / "data", ReadOnly()).write(3, spool())
    with pytest.raises(ArchiveError, match="Nothing was changed"), archive(tmp_path / "data", ReadOnly()).lock():
        pass


def test_a_damaged_pages_part_stops_a_rebuild_with_an_archive_error(tmp_path: Path) -> None:
    archive(tmp_path).write(1, crash_spool())
    for part in (tmp_path / "archive").rglob("*.parquet"):
        part.write_bytes(b"PAR1 cut short")
    with pytest.raises(ArchiveError, match="from a backup"):
        rebuilt(archive(tmp_path))


# --- the lock ---------------------------------------------------------------------------------------------------------


def test_the_lock_is_held_inside_and_free_outside(tmp_path: Path) -> None:
    def free() -> bool:
        with (tmp_path / "archive.lock").open("rb") as other:
            try:
                fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
            return True

    with archive(tmp_path).lock():
        assert not free()
    assert free()


def test_a_killed_process_frees_the_lock(tmp_path: Path) -> None:
    program = (
        "import os, signal, sys; from pathlib import Path; from scraper.io.archive import ParquetArchive; "
        "from scraper.core.catalogue import Catalogue\n"
        "with ParquetArchive(Path(sys.argv[1]), [], Catalogue()).lock(): os.kill(os.getpid(), signal.SIGKILL)"
    )
    ended = subprocess.run([sys.executable, "-c", program, str(tmp_path)], check=False)
    assert ended.returncode == -signal.SIGKILL
    with archive(tmp_path).lock():
        pass


# --- rebuild ----------------------------------------------------------------------------------------------------------


def test_a_rebuild_makes_the_same_rows_again_without_touching_the_pages(tmp_path: Path) -> None:
    used = [table for table in TABLES if table.name in {"hashtags", "creators", "videos", "posts", "sounds"}]
    made = ParquetArchive(tmp_path, used, catalogue_of(ENDPOINTS))
    made.write(1, spool())
    before, names = everything(tmp_path), files(tmp_path)
    pages = {path: path.stat().st_mtime_ns for path in (tmp_path / "archive/pages").rglob("*.parquet")}
    for table in made.select_hashes:
        for part in (tmp_path / "archive" / table).rglob("*.parquet"):
            part.unlink()
        rebuilt(made, table)
    assert everything(tmp_path) == before
    assert files(tmp_path) == names
    assert {path: path.stat().st_mtime_ns for path in pages} == pages


def test_a_rebuild_leaves_parts_alone_that_the_present_select_has_made(tmp_path: Path) -> None:
    archive(tmp_path).write(1, spool())
    [gone, *_] = sorted((tmp_path / "archive/hashtags").rglob("*.parquet"))
    gone.unlink()
    again = rebuilt(archive(tmp_path))
    assert [part.path for part in again.parts] == [str(gone.relative_to(tmp_path / "archive"))]
    assert rebuilt(archive(tmp_path)).parts == ()


def test_a_new_column_comes_from_the_pages_that_are_there(tmp_path: Path) -> None:
    archive(tmp_path).write(1, spool())
    wider = table_select(
        "hashtags", TABLES[0].sql.replace("FROM places", "upper(record.hashtag_name) AS loud FROM places")
    )
    changed = ParquetArchive(tmp_path, [wider], catalogue_of(ENDPOINTS))
    assert rebuilt(changed).rows() == {"hashtags": 6}
    assert [row["loud"] for row in rows(tmp_path, "hashtags")] == [
        row["hashtag_name"].upper() for row in rows(tmp_path, "hashtags")
    ]


def test_a_rebuild_leaves_rows_alone_of_an_endpoint_that_only_another_directory_knows(tmp_path: Path) -> None:
    archive(tmp_path).write(1, spool())
    before = rows(tmp_path, "hashtags")
    ours = {name: known for name, known in ENDPOINTS.items() if known.vendor == "keyapi"}
    wider = [replace(table, sql=table.sql + " ", hash="changed") for table in TABLES]
    rebuilt(ParquetArchive(tmp_path, wider, catalogue_of(ours)))
    assert rows(tmp_path, "hashtags") == before


def test_a_rebuild_takes_parts_out_of_the_tree_whose_pages_are_gone_and_keeps_them(tmp_path: Path) -> None:
    archive(tmp_path).write(1, spool())
    [gone] = (tmp_path / "archive/pages/vendor=keyapi").rglob("*.parquet")
    gone.unlink()
    path = gone.relative_to(tmp_path / "archive/pages")
    assert rebuilt(archive(tmp_path)).gone == (f"hashtags/{path}",)
    assert {row["vendor"] for row in rows(tmp_path, "hashtags")} == {"crawlora"}
    assert pq.ParquetFile(tmp_path / "trash/without-pages/hashtags" / path).metadata.num_rows == 2


def test_a_rebuild_reports_what_the_drain_reported(tmp_path: Path) -> None:
    bodies = [board(hashtag(1)), b"<html>", board(None), b'{"data":{"data":{"list":{}}}}']
    pages = [page("crawlora.hashtags", body, page_id=n, number=n) for n, body in enumerate(bodies)]
    drained = archive(tmp_path).write(1, pages)
    [part] = (tmp_path / "archive/hashtags").rglob("*.parquet")
    part.unlink()
    again = rebuilt(archive(tmp_path))
    assert list(again.unreadable.values()) == list(drained.unreadable.values())
    assert again.rows_without_key == drained.rows_without_key == {"hashtags": 1}


def test_pages_are_not_made_from_pages(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=", ".join(sorted(table.name for table in TABLES))):
        archive(tmp_path).rebuild("pages", ())


def test_the_snapshot_is_kept_to_the_microsecond(tmp_path: Path) -> None:
    exact = SNAPSHOT.replace(microsecond=123_457)
    archive(tmp_path).write(1, [page("crawlora.hashtags", board(hashtag(1)), snapshot_at=exact)])
    assert [row["snapshot_at"] for row in rows(tmp_path, "hashtags")] == [exact.replace(tzinfo=None)]
