"""Formats by --format, by the ending of a file, by $SCRAPER_FORMAT; queries with parameters and from files."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.docs.place import Said, said
from tests.io.archive_fixtures import hashtag
from tests.io.history import History, night

pytestmark = pytest.mark.own_instant

QUERY = "SELECT hashtag_name, rank FROM hashtags WHERE hashtag_name = $name AND rank <= $most::INT"
NAMES = ["plain", "it's", "_a|b_ *c*", "snake_case"]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory with one board."""
    history = History()
    history.walk("night-1", night(1), [[hashtag(rank, hashtag_name=name) for rank, name in enumerate(NAMES, start=1)]])
    place = tmp_path_factory.mktemp("place") / "data"
    history.write(place)
    return place


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SCRAPER_FORMAT", raising=False)


def sql(data: Path, *arguments: str) -> Said:
    return said(["sql", "--data", str(data), *arguments])


def test_a_file_has_the_format_that_its_name_says(data: Path, tmp_path: Path) -> None:
    for name in ("x.csv", "x.json", "x.ndjson", "x.jsonl", "x.md", "x.txt", "x.PARQUET"):
        assert sql(data, "SELECT 1 AS a", "-o", name) == Said(0, "", "")
    read = {path.suffix: path.read_text() for path in tmp_path.iterdir() if path.suffix != ".PARQUET"}
    assert list(csv.reader(read[".csv"].splitlines())) == [["a"], ["1"]]
    assert json.loads(read[".json"]) == [{"a": 1}]
    assert read[".ndjson"] == read[".jsonl"] == '{"a":1}\n'
    assert read[".md"] == "| a |\n| ---: |\n| 1 |\n"
    assert read[".txt"].split() == ["a", "─", "1"]
    assert pq.read_table("x.PARQUET").to_pylist() == [{"a": 1}]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("sql", "SELECT 1", "-o", "x.foo"), "the name x.foo does not end in a format of this command: end it in .txt"),
        (("plan", "quickstart", "--sandbox", "-o", "p.csv"), "end it in .txt (table), .json (json), or give --format"),
        (("sql", "SELECT 1", "--format", "parquet"), "Parquet cannot go to stdout: name a file with -o."),
        (
            ("sql", "SELECT 1", "-o", "/dev/null", "--format", "parquet"),
            "/dev/null is not a file, and Parquet needs one",
        ),
        (
            ("sql", "SELECT 1", "-o", "none/x.csv"),
            "none does not exist: make this directory, or name one that is there",
        ),
    ],
)
def test_a_name_that_says_no_format_is_refused(arguments: tuple[str, ...], sentence: str, data: Path) -> None:
    told = said([*arguments, "--data", str(data)])
    assert (told.exit_code, told.stdout) == (2, "")
    assert sentence in told.stderr


def test_format_wins_over_the_name_and_says_so(data: Path) -> None:
    told = sql(data, "SELECT 1 AS a", "--format", "ndjson", "-o", "x.csv")
    assert (told.exit_code, Path("x.csv").read_text()) == (0, '{"a":1}\n')
    assert told.stderr == "warning: x.csv is named as csv and contains ndjson, as --format states\n"


