"""The charts of a report: the package's, and a user's beside them or in their place."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from scraper.core.errors import ConfigurationError
from scraper.core.events import RunStatus
from scraper.io.config_files.report_files import read_charts

PACKAGED = [chart.name for chart in read_charts()]


def configs_with(directory: Path, **files: str) -> Path:
    (directory / "reports").mkdir()
    for name, text in files.items():
        (directory / "reports" / name.replace("__", ".").replace("_", "-")).write_text(text)
    return directory


def test_every_packaged_chart_has_a_title_a_description_and_rows_by_name() -> None:
    for chart in read_charts():
        assert chart.title != chart.name
        assert chart.description.endswith(".")
        assert chart.spec is None or chart.spec["data"] == {"name": "rows"}
    assert sorted(PACKAGED) == PACKAGED
    assert len(PACKAGED) >= 8


def test_the_calendar_of_nights_knows_every_ending() -> None:
    (nights,) = (chart for chart in read_charts() if chart.name == "30-nights")
    assert nights.spec is not None
    told = json.dumps(nights.spec)
    for status in RunStatus:
        assert told.count(f"'{status.value}'") >= 1, status
        assert f'"{status.value}"' in told, status
        if status is not RunStatus.COMPLETE:
            assert status.value.capitalize() in nights.description, status


def test_a_users_chart_stands_at_the_place_of_its_name(tmp_path: Path) -> None:
    spec = {"data": {"name": "rows"}, "mark": "bar"}
    configs = configs_with(tmp_path, **{"25_mine__sql": "-- Mine\nSELECT 1", "25_mine__vl__json": json.dumps(spec)})
    charts = {chart.name: chart for chart in read_charts(configs)}
    assert list(charts) == sorted([*PACKAGED, "25-mine"])
    assert (charts["25-mine"].title, charts["25-mine"].spec) == ("Mine", spec)


def test_a_users_select_replaces_the_packaged_one_and_keeps_its_drawing(tmp_path: Path) -> None:
    before = {chart.name: chart for chart in read_charts()}
    configs = configs_with(tmp_path, **{"70_cost__sql": "-- Cost\nSELECT 1"})
    charts = {chart.name: chart for chart in read_charts(configs)}
    assert charts["70-cost"].sql == "SELECT 1"
    assert charts["70-cost"].spec == before["70-cost"].spec is not None


def test_a_file_without_a_statement_leaves_its_chart_out(tmp_path: Path) -> None:
    configs = configs_with(tmp_path, **{"90_drift__sql": "-- not here\n"})
    assert [chart.name for chart in read_charts(configs)] == [name for name in PACKAGED if name != "90-drift"]


def test_every_fault_is_told_at_once(tmp_path: Path) -> None:
    files = {"a__sql": "SELECT 1", "a__vl__json": "{", "b__sql": "SELECT 1", "b__vl__json": "[]"}
    configs = configs_with(tmp_path, **files, **{"c__vl__json": "{}"})
    (configs / "reports" / "Ü.sql").write_text("SELECT 1")
    with pytest.raises(ConfigurationError) as raised:
        read_charts(configs)
    told = {Path(fault.where).name: fault.message for fault in raised.value.faults}
    assert told["a.vl.json"].startswith("is not valid JSON: ")
    assert told["b.vl.json"] == "is not a Vega-Lite specification: a JSON object is expected"
    assert told["c.vl.json"] == "has no SELECT beside it: c.sql states its rows"
    assert told["Ü.sql"] == "'Ü' is not a name for a chart: a-z, 0-9, _ and - only"
    assert len(told) == 4
