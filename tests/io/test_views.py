"""The views: what an analyst reads of an archive with a history."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

from scraper.core.coverage import COVERAGE_COLUMNS
from scraper.core.errors import ConfigurationError, QueryError
from scraper.core.views import View, meanings, read_views
from scraper.io.config_files.table_files import read_tables, read_view_files
from scraper.io.query import open_archive, query
from tests.io.archive_fixtures import TABLES, hashtag
from tests.io.history import History, night

VIEWS = read_view_files()


def ask(data: Path, sql: str) -> list[tuple[Any, ...]]:
    """The rows that the program answers with."""
    with open_archive(data, TABLES, VIEWS, sql) as connection:
        return [tuple(row.values()) for row in query(connection, sql).read_all().to_pylist()]


def called(view: View) -> str:
    """A view by its name, a macro with an argument of each kind."""
    arguments = {"(ts)": "(now())", "(board, ts)": "('us', now())"}
    return view.name + (arguments[view.arguments] if view.arguments else "")


def board_of(relation: str) -> str:
    return f"SELECT walk_id, hashtag_name, rank FROM {relation} ORDER BY walk_id, rank"


def names(data: Path, relation: str) -> list[tuple[Any, ...]]:
    return ask(data, board_of(relation))


# --- every view -------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, duckdb.DuckDBPyConnection]]:
    """An archive before its first run, and one with a board."""
    history = History()
    history.walk("night-1", night(1), [[hashtag(1)]])
    place = tmp_path_factory.mktemp("opened")
    history.write(place / "full")
    with (
        open_archive(place / "empty", TABLES, VIEWS) as empty,
        open_archive(place / "full", TABLES, VIEWS) as full,
    ):
        yield {"empty": empty, "full": full}


def test_every_column_of_every_relation_is_named_in_sql_without_quotes(
    opened: dict[str, duckdb.DuckDBPyConnection],
) -> None:
    macros = [called(view) for view in VIEWS if view.arguments]
    listed = opened["full"].execute("SELECT view_name FROM duckdb_views() WHERE NOT internal").fetchall()
    relations = [name for (name,) in listed] + macros
    assert len(relations) == len(TABLES) + 3 + len(VIEWS)
    for relation in relations:
        columns = [name for name, *_ in opened["full"].execute(f"DESCRIBE FROM {relation}").fetchall()]
        each = ", ".join(f"{column}, found.{column} AS {column}" for column in columns)
        opened["full"].execute(f"SELECT {each} FROM {relation} AS found LIMIT 0")


@pytest.mark.parametrize("view", VIEWS, ids=lambda view: view.name)
def test_a_view_is_empty_before_the_first_run_and_every_column_has_a_meaning(
    view: View, opened: dict[str, duckdb.DuckDBPyConnection]
) -> None:
    relation = called(view)
    empty, full = (query(opened[name], f"FROM {relation}").read_all() for name in ("empty", "full"))
    assert empty.num_rows == 0
    assert empty.schema == full.schema
    known = meanings(TABLES, VIEWS)[view.name]
    assert [column for column in empty.schema.names if not known.get(column)] == []
    assert view.description


@pytest.mark.parametrize("table", ["hashtags", "creators", "posts", "videos"])
def test_latest_has_the_columns_of_its_table(table: str, opened: dict[str, duckdb.DuckDBPyConnection]) -> None:
    for connection in opened.values():
        latest, plain = (query(connection, f"FROM {name}").read_all() for name in (f"{table}_latest", table))
        assert latest.schema == plain.schema


def test_views_are_no_table_and_a_users_views_come_behind_or_in_place(tmp_path: Path) -> None:
    (tmp_path / "tables").mkdir()
    (tmp_path / "tables" / "views.sql").write_text(
        "-- The first three of each board.\nCREATE VIEW podium AS\nSELECT hashtag_name AS name, -- who\n"
        "  rank\nFROM hashtags_latest WHERE rank <= 3;\n\n-- Ours.\nCREATE VIEW spend AS SELECT 1 AS nothing;\n"
    )
    views = read_view_files(tmp_path)
    assert "views" not in {table.name for table in read_tables(tmp_path)}
    assert [view.name for view in views] == [*(view.name for view in VIEWS), "podium"]
    assert meanings(TABLES, views)["podium"]["name"] == "who"
    assert meanings(TABLES, views)["podium"]["rank"] == "place on the board, 1 is best"
    with open_archive(tmp_path, TABLES, views) as connection:
        assert query(connection, "FROM podium").schema.names == ["name", "rank"]
        assert query(connection, "FROM spend").read_all().to_pylist() == [{"nothing": 1}]


def test_a_view_that_cannot_be_made_says_so_when_it_is_asked_and_is_in_nobodys_way(tmp_path: Path) -> None:
    views = read_views(
        "CREATE VIEW mine AS SELECT rankk FROM hashtags;\n"
        "CREATE VIEW of_mine AS SELECT rankk FROM mine;\n"
        "CREATE VIEW sound AS SELECT 1 AS one;\n"
    )
    with open_archive(tmp_path, TABLES, views) as connection:
        assert query(connection, "FROM sound").read_all().to_pylist() == [{"one": 1}]
        for sql in ("FROM mine", "SELECT rankk FROM mine", "FROM of_mine"):
            with pytest.raises(QueryError, match=r'mine cannot be created over this archive: .*"rankk"'):
                query(connection, sql).read_all()


def test_a_file_of_views_that_does_anything_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "tables").mkdir()
    (tmp_path / "tables" / "views.sql").write_text("CREATE VIEW a AS SELECT 1;\nCOPY a TO 'x.csv';\n")
    with pytest.raises(ConfigurationError, match=r"views\.sql: only CREATE VIEW .* allowed here, not: COPY a TO"):
        read_view_files(tmp_path)


# --- latest, as of ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def nights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two boards: the third night's walk of the US was cut short, Britain is bought on the first only."""
    history = History()
    history.walk("night-1", night(1), [[hashtag(1), hashtag(2)]])
    history.walk("night-1", night(1), [[hashtag(7)]], walk_id="gb", why="as_asked")
    history.walk("night-2", night(2), [[hashtag(2, rank=1), hashtag(1, rank=2)], [hashtag(1, rank=9), hashtag(3)]])
    history.cover("night-2", night(2), walk_id="gb", state="not_attempted", why="budget")
    history.walk("night-3", night(3), [[hashtag(4)]], state="truncated", why="budget")
    data = tmp_path_factory.mktemp("nights")
    history.write(data)
    return data


