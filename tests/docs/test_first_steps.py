"""The short version of `tests.systems.first_steps`: in this process, with the run of the documents."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from scraper.io.config_files.report_files import read_charts
from tests.docs.place import TRY, Place
from tests.hostile.test_terminal import shown
from tests.systems.first_steps import command_of, follow, without_control


def test_each_first_command_shows_the_next_one(place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name, value in {"COLUMNS": "100", "LINES": "40", "TERM": "xterm"}.items():
        monkeypatch.setenv(name, value)
    reports = tmp_path / "configs" / "reports"
    reports.mkdir(parents=True)
    for chart in read_charts():
        if chart.name != "10-summary":
            (reports / f"{chart.name}.sql").touch()  # leaves it out: drawing takes seconds
    page = place.directory / "data" / "sandbox" / "report.html"
    (tmp_path / "data").symlink_to(place.directory / "data")

    def shell(command: str) -> str:
        if command == TRY:
            return place.tried.stdout
        code, text = shown(*shlex.split(command)[1:])
        assert code == 0, text
        return without_control(text)

    try:
        assert list(follow(shell)) == [
            "scraper --help",
            "scraper init",
            "scraper plan quickstart",
            TRY,
            'scraper sql --data data/sandbox "SELECT country, hashtag_name, video_views FROM hashtags '
            'ORDER BY video_views DESC LIMIT 10"',
            "scraper report --data data/sandbox",
            "scraper schedule trends",
        ]
        assert page.is_file()
    finally:
        page.unlink(missing_ok=True)


def test_a_command_is_copied_without_what_is_said_beside_it() -> None:
    said = "  scraper init    start a project\nRun it:  scraper run x.toml --sandbox\nscraper runs fast"
    assert command_of("init", said) == "scraper init"
    assert command_of("run", said) == "scraper run x.toml --sandbox"
    with pytest.raises(AssertionError, match="nothing here leads to `scraper sql`"):
        command_of("sql", said)
