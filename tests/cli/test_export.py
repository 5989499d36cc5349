"""``scraper export`` and ``scraper duckdb``: the archive for other programs."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import duckdb
import pyarrow.parquet as pq
import pytest

from scraper.core.errors import OutputError
from scraper.io.query import Described
from scraper.io.query.export import export as write_export
from scraper.io.query.reader import DirectoryArchive
from scraper.io.query.relations import open_archive
from tests.docs.place import Said, said
from tests.io.archive_fixtures import hashtag
from tests.io.history import History, night

pytestmark = pytest.mark.own_instant

BARE = ["vendor", "hashtag_name", "rank", "trend"]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory with one board, whose names are what a spreadsheet would run."""
    names = ["=1+1", "+1", "-1", "@a", "\tb", "plain", 'with "quotes", and\nlines', "a=b"]
    trend = [{"time": 1_794_787_200, "value": 0.5}]
    records = [hashtag(rank, hashtag_name=name, trend=trend) for rank, name in enumerate(names, start=1)]
    history = History()
    history.walk("night-1", night(1), [records, records[:1]])
    place = tmp_path_factory.mktemp("place") / "data"
    history.write(place)
    return place


def export(data: Path, *arguments: str) -> Said:
    return said(["export", "--data", str(data), *arguments])


def test_csv_guards_what_a_spreadsheet_would_run_and_holds_nested_values_as_json(data: Path, tmp_path: Path) -> None:
    told = export(data, "hashtags_latest", "-o", str(tmp_path / "out.csv"))
    assert (told.exit_code, told.stdout) == (0, "")
    assert told.stderr == f"wrote 8 rows of hashtags_latest to {tmp_path / 'out.csv'}\n"
    rows = list(csv.DictReader(io.StringIO((tmp_path / "out.csv").read_text(), newline="")))
    names = ["'=1+1", "'+1", "'-1", "'@a", "'\tb", "plain", 'with "quotes", and\nlines', "a=b"]
    assert [row["hashtag_name"] for row in sorted(rows, key=lambda row: int(row["rank"]))] == names
    assert json.loads(rows[0]["trend"]) == [{"time": "2026-11-16 00:00:00", "value": 0.5}]
    assert rows[0]["creators"] == ""
    assert {row["vendor"] for row in rows} == {"crawlora"}


def test_ndjson_and_parquet_hold_every_value_as_it_is(data: Path, tmp_path: Path) -> None:
    for name in ("out.ndjson", "out.parquet"):
        assert export(data, "hashtags", "-o", str(tmp_path / name)).exit_code == 0
    objects = [json.loads(line) for line in (tmp_path / "out.ndjson").read_text().splitlines()]
    parquet = pq.ParquetFile(tmp_path / "out.parquet")
    assert parquet.metadata.row_group(0).column(0).compression == "ZSTD"
    rows = parquet.read().to_pylist()
    assert sorted((row["hashtag_name"], row["page"]) for row in rows) == sorted(
        (row["hashtag_name"], row["page"]) for row in objects
    )
    with contextlib.closing(DirectoryArchive(data).open_free(Described((), ()))) as connection:
        assert connection.execute("SELECT count(*) FROM hashtags").fetchall() == [(len(rows),)]
        same = f"SELECT count(*) FROM (FROM hashtags EXCEPT ALL FROM '{tmp_path / 'out.parquet'}')"
        assert connection.execute(same).fetchall() == [(0,)]


def test_bodies_are_exported_too(data: Path, tmp_path: Path) -> None:
    for name in ("pages.csv", "pages.ndjson", "pages.parquet"):
        assert export(data, "pages", "-o", str(tmp_path / name)).exit_code == 0
    assert pq.read_table(tmp_path / "pages.parquet")["body"][0].as_py().startswith(b'{"data"')