def test_latest_is_the_newest_complete_walk_of_each_board_with_each_id_once_where_it_stood_first(nights: Path) -> None:
    us = [("us", "tag2", 1), ("us", "tag1", 2), ("us", "tag3", 3)]
    assert names(nights, "hashtags_latest") == [("gb", "tag7", 7), *us]


def test_as_of_is_latest_as_it_was_then(nights: Path) -> None:
    first = [("gb", "tag7", 7), ("us", "tag1", 1), ("us", "tag2", 2)]
    with open_archive(nights, TABLES, VIEWS) as opened:

        def told(relation: str) -> list[tuple[Any, ...]]:
            return [tuple(row.values()) for row in query(opened, board_of(relation)).read_all().to_pylist()]

        assert told("hashtags_as_of('2026-11-01 01:59')") == []
        assert told(f"hashtags_as_of(TIMESTAMP '{night(1):%F %T}')") == first
        assert told("hashtags_as_of(DATE '2026-11-02')") == first, "a date is its first instant"
        assert told("hashtags_as_of('2026-11-02T03:00:00+00:00'::TIMESTAMPTZ)") == told("hashtags_latest")
        assert told("hashtags_as_of(TIMESTAMPTZ '2026-11-02 03:30:00+02')") == first
        assert told("hashtags_as_of(now())") == told("hashtags_latest")


def test_a_walk_that_is_not_complete_is_in_no_latest_board(tmp_path: Path) -> None:
    history, states = History(), ["empty", "failed", "not_attempted", "open", "truncated"]
    for state in states:
        history.walk("night-1", night(1), [[hashtag(1)]], walk_id=state, state=state, why="clamp")
    history.write(tmp_path)
    assert names(tmp_path, "hashtags_latest") == []
    assert ask(tmp_path, "SELECT walk_id, hashtag_name FROM hashtag_ranks ORDER BY walk_id") == [
        (state, "tag1") for state in states
    ]


