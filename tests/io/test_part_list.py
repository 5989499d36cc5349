"""What readers learn of parts from the state: what was noted, and nothing where it cannot be read."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

import duckdb
import pytest

from scraper.core.coverage import COVERAGE_COLUMNS, RUN_TABLE_HASHES
from scraper.core.tables import empty_relation
from scraper.io.config_files.table_files import read_view_files
from scraper.io.query import open_archive, query
from scraper.io.query.files import files_below
from scraper.io.query.reader import DirectoryArchive
from scraper.io.query.relations import table_statements
from scraper.io.query.table_stats import TableFacts
from scraper.io.state import open_stores, state_url
from scraper.io.state.part_list import hashes_of_parts, sizes_of_parts
from scraper.ports import Part
from tests.clock import NOON
from tests.io.archive_fixtures import TABLES, hashtag
from tests.io.history import History, night
from tests.io.test_archive import archive, files, spool

VIEWS = read_view_files()

PARTS = (Part("posts", "posts/a", 1, 10, "one"), Part("posts", "posts/b", 2, 20, "two"), Part("pages", "p", 3, 30, "x"))


def test_noted_parts_are_read_by_table(tmp_path: Path) -> None:
    data = tmp_path / "a ? b#c"
    with open_stores(state_url(data), lambda: NOON, kind="real") as stores:
        asyncio.run(stores.journal.note_parts(PARTS))
        assert hashes_of_parts(data, "posts") == {"posts/a": "one", "posts/b": "two"}  # beside a writer too
    assert sizes_of_parts(data, "posts") == {"posts/a": (1, 10), "posts/b": (2, 20)}
    assert sizes_of_parts(data, "videos") == {}


def test_nothing_is_learnt_of_a_state_that_is_not_there_or_no_database(tmp_path: Path) -> None:
    assert hashes_of_parts(tmp_path, "posts") == {}
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "state.db").write_bytes(b"no database at all" * 100)
    assert (hashes_of_parts(tmp_path, "posts"), sizes_of_parts(tmp_path, "posts")) == ({}, {})


def test_what_is_noted_of_files_spares_their_footers_and_changes_no_row(tmp_path: Path) -> None:
    history = History()
    for n in range(1, 5):
        history.walk(f"night-{n}", night(n), [[hashtag(n)]])
    history.write(tmp_path)
    root = tmp_path / "archive"
    first, *rest = sorted(root.glob("coverage/*/*/*.parquet"))
    with duckdb.connect() as connection:
        older = f"SELECT * EXCLUDE (repeats), 3 AS overlaps FROM read_parquet('{first}', hive_partitioning = false)"
        connection.execute(f"COPY ({older}) TO '{tmp_path}/older' (FORMAT parquet)")
        (tmp_path / "older").replace(first)
    current = {str(path.relative_to(root)): RUN_TABLE_HASHES["coverage"] for path in rest}
    asked = 'SELECT *, "overlaps" AS before FROM coverage ORDER BY ALL'

    def answer(noted: Mapping[str, str]) -> tuple[object, int]:
        selects = {"coverage": empty_relation(COVERAGE_COLUMNS)}
        (made,) = table_statements(files_below(root, lambda _: noted), selects, asked)
        by_name = "".join(re.findall(r"read_parquet\((\[[^]]*\])[^()]*union_by_name", made))
        with closing(open_archive(tmp_path, TABLES, VIEWS, asked, lambda _: noted)) as opened:
            return query(opened, asked).read_all().to_pylist(), by_name.count(".parquet'")

    rows, _ = answer({})
    older_known = {**current, str(first.relative_to(root)): "an older one"}
    assert answer(current) == answer(older_known) == (rows, 1)
    assert answer(dict.fromkeys(older_known, "an older one"))[0] == rows
    first.unlink()
    assert answer({**current, "coverage/vendor=crawlora/date=2020-01-01/gone.parquet": "x"})[1] == 0


@pytest.mark.parametrize("above", ["plain", "team=red/date=2020-01-01"])
def test_a_join_on_date_opens_the_files_of_its_days_alone(tmp_path: Path, above: str) -> None:
    history = History()
    for n in range(1, 9):
        history.walk(f"night-{n}", night(n), [[hashtag(n)]])
    history.write(tmp_path / above)
    asked = "SELECT count(*) FROM hashtags_latest"
    with closing(open_archive(tmp_path / above, TABLES, VIEWS, asked)) as opened:
        assert opened.execute(asked).fetchall() == [(1,)]
        plan = opened.execute(f"EXPLAIN ANALYZE {asked}").fetchall()[0][1]
    read = sorted(int(files) for files in re.findall(r"Total Files Read: (\d+)", plan))
    assert read == ([1, 9] if above == "plain" else [8, 9])


def test_rows_that_are_noted_of_a_file_of_that_size_spare_its_footer(tmp_path: Path) -> None:
    data = tmp_path
    archive(data).write(1, spool())
    parts = {name.removeprefix("archive/"): (data / name).stat().st_size for name in files(data)}
    size_bytes = sum(size for path, size in parts.items() if path.startswith("hashtags/"))
    noted = {path: (100, size) for path, size in parts.items()}
    assert DirectoryArchive(data, sizes=lambda _: noted).facts(["hashtags"]) == (
        TableFacts("hashtags", 300, 3, size_bytes),
    )
    otherwise = {path: (100, size + 1) for path, size in parts.items()}
    assert DirectoryArchive(data, sizes=lambda _: otherwise).facts(["hashtags"]) == (
        TableFacts("hashtags", 6, 3, size_bytes),
    )
