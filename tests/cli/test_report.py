"""``scraper report``: a page that is true to SQL, whatever vendors send and however much there is."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import re
import shutil
import xml.etree.ElementTree as ET
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from scraper.cli.display.report import MOST_BYTES, page
from scraper.core.jobs import Account
from scraper.core.report import Period
from scraper.core.subscriptions import Subscription
from scraper.io.charts import UndrawnError, can_draw
from scraper.io.config_files.report_files import read_charts
from scraper.io.state import open_stores, state_url
from scraper.wiring.report import Report, report_of
from scraper.wiring.settings import Settings
from tests.cli.report_page import Shown, as_shown, sections
from tests.clock import NOON, ShiftedClock
from tests.docs.markdown import DOCS, fences
from tests.docs.place import Said, said
from tests.io.archive_fixtures import hashtag
from tests.io.history import History, night

pytestmark = pytest.mark.own_instant

NAMES = ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "bell\x07\u202eturned", "&amp;", "plain"]
NOVEMBER = Period(date(2026, 11, 1), date(2026, 11, 21))
STATUSES = {18: "failed", 19: "budget", 20: "complete", 21: "complete"}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Nights of one board: one that failed, one that a budget ended, and names that are markup."""
    history = History()
    for day, status in STATUSES.items():
        run, at = f"night-{day}", night(day)
        of_run: dict[str, Any] = {"job": "night", "run_status": status, "run_started_at": at, "run_ended_at": at}
        names = NAMES[day % 3 :] + NAMES[: day % 3]
        records = [
            hashtag(rank, hashtag_id=str(NAMES.index(name)), hashtag_name=name) for rank, name in enumerate(names, 1)
        ]
        if status == "failed":
            history.cover(run, at, walk_id="us", state="failed", why="request_failed", pages=0, rows=0, **of_run)
        else:
            history.walk(run, at, [records], country="US", period_days=7, **of_run)
        paid = {"failed": ("lost", "unknown", 0)}.get(status, ("ok", "charged", 1_000 + day))
        history.attempt(
            run,
            at,
            **{"job": "night", "account": "crawlora/default", "day": at.date(), "walk_id": "us", "credits": 8},
            **dict(zip(("outcome", "charge", "rows"), paid, strict=True)),
        )
    place = tmp_path_factory.mktemp("place") / "data"
    history.write(place)

    async def note_limits() -> None:
        with open_stores(state_url(place), lambda: NOON, kind="real") as stores:
            plan = Subscription("starter", credits_per_month=20_000, month_starts_on=14)
            await stores.ledger.note_accounts([Account("crawlora", plan, "KEY")])

    asyncio.run(note_limits())
    return place


def report(data: Path, *arguments: str) -> Said:
    return said(["report", "--data", str(data), *arguments], ShiftedClock(NOON))


def made(data: Path, configs: Path | None = None, draw: Any = None, period: Period = NOVEMBER) -> Report:
    return report_of(Settings(data=data, clock=ShiftedClock(NOON)), configs, period, draw or drawn_plainly)


@pytest.fixture(scope="module")
def text(data: Path) -> str:
    """The page of the nights, with plain drawings."""
    return page(made(data))


@pytest.fixture(scope="module")
def told_and_page(data: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Said, str]:
    """What the command says of the nights' page, in a file ``r.html``, and the page, with drawings if they can be."""
    path = tmp_path_factory.mktemp("written") / "r.html"
    told = report(data, "-o", str(path), "--month", "2026-11")
    return replace(told, stderr=told.stderr.replace(str(path), path.name)), path.read_text()


@pytest.fixture
def configs(tmp_path: Path) -> Path:
    """A place for charts of one's own, which leaves out all packaged ones but one of figures and one that is drawn."""
    (tmp_path / "configs" / "reports").mkdir(parents=True)
    for name in {chart.name for chart in read_charts()} - {"10-summary", "80-requests"}:
        (tmp_path / "configs" / "reports" / f"{name}.sql").touch()
    return tmp_path / "configs"


def drawn_plainly(
    spec: Mapping[str, Any], records: Sequence[Mapping[str, Any]], widths_px: Sequence[int], prefix: str
) -> tuple[ET.Element, ...]:
    """A drawing that says all of its rows."""
    assert spec["data"] == {"name": "rows"}
    svgs = tuple(ET.Element("svg", {"width": str(width), "id": f"{prefix}-{width}"}) for width in widths_px)
    for svg in svgs:
        ET.SubElement(svg, "text").text = json.dumps(records)
    return svgs


