"""Tables as text: what a .sql file says of its columns, and when a table has to be made anew."""

from __future__ import annotations

import duckdb
import pytest

from scraper.core.tables import (
    COMMON_COLUMNS,
    PATH_COLUMNS,
    TableSelect,
    bare_sql,
    over_no_pages,
    table_select,
)
from tests.io.archive_fixtures import TABLES

TEXT = """-- Things on a list.
-- One row each.
SELECT
  endpoint, -- a remark about the code, not a meaning
  a.x AS x, -- how many, in credits
  'it''s -- no comment' AS quoted, -- what it's called
  1 AS "last" -- the end
FROM pages /* here */ AS a
"""


def test_the_comments_at_the_head_are_the_description() -> None:
    assert table_select("things", TEXT).description == "Things on a list. One row each."


def test_the_comment_behind_a_column_is_its_meaning() -> None:
    meanings = table_select("things", TEXT).columns
    assert meanings == {"x": "how many, in credits", "quoted": "what it's called", "last": "the end"}


def test_a_common_column_has_its_meaning_without_a_comment() -> None:
    table = table_select("things", TEXT)
    assert table.meaning("walk_id").startswith("the walk")
    assert table.meaning("nowhere") == ""


def test_bare_sql_keeps_quoted_text_and_drops_comments() -> None:
    assert bare_sql(TEXT) == (
        "SELECT endpoint, a.x AS x, 'it''s -- no comment' AS quoted, 1 AS \"last\" FROM pages AS a"
    )


def test_a_comment_or_spacing_does_not_change_the_hash_and_anything_else_does() -> None:
    table = table_select("things", TEXT)
    assert table_select("things", TEXT.replace("how many", "number of").replace("  ", "\t")).hash == table.hash
    assert table_select("things", TEXT.replace("a.x AS", "a.y AS")).hash != table.hash
    assert table_select("things", TEXT.replace("s -- no", "s  -- no")).hash != table.hash


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_every_column_has_a_meaning_and_every_meaning_a_column(table: TableSelect) -> None:
    columns = duckdb.connect().sql(over_no_pages(table)).columns
    assert [column for column in columns if not table.meaning(column)] == []
    assert set(table.columns) <= set(columns)


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_every_table_starts_with_the_common_columns_as_declared(table: TableSelect) -> None:
    relation = duckdb.connect().sql(over_no_pages(table))
    inside = [column for column in COMMON_COLUMNS if column not in PATH_COLUMNS]
    met = list(zip(relation.columns, map(str, relation.types), strict=True))[: len(inside)]
    assert met == [(column.name, column.type) for column in inside]


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_counts_are_64_bit_and_times_carry_no_zone(table: TableSelect) -> None:
    types = " ".join(str(kind) for kind in duckdb.connect().sql(over_no_pages(table)).types)
    assert "INTEGER" not in types
    assert "WITH TIME ZONE" not in types
