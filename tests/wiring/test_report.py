"""What only the state database knows, on its way into a report's queries."""

from __future__ import annotations

from pathlib import Path

from scraper.core.report import last_days
from scraper.wiring.query import queried
from scraper.wiring.report import report_of
from scraper.wiring.settings import Settings
from tests.clock import ShiftedClock
from tests.runs.test_drift import records, runs_of


def test_drift_and_limits_stand_in_the_printed_queries_as_values(tmp_path: Path) -> None:
    runs_of(tmp_path, records(30, **{"it's <new>": 1, "publish_cnt": "12k"}))
    clock = ShiftedClock()
    settings = Settings(data=tmp_path / "data", clock=clock)
    made = report_of(settings, None, last_days(clock.now().date()))
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