def test_the_environment_is_the_default_of_format_where_a_command_has_it(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SCRAPER_FORMAT", "ndjson")
    assert sql(data, "SELECT 1 AS a").stdout == '{"a":1}\n'
    assert sql(data, "SELECT 1 AS a", "--format", "json").stdout == '[\n{"a":1}\n]\n'
    assert sql(data, "SELECT 1 AS a", "-o", "x.md").exit_code == 0
    assert Path("x.md").read_text().startswith("| a |")
    assert sql(data, "SELECT 1 AS a", "-o", "noend").exit_code == 0
    assert Path("noend").read_text() == '{"a":1}\n'
    assert json.loads(said(["plan", "quickstart", "--sandbox"]).stdout)["job"] == "quickstart"
    monkeypatch.setenv("SCRAPER_FORMAT", "ndjsn")
    told = sql(data, "SELECT 1")
    assert told.exit_code == 2
    assert "$SCRAPER_FORMAT is 'ndjsn', which is not a format; did you mean 'ndjson'?" in told.stderr


def test_a_table_in_a_file_is_not_cut_to_the_terminal(data: Path) -> None:
    assert sql(data, "SELECT repeat('a', 90) AS a, repeat('b', 90) AS b", "-o", "x.txt").exit_code == 0
    assert Path("x.txt").read_text().splitlines()[2].split() == ["a" * 90, "b" * 90]


def test_markdown_shows_every_sign_as_it_is(data: Path) -> None:
    told = sql(data, "SELECT hashtag_name, rank, NULL AS n FROM hashtags ORDER BY rank", "--format", "markdown")
    lines = told.stdout.splitlines()
    assert lines[:2] == ["| hashtag_name | rank | n |", "| --- | ---: | --- |"]
    assert lines[4:] == [r"| \_a\|b\_ \*c\* | 3 |  |", "| snake_case | 4 |  |"]


def test_parquet_keeps_types_and_more_rows_than_a_batch(data: Path) -> None:
    query = "SELECT range AS n, n::DECIMAL(9,2) AS d, [n] AS l, {'a': DATE '2026-11-21'} AS s FROM range(25000)"
    assert sql(data, query, "-o", "x.parquet") == Said(0, "", "")
    table = pq.read_table("x.parquet")
    assert table.num_rows == 25_000
    assert [field.type for field in table.schema][:2] == [pa.int64(), pa.decimal128(9, 2)]
    assert str(table.schema.field("s").type) == "struct<a: date32[day]>"
    refused = sql(data, "SELECT INTERVAL 1 DAY AS i", "-o", "y.parquet")
    assert (refused.exit_code, Path("y.parquet").exists()) == (2, False)
    assert "Cast the column to VARCHAR" in refused.stderr


# --- parameters and files ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_a_parameter_is_text_whatever_it_holds(data: Path, name: str) -> None:
    told = sql(data, f"/* é$name */ {QUERY} AND '$name' <> '' -- $no", "--param", f"name={name}", "--param", "most=9")
    assert [row["hashtag_name"] for row in json.loads(told.stdout)] == [name]


def test_a_parameter_is_no_way_around_the_gates(data: Path) -> None:
    told = sql(data, "SELECT $x AS x", "--param", "x='); DROP VIEW hashtags; --")
    assert json.loads(told.stdout) == [{"x": "'); DROP VIEW hashtags; --"}]


def test_parameters_work_in_every_place_of_a_query(data: Path) -> None:
    query = "EXPLAIN WITH a AS (SELECT $x AS v) FROM a WHERE v IN (SELECT $X) LIMIT $n"
    assert sql(data, query, "--param", "x=1", "--param", "n=1").exit_code == 0


@pytest.mark.parametrize(
    ("query", "given", "sentence"),
    [
        (QUERY, [], "needs a value for $name, $most: give --param name=… --param most=…"),
        (QUERY, ["name=a"], "needs a value for $most: give --param most=…"),
        (QUERY, ["name=a", "most=1", "mots=1"], "no parameter $mots; did you mean 'most'?; it has $name, $most."),
        ("SELECT 1", ["a=1"], "the query has no parameter $a; it has none."),
        ("SELECT ?", [], "1 parameters without a name"),
    ],
)
def test_missing_and_unused_parameters_are_named(data: Path, query: str, given: list[str], sentence: str) -> None:
    told = sql(data, query, *(word for each in given for word in ("--param", each)))
    assert (told.exit_code, told.stdout) == (2, "")
    assert set(sentence.split()) <= set(told.stderr.split()), told.stderr


def test_a_query_is_read_from_a_file(data: Path) -> None:
    Path("q.sql").write_text(f"\ufeff-- é\n{QUERY};\n", encoding="utf-8")
    told = sql(data, "q.sql", "--param", "name=it's", "--param", "most=2")
    assert json.loads(told.stdout) == [{"hashtag_name": "it's", "rank": 2}]


# --- exports ----------------------------------------------------------------------------------------------------------


def export(data: Path, *arguments: str) -> Said:
    return said(["export", "--data", str(data), *arguments])


def test_an_export_holds_the_rows_of_a_condition(data: Path) -> None:
    told = export(data, "hashtags", "--where", "rank <= 2 -- the best", "-o", "x.json")
    assert told.stderr == "wrote 2 rows of hashtags to x.json\n"
    assert sorted(row["rank"] for row in json.loads(Path("x.json").read_text())) == [1, 2]


def test_a_macro_is_exported_with_its_arguments(data: Path) -> None:
    for call, rows in (("hashtags_as_of('2099-01-01')", 4), ("hashtags_as_of('2000-01-01')", 0)):
        assert f"wrote {rows} rows of" in export(data, call, "-o", "x.csv", "--force").stderr


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("hashtags_as_of",), "hashtags_as_of is a macro: write its arguments too"),
        (("hashtags_as_off('2026-11-21')",), "no table hashtags_as_off; did you mean 'hashtags_as_of'?"),
        (("hashtags_as_of('2026-11-21'), hashtags_as_of('2026-11-21')",), "no table hashtags_as_of"),
        (("hashtags_as_of(",), "no table hashtags_as_of("),
        (("hashtags", "--where", "1=1) TO 'x' (FORMAT csv"), "syntax error"),
        (("hashtags", "--where", "rank IN (SELECT 1 FROM read_text('/etc/hosts'))"), "Permission Error"),
        (("hashtags", "--where", "true); DROP VIEW hashtags; SELECT (1"), "only one SELECT is allowed"),
        (("hashtags", "--where", "rnk = 1"), 'Candidate bindings: "rank"'),
    ],
)
def test_an_export_reads_the_archive_and_nothing_else(data: Path, arguments: tuple[str, ...], sentence: str) -> None:
    told = export(data, *arguments, "-o", "x.csv")
    assert (told.exit_code, list(Path().iterdir())) == (2, [])
    assert sentence in told.stderr
