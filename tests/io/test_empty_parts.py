"""Every table exists from the first drain on: an engine may fail on a path that was never written."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import orjson
import pyarrow.parquet as pq
import pytest

from scraper.core.coverage import RUN_TABLES
from scraper.core.tables import TableSelect, table_select
from scraper.io.archive import Disk, ParquetArchive
from tests.core.builders import catalogue_of
from tests.io.archive_fixtures import ENDPOINTS, TABLES, board, hashtag, page
from tests.io.test_archive import Dies, Killed
from tests.plain_duckdb import plain_duckdb

ALL = ("pages", *(table.name for table in TABLES), *RUN_TABLES)
HASHTAGS = page("crawlora.hashtags", board(hashtag(1), hashtag(2)), page_id=1)
CREATORS = page("crawlora.creators", orjson.dumps({"data": {"data": {"creators": [{"user_id": "7"}]}}}), page_id=2)
WIDER = table_select("hashtags", TABLES[0].sql.replace("FROM places", "1 AS extra FROM places"))


def archive(data: Path, *tables: TableSelect, disk: Disk | None = None) -> ParquetArchive:
    return ParquetArchive(data, tables or TABLES, catalogue_of(ENDPOINTS), disk)


def counts(data: Path) -> dict[str, tuple[int, int]]:
    """Table → files and rows, by a plain glob; a table without files is an error of DuckDB."""
    found = {}
    for table in ALL:
        glob = f"'{data}/archive/{table}/**/*.parquet'"
        read = f"read_parquet({glob}, hive_partitioning = true)"
        ((files, rows),) = (
            plain_duckdb().sql(f"SELECT (SELECT count(*) FROM glob({glob})), count(*) FROM {read}").fetchall()
        )
        found[table] = files, rows
    return found


def files(data: Path) -> Iterator[Path]:
    return data.glob("archive/*/*/*/*.parquet")


def test_the_first_drain_gives_every_table_a_part(tmp_path: Path) -> None:
    written = archive(tmp_path).write(1, [HASHTAGS], "ab")
    assert counts(tmp_path) == {**dict.fromkeys(ALL, (1, 0)), "pages": (1, 1), "hashtags": (1, 2)}
    assert written.rows() == {"pages": 1, "hashtags": 2}
    assert {tmp_path / "archive" / part.path for part in written.parts} == set(files(tmp_path)), "all are noted"


def test_later_drains_add_none(tmp_path: Path) -> None:
    for number in (1, 2, 3):
        archive(tmp_path).write(number, [HASHTAGS], "ab")
    archive(tmp_path).write(4, [CREATORS], "ab")
    assert counts(tmp_path) == {
        **dict.fromkeys(ALL, (1, 0)),
        "pages": (4, 4),
        "hashtags": (3, 6),
        "creators": (2, 1),
    }


def test_a_drain_that_is_repeated_leaves_and_notes_the_same_files(tmp_path: Path) -> None:
    first, again = (archive(tmp_path).write(1, [HASHTAGS], "ab") for _ in range(2))
    assert again.parts == first.parts
    assert len(list(files(tmp_path))) == len(first.parts)


def test_a_table_that_came_later_is_there_after_the_next_drain_or_its_rebuild(tmp_path: Path) -> None:
    archive(tmp_path / "drained", *TABLES[:1]).write(1, [HASHTAGS])
    archive(tmp_path / "drained").write(2, [HASHTAGS])
    assert counts(tmp_path / "drained") == {**dict.fromkeys(ALL, (1, 0)), "pages": (2, 2), "hashtags": (2, 4)}
    archive(tmp_path / "rebuilt", *TABLES[:1]).write(1, [HASHTAGS])
    later = archive(tmp_path / "rebuilt")
    for table in later.select_hashes:
        (part,) = later.rebuild(table, later.sources()).parts
        assert (part.path, part.select_hash) == (f"{table}/{later.sources()[0]}", later.select_hashes[table])
    assert counts(tmp_path / "rebuilt") == {**dict.fromkeys(ALL, (1, 0)), "pages": (1, 1), "hashtags": (1, 2)}


def test_a_rebuild_takes_an_empty_part_out_where_the_table_has_another(tmp_path: Path) -> None:
    made = archive(tmp_path)
    made.write(1, [HASHTAGS])
    made.write(2, [CREATORS])
    written = made.rebuild("creators", made.sources())
    assert (written.taken_out, written.gone) == (1, ("creators/vendor=crawlora/date=2026-11-21/part-1-0.parquet",))
    assert counts(tmp_path)["creators"] == (1, 1)


def test_a_table_whose_last_rows_a_rebuild_drops_keeps_a_part(tmp_path: Path) -> None:
    archive(tmp_path).write(1, [HASHTAGS])
    none = table_select("hashtags", f"SELECT * FROM ({TABLES[0].sql.strip().removesuffix(';')}\n) WHERE false")
    written = archive(tmp_path, none, *TABLES[1:]).rebuild("hashtags", archive(tmp_path).sources())
    assert ([part.rows for part in written.parts], written.gone, written.taken_out) == ([0], (), 0)
    assert counts(tmp_path)["hashtags"] == (1, 0)


def test_an_empty_table_never_disappears_while_it_is_rebuilt(tmp_path: Path) -> None:
    archive(tmp_path, TABLES[0]).write(1, [CREATORS])
    (part,) = tmp_path.glob("archive/hashtags/*/*/*.parquet")
    steps, sources = 0, archive(tmp_path).sources()
    while True:
        try:
            archive(tmp_path, WIDER, disk=Dies(steps)).rebuild("hashtags", sources)
            break
        except Killed:
            assert pq.read_table(part, partitioning=None).num_rows == 0
        steps += 1
    assert steps > 3
    assert "extra" in pq.read_schema(part).names


def test_an_empty_drain_makes_nothing(tmp_path: Path) -> None:
    assert archive(tmp_path).write(1, []).parts == ()
    assert list(files(tmp_path)) == []
    with pytest.raises(Exception, match="No files found"):
        counts(tmp_path)
