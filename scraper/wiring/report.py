"""The report: the charts' queries run over the archive, and their rows drawn."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from scraper.core.errors import QueryError
from scraper.core.report import (
    ACCOUNTS,
    DRIFT,
    MOST_ROWS,
    REPORT_FILE,
    Answered,
    Chart,
    Period,
    ReportSettings,
    Values,
    query_of,
)
from scraper.wiring.files import load_charts, load_tables, load_views
from scraper.wiring.inspect import balances_of, drift_of
from scraper.wiring.project import PROJECT_FILE
from scraper.wiring.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from xml.etree.ElementTree import Element

    import duckdb
    import pyarrow as pa

    Draw = Callable[[Mapping[str, Any], Sequence[Mapping[str, Any]], Sequence[int], str], tuple[Element, ...]]

WIDTHS_PX: Final = (320, 600)
"""Widths of each drawing: of a phone, and of half a large screen."""

MOST_DRIFT: Final = 200
"""Most findings of drift in a report, the latest."""


@dataclass(frozen=True, slots=True)
class Section:
    """A chart's rows, and their drawings, one for each of `WIDTHS_PX`."""

    answer: Answered
    drawings: tuple[Element, ...] = ()
    undrawn: str = ""
    """The reason why the chart could not be drawn; empty: it was drawn, or there was nothing to draw, or no library."""


@dataclass(frozen=True, slots=True)
class Report:
    """A period's charts."""

    period: Period
    made_at: datetime
    sandbox: bool
    has_state: bool
    """False if there is only an archive; limits of accounts and drift are then unknown."""
    drawable: bool
    """False if no library for charts is installed."""
    sections: tuple[Section, ...]

    @property
    def warnings(self) -> list[str]:
        """Return a sentence for each chart that failed."""
        met = []
        for section in self.sections:
            if section.answer.fault:
                met.append(f"{section.answer.chart.source}: {section.answer.fault}")
            elif section.undrawn:
                met.append(f"{section.answer.chart.spec_source}: {section.undrawn}")
        return met


def report_settings(settings: Settings) -> ReportSettings:
    """Return ``[report]`` of the project."""
    root = settings.project.root
    if root is None or not (path := root / PROJECT_FILE).is_file():
        return ReportSettings()
    from scraper.io.config_files.report_table import read_report

    return read_report(path)


def report_file(settings: Settings, stated: ReportSettings) -> Path:
    """Return the file that a report is written to; the sandbox's goes to its own data."""
    if stated.file is None or settings.sandbox:
        return settings.data_directory / REPORT_FILE
    return Path(stated.file)


def report_of(settings: Settings, configs: Path | None, period: Period, draw: Draw | None = None) -> Report:
    """Run every chart's query and draw its rows.

    A chart whose query is refused, or that cannot be drawn, becomes a section with that message. `draw`: default:
    `io.charts.drawn` where vl-convert is installed.
    """
    from scraper.io import charts

    opened = _opening(settings, configs)
    if draw is None and charts.can_draw():
        draw = charts.drawn
    values = _values(settings, configs, period)
    answers = [answer_of(opened, chart, period, values or {}) for chart in load_charts(configs)]
    return Report(
        period=period,
        made_at=settings.clock.now().astimezone(UTC),
        sandbox=settings.sandbox,
        has_state=values is not None,
        drawable=draw is not None,
        sections=tuple(_section(answer, draw) for answer in answers),
    )


def _values(settings: Settings, configs: Path | None, period: Period) -> Values | None:
    """Return the rows of `INPUTS` from the state database; ``None``: there is only an archive."""
    from scraper.io.state import state_exists

    if not state_exists(settings.state_url):
        return None
    accounts = asyncio.run(balances_of(settings))
    drift = [
        record
        for record in asyncio.run(drift_of(settings, configs, settled=False))
        if period.since <= record.last_at.date() and record.first_at.date() <= period.until
    ]
    drift.sort(key=lambda record: record.last_at, reverse=True)
    limits = ((each.account, each.subscription) for each in accounts)
    return {
        ACCOUNTS: [(account, plan.name, plan.month_limit, plan.month_starts_on) for account, plan in limits],
        DRIFT: [
            (
                record.endpoint,
                record.finding.kind.value,
                record.finding.path,
                record.finding.detail,
                record.count,
                record.of,
                record.first_at.astimezone(UTC),
                record.last_at.astimezone(UTC),
            )
            for record in drift[:MOST_DRIFT]
        ],
    }


def _opening(settings: Settings, configs: Path | None) -> Callable[[str], duckdb.DuckDBPyConnection]:
    """Return a function that opens the archive for a query, as `scraper sql` does."""
    from scraper.io.query import Described
    from scraper.wiring.query import reader_of

    archive, described = reader_of(settings), Described(load_tables(configs), load_views(configs))
    return lambda query: archive.open(described, query)


def answer_of(
    opened: Callable[[str], duckdb.DuckDBPyConnection], chart: Chart, period: Period, values: Values
) -> Answered:
    """Run a chart's query; a refused one is an answer with its fault."""
    from scraper.io.query import answered

    query = query_of(chart, period, values)
    rows: list[tuple[Any, ...]] = []
    total = 0
    try:
        with answered(lambda: opened(query), query) as reader:
            columns = tuple(reader.schema.names)
            for batch in reader:
                rows += _rows(batch.slice(0, MOST_ROWS - len(rows)))
                total += batch.num_rows
    except QueryError as fault:
        return Answered(chart, query, fault=str(fault))
    return Answered(chart, query, columns, tuple(rows), total)


def _rows(batch: pa.RecordBatch) -> Iterator[tuple[Any, ...]]:
    return zip(*(_column(column) for column in batch.columns), strict=True)


def _column(column: pa.Array) -> list[Any]:
    """Return the values; one that Python lacks, such as an infinite date, becomes Arrow's text."""
    values: list[Any]
    try:
        values = column.to_pylist(maps_as_pydicts="lossy")
    except (OverflowError, ValueError):
        values = column.cast("string").to_pylist()
    return values


def _section(answer: Answered, draw: Draw | None) -> Section:
    from scraper.io.charts import UndrawnError

    if draw is None or answer.chart.spec is None or not answer.rows:
        return Section(answer)
    try:
        return Section(answer, draw(answer.chart.spec, answer.records, WIDTHS_PX, answer.chart.name))
    except UndrawnError as fault:
        return Section(answer, undrawn=f"the chart cannot be drawn: {fault}")
