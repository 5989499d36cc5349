"""`scraper.connect`: an archive in a notebook."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

import scraper
from scraper.core.errors import ArchiveError, UsageError
from tests.io.archive_fixtures import hashtag
from tests.io.history import History, night


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory with one board; its state database is nowhere."""
    history = History()
    history.walk("night-1", night(1), [[hashtag(1), hashtag(2)]])
    place = tmp_path_factory.mktemp("data") / "data"
    history.write(place)
    return place


@pytest.fixture(scope="module")
def connection(data: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """To be read from."""
    with scraper.connect(data) as connected:
        yield connected


LATEST = "SELECT hashtag_name, rank FROM hashtags_latest ORDER BY rank"


def test_rows_come_as_arrow_pandas_and_polars(connection: duckdb.DuckDBPyConnection) -> None:
    arrow = connection.sql(LATEST).to_arrow_table().to_pydict()
    assert arrow == {"hashtag_name": ["tag1", "tag2"], "rank": [1, 2]}
    assert connection.sql(LATEST).df().to_dict("list") == arrow
    assert connection.sql(LATEST).pl().to_dict(as_series=False) == arrow


def test_the_connection_is_the_callers_own(data: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.csv").write_text("hashtag_name,label\ntag2,kept\n")
    with scraper.connect(data) as connection:
        connection.execute("CREATE TABLE mine AS SELECT * FROM hashtags_latest")
        connection.execute("DELETE FROM mine WHERE rank = 1")
        joined = f"SELECT label FROM mine JOIN '{tmp_path / 'mine.csv'}' USING (hashtag_name)"
        assert connection.execute(joined).fetchall() == [("kept",)]
        assert connection.execute("SELECT count(*) FROM hashtags").fetchall() == [(2,)]


def test_instants_compare_with_now_in_utc(connection: duckdb.DuckDBPyConnection) -> None:
    assert connection.execute("SELECT current_setting('TimeZone')").fetchall() == [("UTC",)]


def test_a_copy_of_the_archive_alone_is_read_from_wherever_it_is(data: Path, tmp_path: Path) -> None:
    shutil.copytree(data / "archive", tmp_path / "copied")
    with contextlib.chdir(tmp_path), scraper.connect("copied") as connection, contextlib.chdir("/"):
        assert connection.execute(LATEST).fetchall() == [("tag1", 1), ("tag2", 2)]


def test_a_table_that_no_sql_file_describes_here_is_what_its_files_hold(data: Path, tmp_path: Path) -> None:
    shutil.copytree(data / "archive", tmp_path / "archive")
    shutil.copytree(data / "archive" / "hashtags", tmp_path / "archive" / 'odd "name"')
    with scraper.connect(tmp_path) as connection:
        assert connection.execute('SELECT count(*) FROM "odd ""name"""').fetchall() == [(2,)]


def test_an_empty_data_directory_has_empty_tables_and_one_that_is_not_there_is_told_of(tmp_path: Path) -> None:
    with scraper.connect(tmp_path) as connection:
        assert connection.execute("SELECT count(*) FROM hashtag_trend").fetchall() == [(0,)]
    with pytest.raises(UsageError, match=r"there is no archive in .*dta: name the data directory"):
        scraper.connect(tmp_path / "dta")


def test_a_damaged_file_is_named(data: Path, tmp_path: Path) -> None:
    shutil.copytree(data / "archive", tmp_path / "archive")
    for part in (tmp_path / "archive" / "coverage").rglob("*.parquet"):
        part.write_bytes(b"no parquet at all")
    with pytest.raises(ArchiveError, match="restore the file that it names from a backup"):
        scraper.connect(tmp_path)


def test_importing_scraper_imports_nothing_heavy() -> None:
    code = (
        "import sys, scraper; print([n for n in ('duckdb', 'pyarrow', 'sqlalchemy', 'pydantic') if n in sys.modules])"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(scraper.__file__).parents[1])}
    found = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert found.stdout == "[]\n"


@pytest.mark.parametrize("above", ["backup/date=2020-01-01", "lake/vendor=tiktok", "env=prod", "odd 'name' [1]/date=x"])
def test_columns_of_the_path_come_from_below_the_archive_wherever_it_lies(
    above: str, data: Path, connection: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    asked = "FROM hashtags ORDER BY rank"
    expected = connection.sql(asked).to_arrow_table()
    shutil.copytree(data, tmp_path / above / "data")
    with scraper.connect(tmp_path / above / "data") as below:
        assert below.sql(asked).to_arrow_table() == expected
    assert expected["vendor"][0].as_py() == "crawlora"


def test_a_filter_on_the_day_opens_that_days_files_alone(tmp_path: Path) -> None:
    history = History()
    for day in (1, 2, 3):
        history.walk(f"night-{day}", night(day), [[hashtag(1)]])
    history.write(tmp_path)
    with scraper.connect(tmp_path) as connection:
        day = connection.sql("SELECT max(date) FROM hashtags").fetchall()[0][0]
        plan = connection.sql(f"EXPLAIN ANALYZE SELECT rank FROM hashtags WHERE date = '{day}'").fetchall()[0][1]
    assert "Scanning Files: 1/3" in plan
