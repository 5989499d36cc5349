"""Commands that read, over an archive on an S3 server: they say what they say of a directory."""

from __future__ import annotations

import contextlib
from datetime import date
from pathlib import Path

import duckdb
import pytest
from deltalake import DeltaTable

import scraper
from scraper.core.report import Period
from scraper.io.archive.bucket import BucketTree
from scraper.io.archive.tree import Places
from scraper.io.objects import open_objects
from scraper.wiring.report import report_of
from scraper.wiring.settings import Settings
from tests.clock import NOON, ShiftedClock
from tests.docs.place import Said, said
from tests.fleet.object_server import ObjectServer
from tests.fleet.test_engines import DAYS, USED, nights

pytestmark = pytest.mark.own_instant


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory with the nights of `test_engines`."""
    data = tmp_path_factory.mktemp("directory") / "data"
    nights().write(data, tables=USED)
    return data


@pytest.fixture(scope="module")
def url(object_server: ObjectServer, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The same nights in a bucket."""
    place, data = object_server.new_place(), tmp_path_factory.mktemp("writer")
    objects = open_objects(place, object_server.environment)
    nights().write(data, BucketTree(objects, Places.of(data), lambda: NOON), USED)
    return place


@pytest.fixture
def analyst(url: str, object_server: ObjectServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine that has nothing but the URL; the directory of its cache."""
    for name, value in {**object_server.environment, "SCRAPER_ARCHIVE": url}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    return tmp_path / "cache"


def of_directory(data: Path, *words: str) -> Said:
    return said([*words, "--data", str(data), "--archive", str(data / "archive")])


@pytest.mark.parametrize(
    "words",
    [
        ("sql", "SELECT date, count(*) AS n FROM hashtags_latest GROUP BY ALL ORDER BY ALL", "--format", "csv"),
        ("sql", "SELECT sum(rank) FROM hashtags WHERE date = '2026-11-02'", "--format", "json"),
        ("sql", "SELECT nope FROM hashtags"),
        ("tables", "--format", "csv"),
        ("tables", "hashtags", "--format", "csv"),
        ("export", "hashtag_ranks", "-o", "-", "--format", "ndjson", "--where", "date = '2026-11-03'"),
    ],
    ids=" ".join,
)
@pytest.mark.usefixtures("analyst")
def test_a_command_says_the_same_of_a_bucket(directory: Path, words: tuple[str, ...]) -> None:
    told, expected = said(words), of_directory(directory, *words)
    lines = [sorted(each.stdout.splitlines()) for each in (told, expected)]
    assert lines[0] == lines[1]
    assert (told.exit_code, told.stderr) == (expected.exit_code, expected.stderr)
    assert list(Path.cwd().iterdir()) == [], "reading makes no data directory"


def test_what_is_fetched_goes_to_the_users_cache_and_no_further_than_it_is_read(analyst: Path) -> None:
    assert said(["sql", "SELECT count(*) FROM hashtags WHERE date = '2026-11-02'"]).exit_code == 0
    fetched = analyst.glob("scraper/*/cache/objects/*/*/*/*")
    assert [path.parts[-4:-1] for path in fetched] == [("hashtags", "vendor=crawlora", "date=2026-11-02")]


@pytest.mark.usefixtures("analyst")
def test_a_bucket_goes_into_files_a_delta_table_and_a_database() -> None:
    assert (
        said(["export", "hashtags", "-o", "all.parquet"]).stderr
        == f"wrote {30 * DAYS} rows of hashtags to all.parquet\n"
    )
    assert said(["export", "hashtags", "-o", "all.delta"]).exit_code == 0
    assert DeltaTable("all.delta").to_pyarrow_table().num_rows == 30 * DAYS
    told = said(["duckdb", "-o", "views.duckdb"])
    assert (told.exit_code, "views.sql" in told.stdout) == (0, False)
    with duckdb.connect("views.duckdb", read_only=True) as connection:
        assert connection.execute("SELECT count(*) FROM hashtags_latest").fetchall() == [(30,)]
        with pytest.raises(duckdb.Error, match="pages is not fetched here"):
            connection.execute("SELECT count(*) FROM pages").fetchall()


def test_a_report_has_the_rows_of_the_bucket(analyst: Path, directory: Path) -> None:
    period = Period(date(2026, 11, 1), date(2026, 11, 4))
    settings = [
        Settings(clock=ShiftedClock()),
        Settings(data=directory, archive=str(directory / "archive"), clock=ShiftedClock()),
    ]
    made = [report_of(each, None, period, lambda *_: ()) for each in settings]
    told = [{each.answer.chart.name: each.answer.rows for each in report.sections} for report in made]
    assert told[0] == told[1]
    assert any(told[0].values())
    assert analyst.is_dir()


def test_a_notebook_connects_to_the_projects_bucket_or_to_one_that_it_names(
    analyst: Path, url: str, directory: Path
) -> None:
    asked = "SELECT count(*) FROM hashtags"
    for place, rows in ((None, 30 * DAYS), (url, 30 * DAYS), (directory, 30 * DAYS)):
        with contextlib.closing(scraper.connect(place)) as connection:
            assert connection.execute(asked).fetchall() == [(rows,)], place
    assert analyst.is_dir()


def test_a_bucket_without_an_archive_or_without_a_key_is_said(
    analyst: Path, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = said(["sql", "SELECT 1", "--archive", f"{url}-nothing"])
    assert (told.exit_code, told.stderr) == (
        2,
        f"error: there is no archive in {url}-nothing yet: run a job first, or name another place with --archive.\n",
    )
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "another-secret")
    told = said(["tables"])
    assert (told.exit_code, "does not accept the key" in told.stderr, "another-secret" in told.stderr) == (
        5,
        True,
        False,
    )
    assert not analyst.exists()


def test_an_archive_in_another_directory_is_read_there(directory: Path, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    asked = ["sql", "SELECT count(*) AS n FROM hashtags", "--data", str(tmp_path / "data"), "--format", "csv"]
    assert said([*asked, "--archive", str(directory / "archive")]).stdout == f"n\n{30 * DAYS}\n"
    told = said([*asked, "--archive", str(tmp_path / "nowhere")])
    assert (told.exit_code, f"there is no archive in {tmp_path / 'nowhere'}: run a job first" in told.stderr) == (
        2,
        True,
    )
