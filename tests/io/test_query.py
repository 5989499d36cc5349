"""SQL over the archive: every table there, empty or not, and nothing else within reach."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest

from scraper.core.errors import ArchiveError, QueryError
from scraper.core.tables import COMMON_COLUMNS
from scraper.core.views import read_views
from scraper.io.query import answered, open_archive, query
from scraper.io.query.reader import DirectoryArchive
from scraper.io.query.table_stats import TableFacts
from tests.io.archive_fixtures import TABLES, board, hashtag, page
from tests.io.test_archive import archive, files, rows, spool

NAMES = ("pages", "hashtags", "creators", "videos", "posts")

OWN_VIEWS = read_views(
    "CREATE VIEW loudest AS SELECT h.* FROM posts, Hashtags h;\n"
    "CREATE MACRO louder(n) AS TABLE SELECT * FROM loudest LIMIT n;\n"
    "CREATE VIEW apart AS FROM creators;\n"
)
MADE = """
    SELECT view_name AS name FROM duckdb_views() WHERE NOT internal
    UNION SELECT function_name FROM duckdb_functions() WHERE function_type = 'table_macro' AND NOT internal ORDER BY ALL
"""


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory with rows in every table, and files that no query may see beside and behind the archive."""
    place = tmp_path_factory.mktemp("data").resolve()
    archive(place).write(1, spool())
    for outside in ("secret.csv", "archive-of-mine.csv"):
        (place / outside).write_text("key\n")
    (place / "archive/link.csv").symlink_to(place / "secret.csv")
    return place