def test_a_file_that_is_there_is_replaced_only_by_force_and_only_by_a_whole_one(data: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.csv"
    out.write_text("mine")
    refused = export(data, "hashtags", "-o", str(out))
    assert (refused.exit_code, out.read_text()) == (2, "mine")
    assert "exists: --force replaces it" in refused.stderr
    unknown = export(data, "hashtag", "-o", str(out), "--force")
    assert (unknown.exit_code, out.read_text()) == (2, "mine")
    assert "no table hashtag; did you mean 'hashtags'" in unknown.stderr
    assert export(data, "hashtags", "-o", str(out), "--force").exit_code == 0
    assert out.read_text().startswith("vendor,date,endpoint,")
    assert [path.name for path in tmp_path.iterdir()] == ["out.csv"]


def test_dash_is_stdout_for_text(data: Path) -> None:
    told = export(data, "hashtag_ranks", "-o", "-", "--format", "ndjson")
    assert len([json.loads(line) for line in told.stdout.splitlines()]) == 8
    assert export(data, "hashtags", "-o", "-", "--format", "parquet").exit_code == 2
    assert "give --format" in export(data, "hashtags", "-o", "-").stderr


def test_a_directory_that_cannot_be_written_is_told_of(data: Path, tmp_path: Path) -> None:
    told = export(data, "hashtags", "-o", str(tmp_path / "nowhere" / "out.csv"))
    assert told.exit_code == 2
    assert "nowhere" in told.stderr
    assert "Traceback" not in told.stderr


def test_a_directory_that_has_gone_is_no_file_that_was_compacted(data: Path, tmp_path: Path) -> None:
    gone = tmp_path / "gone" / "out.csv"
    with pytest.raises(
        OutputError, match=r"cannot be written: IO Error: .*No such file or directory\. Nothing"
    ) as failure:
        write_export(lambda: open_archive(data, (), (), writes=gone), "hashtags", "csv", gone)
    assert "compaction" not in str(failure.value)


# --- DuckDB alone -----------------------------------------------------------------------------------------------------

LATEST = "SELECT count(*) FROM hashtags_latest"


def test_a_database_of_views_opens_read_only_from_anywhere(data: Path, tmp_path: Path) -> None:
    told = said(["duckdb", "--data", str(data), "-o", str(tmp_path / "a.duckdb")])
    assert told.exit_code == 0
    assert f"duckdb -readonly {tmp_path / 'a.duckdb'}" in told.stdout
    with contextlib.chdir("/"), duckdb.connect(str(tmp_path / "a.duckdb"), read_only=True) as connection:
        assert connection.execute(LATEST).fetchall() == [(8,)]
        assert connection.execute("SELECT count(*) FROM hashtags_as_of(now())").fetchall() == [(8,)]
        with pytest.raises(duckdb.Error):
            connection.execute("DROP VIEW hashtags")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.duckdb", "views.sql"]


def test_the_script_follows_an_archive_that_has_moved(data: Path, tmp_path: Path) -> None:
    said(["duckdb", "--data", str(data), "-o", str(tmp_path / "a.duckdb")])
    script = (tmp_path / "views.sql").read_text()
    (tmp_path / "moved").symlink_to(data / "archive")
    place = f"SET VARIABLE archive = '{data / 'archive'}';"
    assert script.count(place) == 1
    assert script.count(str(data)) == 1, "the place stands in one line only"
    with contextlib.chdir(tmp_path), duckdb.connect() as connection:
        connection.execute(script.replace(place, "SET VARIABLE archive = 'moved';"))
        assert connection.execute(LATEST).fetchall() == [(8,)]


def test_the_shell_on_the_path_gets_the_views_read_only(data: Path, tmp_path: Path) -> None:
    """A stand-in for the shell: it tells how it was called, and what it finds."""
    (tmp_path / "duckdb").write_text(
        f"#!{sys.executable}\n"
        "import sys, duckdb\n"
        "assert sys.argv[1:4] == ['-readonly', '-cmd', \"SET TimeZone = 'UTC'\"], sys.argv\n"
        "with duckdb.connect(sys.argv[4], read_only=True) as connection:\n"
        f"    print(sys.argv[4], connection.execute({LATEST!r}).fetchall())\n"
        "sys.exit(7)\n"
    )
    (tmp_path / "duckdb").chmod(0o755)
    environment = {**os.environ, "PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}"}
    command = [sys.executable, "-m", "scraper", "duckdb", "--data", str(data)]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert ended.returncode == 7, ended.stderr
    database, found = ended.stdout.split(" ", 1)
    assert found == "[(8,)]\n"
    assert not Path(database).exists()


def test_without_a_shell_the_database_stands_in_the_data_directory(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    try:
        assert said(["duckdb", "--data", str(data)]).exit_code == 0
        assert {"archive.duckdb", "views.sql"} <= {path.name for path in data.iterdir()}
    finally:
        for name in ("archive.duckdb", "views.sql"):
            (data / name).unlink(missing_ok=True)
