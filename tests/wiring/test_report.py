"""What only the state database knows, on its way into a report's queries."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from scraper.core.errors import ConfigurationError
from scraper.core.report import ReportSettings, last_days
from scraper.wiring.project import Project
from scraper.wiring.query import queried
from scraper.wiring.report import report_file, report_of, report_settings
from scraper.wiring.settings import Settings
from tests.clock import ShiftedClock
from tests.runs.test_drift import records, runs_of


def test_drift_and_limits_stand_in_the_printed_queries_as_values(tmp_path: Path) -> None:
    runs_of(tmp_path, records(30, **{"it's <new>": 1, "publish_cnt": "12k"}))
    clock = ShiftedClock()
    settings = Settings(data=tmp_path / "data", clock=clock)
    made = report_of(settings, None, last_days(clock.now().date()), draw=lambda *_: ())
    answered = {section.answer.chart.name: section.answer for section in made.sections}
    drift = answered["90-drift"]
    assert {row[:6] for row in drift.rows} == {
        ("crawlora.hashtags", "new", '"it\'s <new>"', "integer", 30, 30),
        ("crawlora.hashtags", "unfit", "publish_cnt", "string for BIGINT", 30, 30),
    }
    with queried(settings, None, drift.query) as reader:
        assert [tuple(row.values()) for row in reader.read_all().to_pylist()] == list(drift.rows)
    assert "it''s <new>" in drift.query
    assert {row[0] for row in answered["20-month"].rows} == {"crawlora/default"}
    assert made.has_state
    assert made.warnings == []


def project_of(root: Path, report: str) -> Settings:
    (root / "scraper.toml").write_text(f"[report]\n{report}\n")
    return Settings(data=root / "data", project=Project(root=root, base=root))


def test_the_project_says_how_many_days_and_into_which_file(tmp_path: Path) -> None:
    settings = project_of(tmp_path, 'days = 3\nfile = "pages/of-us.html"')
    stated = report_settings(settings)
    assert stated == ReportSettings(3, str(tmp_path / "pages" / "of-us.html"))
    assert report_file(settings, stated) == tmp_path / "pages" / "of-us.html"
    sandbox = Settings(data=tmp_path / "data", project=settings.project, sandbox=True)
    assert report_file(sandbox, stated) == tmp_path / "data" / "report.html", "made-up figures replace no real page"
    assert report_settings(Settings()) == ReportSettings()


@pytest.mark.parametrize(
    ("table", "fault"),
    [
        ("days = 0", "days: input should be greater than or equal to 1"),
        ('file = "r.csv"', "should end in .html, not 'r.csv': a report is an HTML page"),
        ("dayz = 3", "dayz: no such key; did you mean 'days'?"),
    ],
)
def test_a_faulty_table_is_refused(tmp_path: Path, table: str, fault: str) -> None:
    with pytest.raises(ConfigurationError, match=re.escape(fault)):
        report_settings(project_of(tmp_path, table))
