"""A report's charts: what their files declare, and the query that is made of them."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from scraper.core.report import Answered, Chart, Period, chart_of, json_value, last_days, month_until, query_of

NOVEMBER = Period(date(2026, 11, 1), date(2026, 11, 30))


def chart(sql: str) -> Chart:
    return Chart("mine", "Mine", "", sql)


def test_the_head_of_a_file_is_its_title_and_its_description() -> None:
    text = "\n-- Credits a row.\n-- By the day,\n--   and endpoint.\n\nSELECT 1 -- one\n;\n"
    assert chart_of("cost", text, "cost.sql", {"mark": "bar"}, "cost.vl.json") == Chart(
        "cost",
        "Credits a row",
        "By the day, and endpoint.",
        "SELECT 1 -- one",
        {"mark": "bar"},
        "cost.sql",
        "cost.vl.json",
    )
    assert chart_of("cost", "SELECT 1") == Chart("cost", "cost", "", "SELECT 1")
    assert chart_of("cost", "-- Left out").sql == ""


def test_the_days_of_the_period_stand_in_the_query_and_texts_and_comments_stay() -> None:
    kept = """SELECT '$since', "$until" -- $since\n/* $until */ FROM t WHERE x = $sincere"""
    assert query_of(chart(f"{kept} AND day BETWEEN $since AND $until"), NOVEMBER, {}) == (
        f"{kept} AND day BETWEEN DATE '2026-11-01' AND DATE '2026-11-30'"
    )


@pytest.mark.parametrize(
    ("sql", "begins", "ends"),
    [
        ("FROM report_accounts", "WITH report_accounts AS (", ")\nFROM report_accounts"),
        (
            "WITH a AS (FROM report_accounts) FROM a",
            "WITH report_accounts AS (",
            "),\na AS (FROM report_accounts) FROM a",
        ),
        (
            "with recursive a AS (FROM report_accounts) FROM a",
            "WITH recursive report_accounts AS (",
            "),\na AS (FROM report_accounts) FROM a",
        ),
    ],
)
def test_an_input_that_a_query_reads_stands_before_it(sql: str, begins: str, ends: str) -> None:
    query = query_of(chart(sql), NOVEMBER, {"report_accounts": [("it's", None, 20_000, 14)]})
    assert query.startswith(begins)
    assert query.endswith(ends)
    assert "('it''s', NULL, 20000, 14)" in query
    assert "report_drift" not in query


def test_an_input_that_is_only_spoken_of_is_not_added() -> None:
    assert query_of(chart("SELECT 1 -- no report_drift"), NOVEMBER, {}) == "SELECT 1 -- no report_drift"


def test_periods_end_today() -> None:
    today = date(2026, 11, 21)
    assert last_days(today) == Period(date(2026, 10, 23), today)
    assert last_days(today).days == 30
    assert month_until(date(2026, 11, 1), today) == Period(date(2026, 11, 1), today)
    assert month_until(date(2026, 2, 1), today) == Period(date(2026, 2, 1), date(2026, 2, 28))
    assert month_until(date(2025, 12, 1), today) == Period(date(2025, 12, 1), date(2025, 12, 31))


def test_rows_are_drawn_from_what_json_can_hold() -> None:
    row = (
        Decimal(12),
        Decimal("1.5"),
        Decimal("NaN"),
        float("inf"),
        date(2026, 11, 21),
        datetime(2026, 11, 21, 2, tzinfo=UTC).replace(tzinfo=None),
        datetime(2026, 11, 21, 2, tzinfo=UTC),
        [{"a": Decimal(1)}],
        b"x",
        True,
        None,
    )
    answered = Answered(chart(""), "", tuple("abcdefghijk"), (row,), 1)
    values = [12, 1.5, None, None, "2026-11-21", "2026-11-21T02:00:00Z", "2026-11-21T02:00:00+00:00", [{"a": 1}]]
    assert list(answered.records[0].values()) == [*values, "b'x'", True, None]
    assert json_value("<&>") == "<&>"
