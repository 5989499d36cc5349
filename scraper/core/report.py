"""A report: queries over the archive, each with a chart, for a period of days.

A chart is a file ``<name>.sql`` with one SELECT and, beside it, ``<name>.vl.json``, the Vega-Lite specification that
draws its rows; without one the rows are a table. Of the SELECT's head, the first comment line is the title and the
others are the description. Names order the charts: ``10-…`` comes before ``20-…``.

``$since`` and ``$until`` in a SELECT are the first and the last day of the period: they are replaced by dates, so that
a filter on ``date`` opens only files of these days. ``report_accounts`` and ``report_drift`` have what only the state
database knows, as values inside the query. The query is shown as it was run.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from scraper.core.tables import Column, bare_sql, empty_relation

REPORT_FILE: Final = "report.html"
"""The page, in the data directory."""
DEFAULT_DAYS: Final = 30
HTML_ENDINGS: Final = frozenset({".html", ".htm", ""})
MOST_ROWS: Final = 2_000
"""Rows of a query that are kept for its chart and its table; more are counted only."""

ACCOUNTS: Final = "report_accounts"
DRIFT: Final = "report_drift"
INPUTS: Final[Mapping[str, tuple[Column, ...]]] = {
    ACCOUNTS: (
        Column("account", "VARCHAR", "vendor and name of the account"),
        Column("plan", "VARCHAR", "its plan"),
        Column("month_limit", "BIGINT", "credits of a month, allowed overage included; null: none is known"),
        Column("month_starts_on", "BIGINT", "day on which credits are renewed"),
    ),
    DRIFT: (
        Column("endpoint", "VARCHAR", "full name of the endpoint"),
        Column("kind", "VARCHAR", "new, missing, type, coerced, unfit …"),
        Column("path", "VARCHAR", "where in a record"),
        Column("detail", "VARCHAR", "what was found there"),
        Column("times", "BIGINT", "records, or pages, that had it"),
        Column("of", "BIGINT", "records, or pages, that were inspected"),
        Column("first_at", "TIMESTAMP", "UTC, when it was first found"),
        Column("last_at", "TIMESTAMP", "UTC, when it was last found"),
    ),
}
"""Relations that a chart may read in addition to the archive's: columns of each."""

Values = Mapping[str, Sequence[Sequence[object]]]
"""Relation of `INPUTS` → its rows."""

_HEAD = re.compile(r"(?:[ \t]*--[^\n]*(?:\n|\Z)|[ \t]*\n)*")
_PARAMETER = re.compile(
    r"""(?P<other>'(?:[^']|'')*' | "(?:[^"]|"")*" | --[^\n]* | /\*.*?\*/) | \$(?P<name>since|until)\b""",
    re.DOTALL | re.VERBOSE,
)
_WITH = re.compile(r"WITH\s+(RECURSIVE\s+)?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class ReportSettings:
    """``[report]`` of scraper.toml."""

    days: int = DEFAULT_DAYS
    file: str | None = None
    """``None``: report.html in the data directory."""


@dataclass(frozen=True, slots=True)
class Period:
    """Days of a report, in UTC, the last one included."""

    since: date
    until: date

    @property
    def days(self) -> int:
        return (self.until - self.since).days + 1


def last_days(today: date, days: int = DEFAULT_DAYS) -> Period:
    """Return the last days, today included."""
    return Period(today - timedelta(days=days - 1), today)


def month_until(first: date, today: date) -> Period:
    """Return a month from its first day to its last one, or to today if that is earlier."""
    following = (first.replace(day=1) + timedelta(days=31)).replace(day=1)
    return Period(first, min(following - timedelta(days=1), today))


@dataclass(frozen=True, slots=True)
class Chart:
    """A query of the report, and the drawing of its rows."""

    name: str
    """The stem of its files."""
    title: str
    description: str
    sql: str
    """The SELECT below the head of its file, verbatim."""
    spec: Mapping[str, Any] | None = None
    """Vega-Lite; ``None``: the rows are shown as a table."""
    source: str = ""
    """The file of the SELECT, for messages."""
    spec_source: str = ""
    """The file of the specification."""


def chart_of(
    name: str, text: str, source: str = "", spec: Mapping[str, Any] | None = None, spec_source: str = ""
) -> Chart:
    """Return the chart that the text of its ``.sql`` file declares."""
    head = _HEAD.match(text)
    end = head.end() if head else 0
    title, *rest = [line.strip().lstrip("-").strip() for line in text[:end].splitlines() if line.strip()] or [name]
    sql = text[end:].strip().rstrip(";").rstrip()
    return Chart(name, title.rstrip("."), " ".join(rest).strip(), sql, spec, source, spec_source)


def query_of(chart: Chart, period: Period, values: Values) -> str:
    """Return the query to run: with the days of the period, and with the inputs that it reads."""
    days = {"since": period.since, "until": period.until}
    sql = _PARAMETER.sub(lambda met: met["other"] or f"DATE '{days[met['name']].isoformat()}'", chart.sql)
    bare = bare_sql(sql)
    read = [name for name in INPUTS if re.search(rf"\b{name}\b", bare)]
    if not read:
        return sql
    inputs = ",\n".join(f"{name} AS (\n  {_relation(INPUTS[name], values.get(name, ()))}\n)" for name in read)
    if begins := _WITH.match(sql):
        return f"WITH {begins[1] or ''}{inputs},\n{sql[begins.end() :]}"
    return f"WITH {inputs}\n{sql}"


def _relation(columns: Sequence[Column], rows: Sequence[Sequence[object]]) -> str:
    if not rows:
        return empty_relation(columns)
    names = ", ".join(f'"{column.name}"' for column in columns)
    types = ", ".join(f'"{column.name}"::{column.type} AS "{column.name}"' for column in columns)
    listed = ",\n    ".join(f"({', '.join(map(_literal, row))})" for row in rows)
    return f"SELECT {types} FROM (VALUES\n    {listed}\n  ) AS known({names})"  # noqa: S608 - literals, and names of ours


def _literal(value: object) -> str:
    match value:
        case None:
            return "NULL"
        case int():
            return str(value)
        case datetime():
            return f"'{value:%Y-%m-%d %H:%M:%S}'"
        case _:
            return "'" + str(value).replace("\0", "").replace("'", "''") + "'"


@dataclass(frozen=True, slots=True)
class Answered:
    """The rows of a chart's query."""

    chart: Chart
    query: str
    """The query that was run."""
    columns: tuple[str, ...] = ()
    rows: tuple[tuple[Any, ...], ...] = ()
    """The first `MOST_ROWS`."""
    total: int = 0
    fault: str = ""
    """The reason why the query was refused; then there are no rows."""

    @property
    def records(self) -> list[dict[str, Any]]:
        """The rows in Vega-Lite's form."""
        return [{name: json_value(value) for name, value in zip(self.columns, row, strict=True)} for row in self.rows]


def json_value(value: object) -> object:
    """Return a value for JSON: instants and days as ISO 8601, numbers that are not finite as null."""
    match value:
        case None | bool() | int() | str():
            return value
        case float():
            return value if math.isfinite(value) else None
        case Decimal():
            return int(value) if value.is_finite() and value == value.to_integral_value() else json_value(float(value))
        case datetime():
            return value.isoformat() + ("" if value.tzinfo else "Z")
        case date():
            return value.isoformat()
        case Mapping():
            return {str(key): json_value(each) for key, each in value.items()}
        case list() | tuple():
            return [json_value(each) for each in value]
        case _:
            return str(value)