def test_a_walk_that_stopped_at_known_ids_takes_the_place_of_no_whole_board(tmp_path: Path) -> None:
    history = History()
    history.walk("night-1", night(1), [[hashtag(1)], [hashtag(2)]])
    history.walk("night-2", night(2), [[hashtag(1, rank=9)]], why="known")
    history.walk("night-2", night(2), [[hashtag(7)]], walk_id="gb", why="known")
    history.write(tmp_path)
    whole = [("us", "tag1", 1), ("us", "tag2", 2)]
    assert names(tmp_path, "hashtags_latest") == [("gb", "tag7", 7), *whole]
    assert names(tmp_path, f"hashtags_as_of(TIMESTAMP '{night(1):%F %T}')") == whole


def test_the_latest_posts_are_those_of_the_last_whole_walk_and_of_the_walks_since_that_stopped_at_known_ids(
    tmp_path: Path,
) -> None:
    history = History()
    for run_id, day, state, why, pages in (
        ("night-1", 1, "complete", "end", ["9"]),
        ("night-2", 2, "complete", "as_asked", ["2", "1"]),
        ("night-3", 3, "complete", "known", ["3", "2"]),
        ("night-4", 4, "complete", "known", ["4", "3"]),
        ("night-5", 5, "truncated", "guard", ["5", "4"]),
    ):
        bought = [[{"id": each}] for each in pages]
        told = {"endpoint": "crawlora.hashtag_posts", "parameters": '{"id":"77"}'}
        history.walk(run_id, night(day), bought, state=state, why=why, **told)
    history.write(tmp_path)
    latest = ask(tmp_path, "SELECT post_id, run_id FROM posts_latest ORDER BY post_id")
    assert latest == [("1", "night-2"), ("2", "night-3"), ("3", "night-4"), ("4", "night-4")]


def test_a_reused_walk_is_found_under_the_run_that_bought_it(tmp_path: Path) -> None:
    history = History()
    history.walk("night-1", night(1), [[hashtag(1)]], why="as_asked")
    history.cover(
        "night-2", night(2), walk_id="us", state="complete", why="as_asked", snapshot_at=night(1), reused_from="night-1"
    )
    history.write(tmp_path)
    assert ask(tmp_path, "SELECT run_id, snapshot_at FROM boards_latest") == [
        ("night-1", night(1).replace(tzinfo=None))
    ]
    assert ask(tmp_path, "SELECT run_id, hashtag_name FROM hashtags_latest") == [("night-1", "tag1")]


def test_without_coverage_nothing_is_known_to_be_complete_and_nothing_fails(nights: Path, tmp_path: Path) -> None:
    shutil.copytree(nights / "archive" / "hashtags", tmp_path / "archive" / "hashtags")
    assert ask(tmp_path, "SELECT * FROM hashtags_latest") == []
    assert ask(tmp_path, "SELECT count(*) FROM hashtags") == [(8,)]
    assert ask(tmp_path, "SELECT * FROM spend") == []


def test_the_other_boards_have_a_latest_too(tmp_path: Path) -> None:
    boards = (
        ("creators", "crawlora.creators", "user_id", {"user_id": "5"}),
        ("posts", "crawlora.hashtag_posts", "post_id", {"id": "6"}),
        ("videos", "keyapi.videos", "item_id", {"item_id": "7"}),
    )
    history = History()
    for run, day in (("night-1", 1), ("night-2", 2)):
        for table, endpoint, _, record in boards:
            told = {"endpoint": endpoint, "parameters": '{"id":"1"}'}
            history.walk(run, night(day), [[record], [record]], walk_id=table, **told)
    history.write(tmp_path)
    each = (f"SELECT run_id, walk_id, {key}, page FROM {table}_latest" for table, _, key, _ in boards)
    assert sorted(ask(tmp_path, " UNION ALL ".join(each))) == [
        ("night-2", "creators", "5", 1),
        ("night-2", "posts", "6", 1),
        ("night-2", "videos", "7", 1),
    ]