@pytest.fixture(scope="module")
def connection(data: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    with open_archive(data, TABLES) as opened:
        yield opened


@pytest.fixture(scope="module")
def every_relation(data: Path) -> pa.Table:
    with open_archive(data, TABLES, OWN_VIEWS) as opened:
        return query(opened, MADE).read_all()


# --- views ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("table", NAMES)
def test_a_view_has_the_rows_of_a_plain_glob(table: str, data: Path, connection: duckdb.DuckDBPyConnection) -> None:
    seen = query(connection, f"SELECT * FROM {table} ORDER BY ALL").read_all().to_pylist()
    assert seen
    assert sorted(map(repr, map(sorted_items, seen))) == sorted(map(repr, map(sorted_items, rows(data, table))))


def sorted_items(row: dict[str, object]) -> list[tuple[str, object]]:
    return sorted(row.items())


@pytest.mark.parametrize("table", NAMES)
def test_an_empty_table_has_the_columns_and_types_of_a_full_one(
    table: str, connection: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    with open_archive(tmp_path / "nothing", TABLES) as nothing:
        empty = query(nothing, f"FROM {table}").read_all()
    assert empty.num_rows == 0
    assert empty.schema == query(connection, f"FROM {table}").schema


@pytest.mark.parametrize("table", NAMES[1:])
def test_the_common_columns_come_first_in_the_types_declared(table: str, connection: duckdb.DuckDBPyConnection) -> None:
    described = query(connection, f"SELECT column_name, column_type FROM (DESCRIBE {table})").read_all().to_pylist()
    met = [(row["column_name"], row["column_type"]) for row in described[: len(COMMON_COLUMNS)]]
    assert met == [(column.name, column.type) for column in COMMON_COLUMNS]


def test_partitions_are_text_and_a_day_and_can_be_filtered(connection: duckdb.DuckDBPyConnection) -> None:
    found = query(connection, "SELECT count(*) n FROM hashtags WHERE vendor = 'crawlora' AND date > DATE '2026-11-21'")
    assert found.read_all().to_pylist() == [{"n": 1}]


def test_wildcards_and_quotes_in_the_path_of_the_data_are_text(tmp_path: Path) -> None:
    odd = tmp_path / "it's [a] *?"
    archive(odd).write(1, spool())
    with open_archive(odd, TABLES) as opened:
        assert query(opened, "SELECT count(*) n FROM hashtags").read_all().to_pylist() == [{"n": 6}]


def test_a_data_directory_behind_a_symbolic_link_is_read(data: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    link = tmp_path_factory.mktemp("elsewhere") / "data"
    link.symlink_to(data)
    with open_archive(link, TABLES) as opened:
        assert query(opened, "SELECT count(*) n FROM hashtags").read_all().to_pylist() == [{"n": 6}]


@pytest.mark.parametrize(
    ("sql", "made"),
    [
        ("SELECT 1", []),
        ("FROM hashtags", ["hashtags"]),
        ('SELECT count(*) FROM "Hashtags" h JOIN Posts USING (hashtag_id), range(3)', ["hashtags", "posts"]),
        ("WITH few AS (FROM videos LIMIT 1) SELECT (SELECT count(*) FROM posts) FROM few", ["posts", "videos"]),
        ("FROM loudest", ["hashtags", "loudest", "posts"]),
        ("FROM louder(3)", ["hashtags", "louder", "loudest", "posts"]),
        ("DESCRIBE creators", ["creators"]),
    ],
)
def test_only_the_relations_that_a_query_reads_are_made_for_it(data: Path, sql: str, made: list[str]) -> None:
    with open_archive(data, TABLES, OWN_VIEWS, sql) as opened:
        assert query(opened, sql).read_all().num_rows >= 0
        assert query(opened, MADE).read_all()["name"].to_pylist() == made


@pytest.mark.parametrize(
    "sql",
    [
        "SHOW TABLES",
        "DESCRIBE",
        "SHOW ALL TABLES",
        "FROM duckdb_views()",
        "FROM information_schema.tables",
        "SELECT * FROM query_table('hashtags')",
        "EXPLAIN FROM hashtags",
        "PIVOT hashtags ON country USING count(*)",
        "FROM hashtag",
        "FROM (",
        "SELECT '\udcff'",
    ],
)
def test_every_relation_is_made_where_a_query_may_look_at_any(data: Path, every_relation: pa.Table, sql: str) -> None:
    with open_archive(data, TABLES, OWN_VIEWS, sql) as opened:
        assert query(opened, MADE).read_all() == every_relation


def test_a_damaged_file_is_in_the_way_of_the_queries_that_read_it_alone(tmp_path: Path) -> None:
    archive(tmp_path).write(1, spool())
    for part in (tmp_path / "archive/videos").rglob("*.parquet"):
        part.write_bytes(b"no parquet at all")
    with open_archive(tmp_path, TABLES, query="FROM hashtags") as opened:
        assert query(opened, "FROM hashtags").read_all().num_rows == 6
    with pytest.raises(ArchiveError, match="restore the file that it names from a backup"):
        open_archive(tmp_path, TABLES, query="FROM videos")


def test_a_damaged_file_is_an_archive_error(tmp_path: Path) -> None:
    archive(tmp_path).write(1, spool())
    for part in (tmp_path / "archive/videos").rglob("*.parquet"):
        part.write_bytes(b"no parquet at all")
    with pytest.raises(ArchiveError, match="restore the file that it names from a backup"):
        open_archive(tmp_path, TABLES)
    with pytest.raises(ArchiveError, match="restore the file that it names from a backup"):
        DirectoryArchive(tmp_path).facts(["videos"])


def test_facts_are_those_of_the_files(data: Path) -> None:
    sizes = [(data / name).stat().st_size for name in files(data) if name.startswith("archive/hashtags/")]
    assert DirectoryArchive(data).facts(["hashtags"]) == (TableFacts("hashtags", 6, 3, sum(sizes)),)
    assert DirectoryArchive(data / "nothing").facts(["posts"]) == (TableFacts("posts", 0, 0, 0),)


# --- what is answered -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT 1;",
        "-- a remark\nSELECT 1 /* COPY x TO 'y' */",
        "FROM hashtags",
        "TABLE hashtags",
        "VALUES (1), (2)",
        "WITH best AS (SELECT * FROM hashtags WHERE rank = 1) SELECT * FROM best UNION ALL SELECT * FROM best",
        "WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n WHERE i < 5) SELECT * FROM n",
        "SELECT 'COPY hashtags TO ''x''; query()' AS text, hashtag_name AS query FROM hashtags",
        "SELECT country, list(hashtag_name ORDER BY rank) FROM hashtags GROUP BY ALL",
        "DESCRIBE hashtags",
        "SUMMARIZE hashtags",
        "SHOW TABLES",
        "SELECT now(), TIMESTAMPTZ '2026-11-21 02:15:00+00'",
        "EXPLAIN SELECT * FROM hashtags",
        "EXPLAIN ANALYZE SELECT * FROM hashtags",
        "explain (format json) from hashtags",
        "SELECT * FROM duckdb_settings()",
    ],
)
def test_what_only_reads_is_answered(sql: str, connection: duckdb.DuckDBPyConnection) -> None:
    assert query(connection, sql).read_all().num_rows > 0


def test_rows_are_read_as_they_are_asked_for(connection: duckdb.DuckDBPyConnection) -> None:
    reader = query(connection, "SELECT range AS n FROM range(10_000_000_000)")
    assert reader.read_next_batch().num_rows > 0


def test_reading_by_glob_inside_the_archive_is_allowed(data: Path, connection: duckdb.DuckDBPyConnection) -> None:
    glob = f"{data}/archive/hashtags/**/*.parquet"
    assert query(connection, f"FROM read_parquet('{glob}', hive_partitioning = true)").read_all().num_rows == 6


# --- what is refused --------------------------------------------------------------------------------------------------

REFUSED = [
    "",
    ";",
    "-- nothing",
    "SELECT 1; SELECT 2",
    "SELECT 1; DROP VIEW hashtags",
    "SELECT 1 /* ; */; COPY hashtags TO '{data}/archive/x.csv'",
    "COPY hashtags TO '{data}/archive/x.csv'",
    "COPY (SELECT 1) TO '{data}/archive/x.parquet'",
    "WITH x AS (COPY (SELECT 1) TO '{data}/archive/x.parquet') SELECT * FROM x",
    "SELECT * FROM (WITH x AS (COPY (SELECT 1) TO '{data}/archive/x.parquet') SELECT * FROM x)",
    "SELECT (WITH x AS (COPY (SELECT 1) TO '{data}/archive/x.parquet') SELECT count(*) FROM x)",
    "SELECT 1 WHERE EXISTS (WITH x AS (COPY (SELECT 1) TO '{data}/archive/x.parquet') FROM x)",
    "SELECT 1 UNION ALL (WITH x AS (COPY (SELECT 1) TO '{data}/archive/x.parquet') FROM x)",
    "SELECT 1 ORDER BY (WITH x AS (COPY (SELECT 1) TO '{data}/archive/x.parquet') SELECT count(*) FROM x)",
    "SELECT 1 LIMIT (WITH x AS (COPY (SELECT 1) TO '{data}/archive/x.parquet') SELECT count(*) FROM x)",
    "FROM hashtags JOIN (WITH x AS (COPY (SELECT 1) TO '{data}/archive/x.parquet') FROM x) ON true",
    "FROM hashtags, LATERAL (WITH x AS (COPY (SELECT 1) TO '{data}/archive/x.parquet') FROM x)",
    "WITH a AS (WITH x AS (COPY (SELECT 1) TO '{data}/archive/x.parquet') FROM x) FROM a",
    "SUMMARIZE (WITH x AS (COPY (SELECT 1) TO '{data}/archive/x.parquet') FROM x)",
    "DESCRIBE (WITH x AS (COPY (SELECT 1) TO '{data}/archive/x.parquet') FROM x)",
    "EXPLAIN ANALYZE COPY (SELECT 1) TO '{data}/archive/x.parquet'",
    "EXPLAIN (ANALYZE) COPY (SELECT 1) TO '{data}/archive/x.parquet'",
    "EXPLAIN /* */ ANALYZE WITH x AS (COPY (SELECT 1) TO '{data}/archive/x.parquet') FROM x",
    "EXPLAIN SELECT 1; COPY (SELECT 1) TO '{data}/archive/x.parquet'",
    "EXPLAIN EXPLAIN COPY (SELECT 1) TO '{data}/archive/x.parquet'",
    "FROM query('WITH x AS (COPY (SELECT 1) TO ''{data}/archive/x.parquet'') FROM x')",
    "FROM \"QUERY\"('SELECT 1')",
    "FROM system.main.query('SELECT 1')",
    "FROM json_execute_serialized_sql(json_serialize_sql('SELECT 1'))",
    "WITH x AS (DELETE FROM hashtags RETURNING *) SELECT * FROM x",
    "WITH x AS (INSERT INTO hashtags VALUES (1) RETURNING *) SELECT * FROM x",
    "CREATE TABLE x AS SELECT 1",
    "CREATE OR REPLACE VIEW hashtags AS SELECT 1",
    "CREATE MACRO f() AS 1",
    "DROP VIEW hashtags",
    "INSERT INTO hashtags SELECT * FROM hashtags",
    "UPDATE hashtags SET rank = 1",
    "DELETE FROM hashtags",
    "ATTACH '{data}/x.db'",
    "DETACH memory",
    "USE memory",
    "INSTALL httpfs",
    "LOAD httpfs",
    "UPDATE EXTENSIONS",
    "PRAGMA version",
    "PRAGMA enable_profiling",
    "CALL pragma_version()",
    "CALL enable_logging()",
    "FROM enable_logging(storage = 'file', storage_path = '{data}/archive/log')",
    "SET enable_external_access = true",
    "SET allowed_directories = ['/']",
    "RESET lock_configuration",
    "CHECKPOINT",
    "FROM force_checkpoint()",
    "VACUUM",
    "EXPORT DATABASE '{data}/archive/x'",
    "PREPARE p AS SELECT 1",
    "EXECUTE p",
    "BEGIN",
    "PIVOT hashtags ON rank",
    "SELECT * FROM read_text('/etc/passwd')",
    "SELECT * FROM read_csv('/etc/passwd')",
    "SELECT * FROM read_blob('/proc/self/environ')",
    "SELECT * FROM read_json('/etc/passwd')",
    "SELECT * FROM read_parquet('/etc/passwd')",
    "SELECT * FROM '/etc/passwd'",
    "SELECT * FROM '{data}/secret.csv'",
    "SELECT * FROM read_text('{data}/archive/../secret.csv')",
    "SELECT * FROM read_text('{data}/archive/link.csv')",
    "SELECT * FROM read_text('{data}/archive/*/../../secret.csv')",
    "SELECT * FROM read_text('{data}/archive-of-mine.csv')",
    "SELECT * FROM read_text('file://{data}/secret.csv')",
    "SELECT * FROM read_text('secret.csv')",
    "SELECT * FROM sniff_csv('{data}/secret.csv')",
    "SELECT * FROM glob('/etc/*')",
    "SELECT * FROM glob('{data}/*')",
    "SELECT * FROM read_text('http://localhost:1/x')",
    "SELECT * FROM duckdb_secrets()",
    "SELECT getenv('HOME')",
    "SELECT * FROM arrow_scan(0, 0, 0)",
    "SELECT * FROM pandas_scan(0)",
]


@pytest.mark.parametrize("sql", REFUSED)
def test_what_does_more_than_read_the_archive_is_refused_in_one_line(
    sql: str, data: Path, connection: duckdb.DuckDBPyConnection
) -> None:
    before = files(data)
    with pytest.raises(QueryError) as met:
        query(connection, sql.replace("{data}", str(data))).read_all()
    assert "\n" not in str(met.value)
    assert len(str(met.value)) < 700
    assert files(data) == before
    assert query(connection, "SELECT count(*) AS n FROM hashtags").read_all().to_pylist() == [{"n": 6}]


def test_a_variable_of_the_program_is_no_table(connection: duckdb.DuckDBPyConnection) -> None:
    private_rows = pa.table({"key": ["a value of the program"]})
    with pytest.raises(QueryError, match="private_rows does not exist"):
        query(connection, "SELECT * FROM private_rows")
    assert private_rows.num_rows == 1


# --- what is said -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("SELECT rankk FROM hashtags", ['"rankk" not found', '"rank"', "LINE 1: SELECT rankk FROM hashtags"]),
        ("SELECT 1\nFROM hashtag", ["hashtag does not exist", 'Did you mean "hashtags"', "LINE 2: FROM hashtag"]),
        ("SELEC 1", ['syntax error at or near "SELEC"', "LINE 1: SELEC 1"]),
        ("SELECT error('no luck')", ["no luck"]),
        ("SELECT CASE WHEN range > 90_000 THEN error('late') END FROM range(100_000)", ["late"]),
        ("SELECT 1; SELECT 2", ["read-only", "2 statements"]),
        ("SELECT '\udcff'", ["not UTF-8 text at character 9"]),
        ("DROP VIEW hashtags", ["read-only", "DROP"]),
        ("WITH x AS (COPY (SELECT 1) TO 'x') FROM x", ["read-only", "COPY"]),
    ],
)
def test_a_refusal_says_what_is_wrong_and_where(
    sql: str, said: list[str], connection: duckdb.DuckDBPyConnection
) -> None:
    with pytest.raises(QueryError) as met:
        query(connection, sql).read_all()
    assert [words for words in said if words not in str(met.value)] == []