def assert_true_to_sql(data: Path, text: str) -> dict[str, Shown]:
    """Each printed query gives what stands beside it."""
    found = sections(text)
    for name, shown in found.items():
        answer = said(["sql", "--data", str(data), "--format", "json", shown.query])
        assert answer.exit_code == 0, (name, answer.stderr)
        rows = json.loads(answer.stdout)
        assert shown.rows == [[as_shown(value) for value in row.values()] for row in rows], name
        if rows:
            assert shown.columns == [column.replace("_", " ") for column in rows[0]], name
    return found


# --- true to SQL ------------------------------------------------------------------------------------------------------


def test_every_figure_of_the_page_is_one_of_the_query_beside_it(data: Path, told_and_page: tuple[Said, str]) -> None:
    told, text = told_and_page
    assert (told.exit_code, told.stdout) == (0, "")
    found = assert_true_to_sql(data, text)
    assert told.stderr.startswith("wrote r.html (")
    assert found["10-summary"].rows == [["21", "4", "4", "2", "4", "32", "8", "3,060", "0.0105"]]
    assert [row[2] for row in found["30-nights"].rows] == ["complete", "complete", "budget", "failed"]
    assert [row[:3] for row in found["40-failed"].rows] == [["2026-11-18", "night", "crawlora.hashtags"]]
    assert len(found["60-ranks"].rows) == 3 * len(NAMES)
    assert found["90-drift"].notes == ["The query returned no rows."]


def test_the_line_of_the_month_begins_with_the_account_s_month_and_reaches_its_limit(text: str) -> None:
    rows = sections(text)["20-month"].rows
    first, last = rows[-1], rows[0]
    assert first == ["crawlora/default", "2026-11-14", "2026-11-14", "0", "0", "667", "20,000"]
    assert last == ["crawlora/default", "2026-11-14", "2026-12-13", "", "", "20,000", "20,000"]
    assert rows[1][2:5] == ["2026-11-21", "8", "32"]
    assert len(rows) == 9


def test_a_drawing_has_the_rows_that_its_table_shows(text: str) -> None:
    found = sections(text)
    drawn = {name for name, shown in found.items() if shown.drawings}
    assert drawn == {"20-month", "30-nights", "50-boards", "60-ranks", "70-cost", "80-requests"}
    for name in drawn:
        shown = found[name]
        assert [svg.get("class") for svg in shown.drawings] == ["narrow", "wide"]
        for svg in shown.drawings:
            assert (svg.get("role"), svg.get("aria-label")) == ("img", f"Chart: {shown.title}")
            records = json.loads("".join(svg.itertext()))
            assert [[as_shown(value) for value in record.values()] for record in records] == shown.rows


@pytest.mark.skipif(not can_draw(), reason="vl-convert-python is not installed: pip install '.[test]'")
def test_the_packaged_charts_are_drawn_and_write_the_figures_of_their_queries(
    told_and_page: tuple[Said, str],
) -> None:
    told, text = told_and_page
    assert told.stderr.count("tables only") == 0
    found = sections(text)
    assert len([name for name, shown in found.items() if shown.drawings]) == 6
    texts = {name: {text.text for svg in each.drawings for text in svg.iter("text")} for name, each in found.items()}
    assert {"ok, charged: 3 attempts, 24 credits", "lost, unknown: 1 attempt, 8 credits"} <= texts["80-requests"]
    assert {"F", "B"} <= texts["30-nights"]
    assert {"<script>alert(1)</script>", "plain", "&amp;"} <= texts["60-ranks"]


# --- safe and self-contained ------------------------------------------------------------------------------------------


def test_what_vendors_send_is_text_and_nothing_leads_outside(text: str) -> None:
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text
    assert not re.search(r"<(script|img|iframe|link|object|a href=\"[^#])", text)
    assert not re.search(r"(https?:)?//|url\((?!#)|@import|\son\w+=\"", text.replace("&lt;/", ""))
    assert not set("\x07\u202e") & set(text)


def test_a_browser_may_load_nothing_but_the_page_s_own_style(text: str) -> None:
    (style,) = re.findall(r"<style>(.*?)</style>", text, re.DOTALL)
    (policy,) = re.findall(r'http-equiv="Content-Security-Policy" content="([^"]*)"', text)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert policy.replace("&#x27;", "'").split("; ")[:2] == ["default-src 'none'", f"style-src 'sha256-{digest}'"]
    assert " style=" not in text
    assert "prefers-color-scheme: dark" in style


