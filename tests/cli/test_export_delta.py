"""``scraper export --format delta``: rows of the archive as a Delta table, in one commit or not at all."""

from __future__ import annotations

import sys
from datetime import UTC
from pathlib import Path

import duckdb
import pytest
from deltalake import DeltaTable

from scraper.core.errors import QueryError
from scraper.io.query.delta_table import export_delta
from tests.docs.place import Said, said
from tests.io.archive_fixtures import hashtag
from tests.io.history import History, night
from tests.plain_duckdb import plain_duckdb

pytestmark = pytest.mark.own_instant


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory with two boards, of three hashtags and of one."""
    trend = [{"time": 1_794_787_200, "value": 0.5}]
    history = History()
    history.walk("night-1", night(1), [[hashtag(n, trend=trend) for n in (1, 2, 3)]])
    history.walk("night-2", night(2), [[hashtag(9)]])
    place = tmp_path_factory.mktemp("place") / "data"
    history.write(place)
    return place


def export(data: Path, *arguments: str) -> Said:
    return said(["export", "--data", str(data), *arguments])


def names(place: Path) -> list[str]:
    return sorted(DeltaTable(str(place)).to_pyarrow_table()["hashtag_name"].to_pylist())


def test_it_holds_every_value_of_the_table_and_times_as_instants(data: Path, tmp_path: Path) -> None:
    place = tmp_path / "hashtags.delta"
    told = export(data, "hashtags", "-o", str(place))
    assert (told.exit_code, told.stdout, told.stderr) == (0, "", f"wrote 4 rows of hashtags to {place}\n")
    assert export(data, "hashtags", "-o", str(tmp_path / "plain.parquet")).exit_code == 0
    read = f"SELECT * FROM '{tmp_path}/plain.parquet' ORDER BY snapshot_at, rank"
    plain = plain_duckdb().sql(read).to_arrow_table().to_pylist()
    table = DeltaTable(str(place))
    found = sorted(table.to_pyarrow_table().to_pylist(), key=lambda row: (row["snapshot_at"], row["rank"]))
    for row in plain:
        for time in ("snapshot_at", "observed_at"):
            row[time] = row[time].replace(tzinfo=UTC)
        for point in row["trend"] or ():
            point["time"] = point["time"].replace(tzinfo=UTC)
    assert found == plain
    assert table.protocol().min_reader_version == 1, "any reader of Delta"
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_a_table_that_is_there_is_appended_to_or_replaced_only_if_that_is_said(data: Path, tmp_path: Path) -> None:
    place = tmp_path / "rows"
    day = ("hashtags", "-o", str(place), "--format", "delta", "--where")
    assert export(data, *day, "date = '2026-11-01'", "--append").exit_code == 0, "it makes one"
    refused = export(data, *day, "true")
    assert refused.exit_code == 2
    assert refused.stderr == f"error: {place} exists: --append adds the rows to it, --force replaces its rows.\n"
    assert len(names(place)) == 3
    assert export(data, *day, "date = '2026-11-02'", "--append").exit_code == 0
    assert len(names(place)) == 4
    assert export(data, *day, "date = '2026-11-02'", "--force").exit_code == 0
    assert len(names(place)) == 1
    assert DeltaTable(str(place), version=1).to_pyarrow_table().num_rows == 4, "the older version can still be read"
    assert export(data, *day, "true", "--force", "--append").exit_code == 2


def test_rows_of_other_columns_replace_a_table_and_are_never_added_to_it(data: Path, tmp_path: Path) -> None:
    place = tmp_path / "rows.delta"
    assert export(data, "hashtags", "-o", str(place)).exit_code == 0
    refused = export(data, "spend", "-o", str(place), "--append")
    assert refused.exit_code == 2
    assert "has other columns than these rows (board_industry_id, charged, " in refused.stderr.replace("\n", " ")
    assert len(names(place)) == 4
    assert export(data, "coverage", "-o", str(place), "--force").exit_code == 0
    assert DeltaTable(str(place)).to_pyarrow_table().num_rows == 2


def test_an_export_that_fails_leaves_what_was_there(data: Path, tmp_path: Path) -> None:
    place = tmp_path / "rows.delta"
    fails = ("hashtags", "-o", str(place), "--where", "rank < 3 OR error('it broke')")
    told = export(data, *fails)
    assert (told.exit_code, list(tmp_path.iterdir())) == (2, [])
    assert "it broke" in told.stderr
    assert "Traceback" not in told.stderr
    export(data, "hashtags", "-o", str(place))
    assert export(data, *fails, "--append").exit_code == 2
    assert (DeltaTable(str(place)).version(), len(names(place))) == (0, 4)


def test_a_place_that_is_no_delta_table_is_left_alone(data: Path, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "file").write_text("mine")
    for options in ((), ("--force",), ("--append",)):
        told = export(data, "hashtags", "--format", "delta", "-o", str(tmp_path / "mine"), *options)
        assert (told.exit_code, "is a directory, but no Delta table" in told.stderr) == (2, True)
    assert "is a file" in export(data, "hashtags", "--format", "delta", "-o", str(tmp_path / "mine" / "file")).stderr
    assert "cannot go to stdout" in export(data, "hashtags", "--format", "delta", "-o", "-").stderr
    assert export(data, "hashtags", "-o", str(tmp_path / "rows.csv"), "--append").exit_code == 2
    (tmp_path / "damaged" / "_delta_log").mkdir(parents=True)
    told = export(data, "hashtags", "--format", "delta", "-o", str(tmp_path / "damaged"), "--force")
    assert told.exit_code == 5
    assert "damaged cannot be written: " in told.stderr


def test_a_glob_is_no_reader_of_a_delta_table(data: Path, tmp_path: Path) -> None:
    """As the documents say: replaced rows and a checkpoint are files that it reads too."""
    place = tmp_path / "rows.delta"
    for options in ((), ("--force",)):
        assert export(data, "hashtags", "-o", str(place), *options).exit_code == 0
    DeltaTable(str(place)).create_checkpoint()
    read = f"SELECT count(*) FROM read_parquet('{place}/**/*.parquet', union_by_name = true)"
    (globbed,) = plain_duckdb().sql(read).fetchall()[0]
    assert (len(names(place)), globbed > 8) == (4, True)


@pytest.mark.parametrize(
    ("column", "value"),
    [("200::UTINYINT", 200), ("18446744073709551615::UBIGINT", 2**64 - 1), ("NULL", None), ("[1, NULL]", [1, None])],
)
def test_a_number_that_delta_has_no_type_for_gets_a_wider_one(column: str, value: object, tmp_path: Path) -> None:
    export_delta(lambda: _with_view(column), "made", tmp_path / "made")
    assert DeltaTable(str(tmp_path / "made")).to_pyarrow_table().to_pylist() == [{"it": value}]


def test_a_type_that_delta_lacks_is_named_with_its_column(tmp_path: Path) -> None:
    with pytest.raises(
        QueryError, match=r"Delta has no type for column it \(time64\[us\]\): cast it to VARCHAR in a view\."
    ):
        export_delta(lambda: _with_view("TIME '10:00'"), "made", tmp_path / "made")


def _with_view(column: str) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    connection.execute(f"CREATE VIEW made AS SELECT {column} AS it")
    return connection


def test_without_the_extra_it_says_what_to_install(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "deltalake", None)
    told = export(data, "hashtags", "-o", str(tmp_path / "rows.delta"))
    assert told.exit_code == 2
    assert told.stderr == (
        "error: Delta needs deltalake, which is not installed: pip install 'metered-scraper[delta]'\n"
    )