def test_files_that_come_while_a_connection_is_open_are_seen(tmp_path: Path) -> None:
    archive(tmp_path).write(1, [page("crawlora.hashtags", board(hashtag(1)))])
    with open_archive(tmp_path, TABLES) as opened:
        archive(tmp_path).write(2, [page("crawlora.hashtags", board(hashtag(2)))])
        assert query(opened, "SELECT count(*) AS n FROM hashtags").read_all().to_pylist() == [{"n": 2}]


# --- a compaction meanwhile -------------------------------------------------------------------------------------------


def compacted(data: Path) -> None:
    """What a compaction leaves of a partition: other files, the same rows."""
    for part in (data / "archive/hashtags").rglob("part-*.parquet"):
        part.replace(part.with_name(f"compact-{part.name}"))


@pytest.fixture
def compactable(tmp_path: Path) -> Path:
    """Files enough that DuckDB opens some of them late."""
    archive(tmp_path).write(0, [page("crawlora.hashtags", board(*map(hashtag, range(1_000))))])
    part = next((tmp_path / "archive/hashtags").rglob("*.parquet"))
    for number in range(1, 40):
        shutil.copy(part, part.with_name(f"part-{number}-0.parquet"))
    return tmp_path


def test_a_query_that_met_a_file_that_went_away_is_asked_again(compactable: Path) -> None:
    opened, compacted_in = 0, 0

    def meanwhile(rank: int) -> int:
        nonlocal compacted_in
        if not compacted_in:
            compacted_in = opened
            compacted(compactable)
        return rank

    def opener() -> duckdb.DuckDBPyConnection:
        nonlocal opened
        opened += 1
        connection = open_archive(compactable, TABLES)
        connection.create_function("meanwhile", meanwhile, ["BIGINT"], "BIGINT")
        return connection

    with answered(opener, "SELECT count(meanwhile(rank)) AS n FROM hashtags") as reader:
        assert reader.read_all().to_pylist() == [{"n": 40_000}]
    assert (compacted_in, opened) == (1, 2)


def test_an_answer_whose_rows_have_been_handed_out_is_not_restarted(compactable: Path) -> None:
    opened = [open_archive(compactable, TABLES)]
    wide = "SELECT hashtag_id, repeat('x', 5_000) AS filler FROM hashtags"
    with answered(opened.pop, wide, held_bytes=0) as reader:
        assert reader.read_next_batch().num_rows > 0
        compacted(compactable)
        with pytest.raises(QueryError, match=r"No such file.*repeat the query"):
            reader.read_all()
