"""A report as one HTML page, without scripts and external addresses.

The page is built as an ElementTree, which escapes every text and every attribute: a vendor's text cannot become markup.
It needs no template library, since the page must work without extras.
"""

from __future__ import annotations

import base64
import hashlib
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from importlib import resources
from typing import TYPE_CHECKING, Any, Final

import scraper
from scraper.cli.formatting import count, counted, harmless, instant
from scraper.cli.rows import is_number, value_text
from scraper.io.charts import INSTALL

if TYPE_CHECKING:
    from scraper.core.report import Answered
    from scraper.wiring.report import Report, Section

GENERATOR: Final = "scraper report"
MOST_BYTES: Final = 1_000_000
_ROWS_SHOWN: Final = (400, 100, 25, 5)
"""Rows of a table: the most that are shown, and fewer if the page becomes too large."""
_ROWS_OPEN: Final = 100
"""Rows of a table without a chart."""
_CELL_CHARACTERS: Final = 200
_LONG_CHARACTERS: Final = 40
"""Longest text that is not wrapped."""

Child = ET.Element | str


def page(report: Report) -> str:
    """Return the page, smaller than `MOST_BYTES` unless its queries and texts alone are larger."""
    text = ""
    for rows in _ROWS_SHOWN:
        if _size(text := _page(report, rows)) < MOST_BYTES:
            return text
    sections = list(report.sections)
    sizes = [sum(len(ET.tostring(drawing)) for drawing in section.drawings) for section in sections]
    for place in sorted(range(len(sections)), key=lambda place: -sizes[place]):
        sections[place] = replace(sections[place], drawings=(), undrawn="the chart is too large for a page of 1 MB")
        if _size(text := _page(replace(report, sections=tuple(sections)), _ROWS_SHOWN[-1])) < MOST_BYTES:
            break
    return text


def is_report(beginning: bytes) -> bool:
    """Return whether these are the first bytes of a report."""
    return f'name="generator" content="{GENERATOR}'.encode() in beginning


def _size(text: str) -> int:
    return len(text.encode())


def _element(tag: str, *children: Child, **attributes: str) -> ET.Element:
    """Return an element; ``class_`` and ``aria_label`` are the attributes class and aria-label."""
    made = ET.Element(tag, {name.rstrip("_").replace("_", "-"): value for name, value in attributes.items()})
    for child in children:
        if isinstance(child, ET.Element):
            made.append(child)
        elif len(made):
            made[-1].tail = (made[-1].tail or "") + child
        else:
            made.text = (made.text or "") + child
    return made


def _page(report: Report, rows: int) -> str:
    style = (resources.files("scraper") / "reports" / "page.css").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    allowed = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    head = _element(
        "head",
        _element("meta", charset="utf-8"),
        _element("meta", name="generator", content=f"{GENERATOR} {scraper.__version__}"),
        _element("meta", http_equiv="Content-Security-Policy", content=allowed),
        _element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        _element("meta", name="referrer", content="no-referrer"),
        _element("title", f"Report to {report.period.until}"),
        _element("style", style),
    )
    main = _element("main", *(_section(section, rows) for section in report.sections))
    whole = _element("html", head, _element("body", *_header(report), main, _footer()), lang="en")
    return f"<!doctype html>\n{ET.tostring(whole, encoding='unicode', method='html')}\n"


def _header(report: Report) -> Iterator[ET.Element]:
    period = report.period
    days = f"{counted(period.days, 'day')} from {period.since} to {period.until}, UTC"
    kind = " of simulated vendors (sandbox)" if report.sandbox else ""
    yield _element(
        "header",
        _element("h1", f"Report{kind}"),
        _element("p", f"{days} · made {instant(report.made_at)}", class_="quiet"),
    )
    if not report.drawable:
        yield _element(
            "p",
            "This report has tables only, because the library that draws charts was not installed. To add charts: ",
            _element("code", INSTALL),
            class_="note",
        )
    if not report.has_state:
        yield _element(
            "p",
            "There is no state database beside this archive: limits of accounts and drift are not known.",
            class_="note",
        )
    items = (
        _element("li", _element("a", harmless(section.answer.chart.title), href=f"#{section.answer.chart.name}"))
        for section in report.sections
    )
    yield _element("nav", _element("ul", *items), aria_label="Sections")


def _footer() -> ET.Element:
    return _element(
        "footer",
        _element(
            "p",
            "Every figure comes from the query below it; ",
            _element("code", "scraper sql"),
            " returns the same as long as the archive does not change.",
        ),
        class_="quiet",
    )


