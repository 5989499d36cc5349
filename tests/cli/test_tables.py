"""Rows as a table: what fits, what is cut, what is said of the rest."""

from __future__ import annotations

import io
from decimal import Decimal
from typing import Any

import pytest

from scraper.cli.output import Format, write_rows
from scraper.cli.rows import Rows

pytestmark = pytest.mark.own_instant


def table(columns: str, *rows: list[Any], width: int = 80) -> str:
    stream = io.StringIO()
    write_rows(Rows(tuple(columns.split()), rows), Format.TABLE, stream, width)
    return "\n".join(line.rstrip() for line in stream.getvalue().splitlines())


def test_numbers_are_whole_and_to_the_right_and_captions_are_cut() -> None:
    caption = "Dance with me \x1b[31mred\n[bold]now[/] " + "and again " * 20
    assert table(
        "country hashtag_id caption video_views rank",
        ["US", "7234567890123456789", caption, 1_284_000_000, 1],
        ["GB", "7234567890123456780", None, 9_500, 2],
        width=80,
    ) == (
        "country  hashtag_id           caption                          video_views  rank\n"
        "────────────────────────────────────────────────────────────────────────────────\n"
        "US       7234567890123456789  Dance with me �[31mred [bold…  1,284,000,000     1\n"
        "GB       7234567890123456780  NULL                                   9,500     2"
    )


def test_columns_without_room_are_named_below() -> None:
    assert table("name views likes shares", ["one", 10_000_000, 2_000_000, 3], width=26) == (
        "name       views\n────────────────\none   10,000,000\n"
        "2 columns not shown, the\nterminal is too narrow:\nlikes, shares"
    )


def test_sentences_of_the_last_column_are_broken_over_lines_and_not_cut() -> None:
    stream = io.StringIO()
    told = Rows(("column", "meaning"), [["rank", "place on the board, 1 is best"]], prose="meaning")
    write_rows(told, Format.TABLE, stream, 26)
    assert [line.rstrip() for line in stream.getvalue().splitlines()[2:]] == [
        "rank    place on the",
        "        board, 1 is best",
    ]


def test_figures_below_five_digits_have_no_separators() -> None:
    assert table("year sum", [2026, Decimal(12345)], [1999, Decimal("-1234.5")]) == (
        "year       sum\n──────────────\n2026    12,345\n1999  -1,234.5"
    )


def test_nested_values_are_compact_json() -> None:
    assert table("author tags", [{"id": "7", "n": 1}, ["a", "b"]]) == (
        'author            tags\n───────────────────────────\n{"id":"7","n":1}  ["a","b"]'
    )


def test_wide_characters_take_the_room_that_they_need() -> None:
    assert table("a b", ["日本語の とても長い言葉です、ね", "x"], width=20) == (
        "a                  b\n────────────────────\n日本語の とても …  x"
    )


def test_an_answer_without_rows_says_so() -> None:
    assert table("a b") == "a  b\n────\nno rows"


def test_a_thousand_rows_are_shown_and_the_others_are_told_of() -> None:
    shown = table("n", *([n] for n in range(1_500))).splitlines()
    assert (len(shown), shown[2], shown[-2]) == (1_003, "  0", "999")
    assert shown[-1] == "only the first 1,000 rows are shown: --format csv or json writes all"