# --- history ----------------------------------------------------------------------------------------------------------


def test_a_move_is_signed_by_its_type_and_an_unknown_type_is_kept(tmp_path: Path) -> None:
    history = History()
    told = [(1, 3), (2, 0), (3, 5), (4, 0), (4, None), (9, 2), (None, 2), (1, None)]
    records = [hashtag(n, rank_diff=size, rank_diff_type=kind) for n, (kind, size) in enumerate(told, start=1)]
    history.walk("night-1", night(1), [records])
    history.write(tmp_path)
    assert ask(tmp_path, "SELECT places_won, moved FROM hashtag_ranks ORDER BY rank") == [
        (3, "up"),
        (0, "unchanged"),
        (-5, "down"),
        (None, "new"),
        (None, "new"),
        (None, "9"),
        (None, None),
        (None, "up"),
    ]


def test_ranks_are_one_row_a_snapshot_with_the_first_and_last_time_on_that_board(nights: Path) -> None:
    found = ask(
        nights,
        "SELECT hashtag_name, snapshot_at, rank, first_seen_at, last_seen_at FROM hashtag_ranks "
        "WHERE walk_id = 'us' ORDER BY hashtag_name, snapshot_at",
    )

    def at(day: int) -> datetime:
        return night(day).replace(tzinfo=None)

    assert found == [
        ("tag1", at(1), 1, at(1), at(2)),
        ("tag1", at(2), 2, at(1), at(2)),
        ("tag2", at(1), 2, at(1), at(2)),
        ("tag2", at(2), 1, at(1), at(2)),
        ("tag3", at(2), 3, at(2), at(2)),
        ("tag4", at(3), 4, at(3), at(3)),
    ]


def test_lists_become_rows_once_a_snapshot(tmp_path: Path) -> None:
    trend = [{"time": 1_794_787_200, "value": 1}, {"time": 1_794_873_600, "value": 0.5}]
    record = hashtag(1, trend=trend, creators=[{"nick_name": "Ada"}, {"nick_name": "Bo", "avatar_url": "u"}])
    bare = hashtag(2, trend=[], creators=None)
    items = [{"item_id": "31", "vv": 9, "liked_cnt": 2, "create_time": 1_794_787_200}, None]
    history = History()
    history.walk("night-1", night(1), [[record, bare], [record]])
    history.walk("night-1", night(1), [[{"user_id": "5", "items": items}]], walk_id="c", endpoint="crawlora.creators")
    history.write(tmp_path)
    days = [datetime(2026, 11, 16), datetime(2026, 11, 17)]  # noqa: DTZ001 - as DuckDB has it
    assert ask(tmp_path, "SELECT hashtag_name, point_at, value FROM hashtag_trend ORDER BY point_at") == [
        ("tag1", days[0], 1.0),
        ("tag1", days[1], 0.5),
    ]
    assert ask(tmp_path, "SELECT place, nick_name, avatar_url FROM hashtag_creators ORDER BY place") == [
        (1, "Ada", None),
        (2, "Bo", "u"),
    ]
    assert ask(tmp_path, "SELECT user_id, place, item_id, views, likes, created_at FROM creator_items") == [
        ("5", 1, "31", 9, 2, days[0])
    ]


def test_the_hashtags_of_a_post_are_those_that_stand_in_it_and_the_one_that_was_asked_for(tmp_path: Path) -> None:
    posts = [
        {
            "id": "91",
            "challenges": [{"id": "1", "title": "asked"}, {"id": "2", "title": "beside"}],
            "textExtra": [
                {"hashtagId": "2", "hashtagName": "Beside"},
                {"hashtagId": "3", "hashtagName": "only in the text"},
                {"hashtagId": "3", "hashtagName": "only in the text"},
                {"hashtagName": "", "hashtagId": "", "userId": "4"},
            ],
        },
        {"id": "92"},
    ]
    history = History()
    history.walk("night-1", night(1), [posts, posts[:1]], endpoint="crawlora.hashtag_posts", parameters='{"id":"1"}')
    history.write(tmp_path)
    assert ask(
        tmp_path, "SELECT post_id, asked_hashtag_id, hashtag_id, hashtag_name FROM post_hashtags ORDER BY ALL"
    ) == [
        ("91", "1", "1", "asked"),
        ("91", "1", "2", "beside"),
        ("91", "1", "3", "only in the text"),
        ("92", "1", "1", None),
    ]