def test_the_page_can_be_walked_by_keyboard_and_heard(text: str) -> None:
    body = ET.fromstring(text[text.index("<body>") : text.index("</body>") + len("</body>")])
    ids = [each.attrib["id"] for each in body.iter() if "id" in each.attrib]
    assert len(ids) == len(set(ids))
    assert {link.attrib["href"][1:] for link in body.iter("a")} <= set(ids)
    for table in body.iterfind(".//table"):
        assert table.find("caption") is not None
        assert {head.get("scope") for head in table.iterfind("thead/tr/th")} == {"col"}
    for region in body.iterfind(".//div[@class='scroll']"):
        assert region.attrib.keys() >= {"tabindex", "role", "aria-label"}
    described = {svg.attrib["aria-describedby"] for svg in body.iterfind(".//figure/svg")}
    assert described <= set(ids)


def test_colours_of_text_and_of_charts_stand_out_from_the_paper_in_both_schemes(text: str) -> None:
    (style,) = re.findall(r"<style>(.*?)</style>", text, re.DOTALL)
    schemes = [
        dict(re.findall(r"--(\w+): (#\w{6})", block)) for block in re.findall(r":root \{(.*?)\}", style, re.DOTALL)
    ]
    assert len(schemes) == 2
    reports = Path(__file__).parents[2] / "scraper" / "reports"
    marks = set(re.findall(r'"(#\w{6})"', "".join(path.read_text() for path in reports.glob("*.json"))))
    themed = {"#1f2328", "#d8dce1", "#838b94", "#ffffff", "#fffffe"}
    for scheme in schemes:
        for name in ("ink", "quiet", "link", "warn"):
            for behind in ("paper", "panel"):
                assert contrast(scheme[name], scheme[behind]) >= 4.5, (name, behind)
        for colour in {*(marks - themed), scheme["axis"], scheme["bar"]}:
            assert contrast(colour, scheme["paper"]) >= 3, colour


def contrast(one: str, other: str) -> float:
    """The contrast ratio of WCAG 2."""

    def luminance(colour: str) -> float:
        parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))

    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


# --- size -------------------------------------------------------------------------------------------------------------


def test_however_much_there_is_the_page_stays_below_a_megabyte_and_says_what_it_leaves_out(
    data: Path, configs: Path
) -> None:
    wide = ", ".join(f"repeat('x{n}', 90) AS c{n}" for n in range(12))
    (configs / "reports" / "95-much.sql").write_text(f"-- Much\nSELECT i, {wide} FROM range(3000) AS r(i)")
    (configs / "reports" / "95-much.vl.json").write_text('{"data": {"name": "rows"}, "mark": "bar"}')
    text = page(made(data, configs))
    assert len(text.encode()) < MOST_BYTES
    shown = sections(text)["95-much"]
    assert "the chart is too large for a page of 1 MB" in shown.notes[0]
    assert "The first 5 of 3,000 rows; the query returns them all" in text
    assert sections(text)["80-requests"].drawings, "the others are still drawn"

    def small(*asked: Any) -> tuple[ET.Element, ...]:
        return tuple(ET.Element("svg") for _ in asked[2])

    text = page(made(data, configs, small))
    assert sections(text)["95-much"].notes == ["The chart shows the first 2,000 of 3,000 rows."]
    assert "The first 100 of 3,000 rows" in text
    assert len(text.encode()) < MOST_BYTES


# --- a user's charts, and what fails ----------------------------------------------------------------------------------


def test_a_chart_that_fails_is_told_of_and_the_others_are_there(data: Path, tmp_path: Path, configs: Path) -> None:
    (configs / "reports" / "05-mine.sql").write_text("-- Mine\nSELECT nothing FROM hashtags")
    (configs / "reports" / "06-copy.sql").write_text("-- Copy\nCOPY (SELECT 1) TO 'x.csv'")
    told = report(data, "-o", str(tmp_path / "r.html"), "--configs", str(configs))
    assert told.exit_code == 6
    assert f"warning: {configs / 'reports' / '05-mine.sql'}: Binder Error" in told.stderr
    found = sections((tmp_path / "r.html").read_text())
    assert found["05-mine"].notes[0].startswith("No figures: Binder Error")
    assert "only one SELECT is allowed" in found["06-copy"].notes[0]
    assert found["10-summary"].rows
    assert not (tmp_path / "x.csv").exists()


def test_the_chart_of_the_manual_is_a_section_of_the_page(data: Path, configs: Path) -> None:
    manual = (DOCS / "operating.md").read_text(encoding="utf-8").partition("## Report")[2].partition("\n## ")[0]
    for language, ending in (("text", "sql"), ("json", "vl.json")):
        (fence,) = fences(manual, language)
        (configs / "reports" / f"45-biggest.{ending}").write_text(fence.body)
    met = made(data, configs)
    shown = sections(page(met))["45-biggest"]
    assert (met.warnings, shown.title, len(shown.rows)) == ([], "Biggest hashtags", len(NAMES))
    assert len(shown.drawings) == 2