def _section(section: Section, rows: int) -> ET.Element:
    answer = section.answer
    name = answer.chart.name
    body: list[ET.Element] = [_element("h2", harmless(answer.chart.title), id=f"{name}-title")]
    if answer.chart.description:
        body.append(_element("p", harmless(answer.chart.description), class_="quiet", id=f"{name}-about"))
    if answer.fault:
        body.append(_element("p", f"No figures: {harmless(answer.fault)}", class_="note"))
    elif section.undrawn:
        body.append(_element("p", f"A table instead of a chart: {harmless(section.undrawn)}.", class_="note"))
    if not answer.fault:
        body += _figures(section, rows)
    query = "\n".join(map(harmless, answer.query.split("\n")))
    body.append(_element("details", _element("summary", "Query"), _element("pre", _element("code", query))))
    made = _element("section", *body, id=name, aria_labelledby=f"{name}-title")
    if not section.drawings:
        made.set("class", "full")
    return made


def _figures(section: Section, rows: int) -> Iterator[ET.Element]:
    answer = section.answer
    if not answer.rows:
        yield _element("p", "The query returned no rows.")
    elif section.drawings:
        yield _element("figure", *_drawings(section))
        if answer.total > len(answer.rows):
            yield _element(
                "p",
                f"The chart shows the first {count(len(answer.rows))} of {count(answer.total)} rows.",
                class_="note",
            )
        summary = _element("summary", f"Figures ({counted(answer.total, 'row')})")
        yield _element("details", summary, _table(answer, rows))
    elif answer.total == 1 and answer.chart.spec is None:
        pairs = zip(answer.columns, answer.rows[0], strict=True)
        yield _element(
            "dl",
            *(_element("div", _element("dt", _words(name)), _element("dd", _text(value))) for name, value in pairs),
        )
    else:
        yield _table(answer, min(rows, _ROWS_OPEN), bars=(answer.chart.spec or {}).get("usermeta"))


def _drawings(section: Section) -> Iterator[ET.Element]:
    chart = section.answer.chart
    for kind, drawing in zip(("narrow", "wide"), section.drawings, strict=True):
        svg = ET.Element("svg", {**drawing.attrib, "class": kind, "role": "img", "aria-label": f"Chart: {chart.title}"})
        if chart.description:
            svg.set("aria-describedby", f"{chart.name}-about")
        svg.extend(drawing)
        yield svg


def _table(answer: Answered, rows: int, bars: object = None) -> ET.Element:
    shown = answer.rows[:rows]
    numeric = [any(is_number(row[place]) for row in answer.rows) for place in range(len(answer.columns))]
    heads = (
        _element("th", _words(name), scope="col", **({"class_": "n"} if is_numeric else {}))
        for name, is_numeric in zip(answer.columns, numeric, strict=True)
    )
    barred = bars.get("bars") if isinstance(bars, dict) else None
    most = _most(answer, barred) if isinstance(barred, str) else 0.0
    body = _element("tbody")
    for row in shown:
        cells = [
            _cell(value, is_numeric, most if name == barred else 0.0)
            for name, value, is_numeric in zip(answer.columns, row, numeric, strict=True)
        ]
        body.append(_element("tr", *cells))
    said = counted(answer.total, "row")
    if len(shown) < answer.total:
        said = f"The first {count(len(shown))} of {said}; the query returns them all"
    caption = _element("caption", f"{harmless(answer.chart.title)}: {said}")
    table = _element("table", caption, _element("thead", _element("tr", *heads)), body)
    return _element(
        "div", table, class_="scroll", tabindex="0", role="region", aria_label=f"Table: {answer.chart.title}"
    )


def _most(answer: Answered, column: str) -> float:
    if column not in answer.columns:
        return 0.0
    place = answer.columns.index(column)
    return max((float(row[place]) for row in answer.rows if is_number(row[place])), default=0.0)


def _cell(value: Any, is_numeric: bool, most: float) -> ET.Element:  # noqa: ANN401 - anything that a row may hold
    text = _text(value)
    cell = _element("td", text)
    if is_numeric:
        cell.set("class", "n")
    elif len(text) > _LONG_CHARACTERS:
        cell.set("class", "long")
    if most > 0 and is_number(value):
        cell.text = None
        length = f"{max(0.0, 100 * float(value) / most):.1f}"
        bar = _element("rect", width=length, height="10")
        drawn = _element("svg", bar, class_="bar", viewBox="0 0 100 10", aria_hidden="true")
        drawn.tail = text
        cell.append(drawn)
    return cell


def _text(value: Any) -> str:  # noqa: ANN401
    """Return a value as a cell shows it: figures with commas between thousands, long text cut."""
    if is_number(value):
        if isinstance(value, int) or (isinstance(value, Decimal) and value == value.to_integral_value()):
            return count(int(value))
        return f"{value:,}"
    text = harmless(value_text(value))
    return text if len(text) <= _CELL_CHARACTERS else f"{text[:_CELL_CHARACTERS]}…"


def _words(column: str) -> str:
    return harmless(column).replace("_", " ")