def test_spend_sums_the_ledger_by_day_endpoint_and_country(tmp_path: Path) -> None:
    history = History()
    day = night(1).date()
    of_us = {"day": day, "country": "US"}
    ok = {**of_us, "outcome": "ok", "charge": "charged", "credits": 8, "rows": 100}
    history.attempt("night-1", night(1), **ok)
    history.attempt("night-1", night(1), **ok)
    history.attempt("night-1", night(1), **of_us, outcome="lost", charge="unknown", credits=8, rows=0)
    history.attempt("night-1", night(1), **of_us, outcome="upstream_error", charge="free", credits=0, rows=0)
    history.attempt("night-1", night(1), **of_us, outcome="not_sent", charge="free", credits=0, rows=0)
    keyapi = {"endpoint": "keyapi.videos", "day": day, "country": "GB"}
    history.attempt("night-1", night(1), **keyapi, outcome="empty", charge="presumed", credits=2, rows=0)
    history.write(tmp_path)
    assert ask(tmp_path, "SELECT * FROM spend ORDER BY vendor") == [
        (day, "crawlora", "crawlora.hashtags", "US", 4, 16, 0, 8, 24, 200, 0.12),
        (day, "keyapi", "keyapi.videos", "GB", 1, 0, 2, 0, 2, 0, None),
    ]


# --- archives of other versions ---------------------------------------------------------------------------------------


def test_coverage_that_other_versions_wrote_is_read_in_one_view(tmp_path: Path) -> None:
    history = History()
    history.walk("night-1", night(1), [[hashtag(1)]])
    history.walk("night-2", night(2), [[hashtag(1)]])
    history.write(tmp_path)
    old, new = sorted(tmp_path.glob("archive/coverage/*/*/run-*.parquet"))
    with duckdb.connect() as connection:
        for path, columns in (
            (old, "* EXCLUDE (repeats, decided_again_at), 3 AS overlaps"),
            (new, "* REPLACE (5 AS repeats), 'new' AS later"),
        ):
            read = f"SELECT {columns} FROM read_parquet('{path}', hive_partitioning = false)"
            connection.execute(f"COPY ({read}) TO '{tmp_path}/other' (FORMAT parquet)")
            (tmp_path / "other").replace(path)
    assert ask(tmp_path, "SELECT run_id, repeats, decided_again_at FROM coverage ORDER BY run_id") == [
        ("night-1", 3, None),
        ("night-2", 5, None),
    ]
    with open_archive(tmp_path, TABLES, VIEWS) as opened:
        described = [name for name, *_ in opened.execute("DESCRIBE FROM coverage").fetchall()]
        assert described == ["vendor", "date", *(column.name for column in COVERAGE_COLUMNS)]
        one_day = "EXPLAIN ANALYZE SELECT run_id FROM coverage WHERE date = DATE '2026-11-02'"
        plan = opened.execute(one_day).fetchall()[0][1]
    assert "Scanning Files: 1/3" in plan
    assert ask(tmp_path, "SELECT run_id FROM boards_latest") == [("night-2",)]


def test_a_renamed_column_answers_to_its_old_name_in_a_query_that_uses_it(tmp_path: Path) -> None:
    asked = 'SELECT "overlaps" AS before, repeats FROM coverage'
    with open_archive(tmp_path / "nothing", TABLES, VIEWS, asked) as opened:
        assert opened.execute(asked).fetchall() == []
    history = History()
    history.walk("night-1", night(1), [[hashtag(1)], [hashtag(1), hashtag(2)]])
    history.write(tmp_path)
    with open_archive(tmp_path, TABLES, VIEWS, asked) as opened:
        [(before, repeats)] = opened.execute(asked).fetchall()
    assert before == repeats
    assert ("overlaps",) not in ask(tmp_path, "SELECT column_name FROM (DESCRIBE coverage)")