def test_a_chart_that_cannot_be_drawn_is_told_of_and_its_table_is_there(data: Path, configs: Path) -> None:
    def undrawn(*_: object) -> tuple[ET.Element, ...]:
        raise UndrawnError("no such mark")

    (configs / "reports" / "80-requests.vl.json").write_text('{"mark": "none"}')
    met = made(data, configs, undrawn)
    told = f"{configs / 'reports' / '80-requests.vl.json'}: the chart cannot be drawn: no such mark"
    assert met.warnings == [told]
    shown = sections(page(met))["80-requests"]
    assert shown.notes == ["A table instead of a chart: the chart cannot be drawn: no such mark."]
    assert [row[:4] for row in shown.rows] == [["ok", "charged", "3", "24"], ["lost", "unknown", "1", "8"]]


def test_without_a_state_database_the_page_says_what_is_not_known(data: Path, tmp_path: Path) -> None:
    shutil.copytree(data / "archive", tmp_path / "copy" / "archive")
    text = page(made(tmp_path / "copy"))
    assert "limits of accounts and drift are not known" in text
    assert {row[-1] for row in sections(text)["20-month"].rows} == {""}


def test_an_archive_without_any_run_gives_a_page(tmp_path: Path) -> None:
    (tmp_path / "archive").mkdir()
    assert report(tmp_path).exit_code == 0
    found = sections((tmp_path / "report.html").read_text())
    assert all(not shown.notes or shown.notes == ["The query returned no rows."] for shown in found.values())
    assert found["10-summary"].rows == [["30", "0", "0", "0", "0", "0", "0", "0", ""]]


# --- the command ------------------------------------------------------------------------------------------------------


def test_a_report_is_replaced_and_another_file_only_by_force(data: Path, configs: Path) -> None:
    out, mine = configs / "r.html", ("--configs", str(configs))
    out.write_text("mine")
    refused = report(data, "-o", str(out), *mine)
    assert (refused.exit_code, out.read_text()) == (2, "mine")
    assert "exists and is not a report: --force replaces it" in refused.stderr
    assert report(data, "-o", str(out), "--force", *mine).exit_code == 0
    assert report(data, "-o", str(out), *mine).exit_code == 0
    assert report(data, "-o", "-", *mine).stdout == out.read_text()
    assert sorted(path.name for path in configs.iterdir()) == ["r.html", "reports"]


def test_a_file_that_cannot_be_or_is_named_otherwise_is_refused_before_anything_is_asked(
    data: Path, tmp_path: Path
) -> None:
    named = report(data, "-o", str(tmp_path / "r.csv"))
    assert (named.exit_code, list(tmp_path.iterdir())) == (2, [])
    assert "does not end in .html" in named.stderr
    nowhere = report(tmp_path / "none")
    assert (nowhere.exit_code, list(tmp_path.iterdir())) == (2, [])
    assert f"there is no data in {tmp_path / 'none'}" in nowhere.stderr


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--month", "2026-13"], "'2026-13' is not a month: --month has the form 2026-11."),
        (["--month", "2026-12"], "the month 2026-12 has not begun: today is 2026-11-21 (UTC)."),
        (["--since", "2026-11-22"], "2026-11-22 is not over yet: today is 2026-11-21"),
        (["--since", "2026-11-01", "--month", "2026-11"], "--since and --month exclude each other"),
    ],
)
def test_a_period_that_cannot_be_is_refused(data: Path, tmp_path: Path, arguments: list[str], told: str) -> None:
    refused = report(data, "-o", str(tmp_path / "r.html"), *arguments)
    assert (refused.exit_code, list(tmp_path.iterdir())) == (2, [])
    assert told in refused.stderr


def test_a_period_of_two_thousand_years_is_answered(data: Path, tmp_path: Path, configs: Path) -> None:
    met = made(data, period=Period(date(1, 2, 3), NOVEMBER.until))
    found = sections(page(met))
    assert (met.warnings, len(found["30-nights"].rows)) == ([], len(STATUSES))
    out = tmp_path / "r.html"
    assert report(data, "-o", str(out), "--configs", str(configs), "--since", "0001-02-03").exit_code == 0
    assert sections(out.read_text())["10-summary"].rows == found["10-summary"].rows
    assert found["10-summary"].rows[0][1:3] == ["4", "4"]
