"""`scraper compact`, `rebuild` and `check` as somebody types them."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from scraper.cli.main import cli
from scraper.wiring.files import load_tables
from tests.clock import NOON, ShiftedClock
from tests.runs.conftest import place, three_runs
from tests.runs.upkeep import Place, found_by_glob

__all__ = ["place", "three_runs"]

pytestmark = pytest.mark.own_instant


def said(place: Place, *words: str) -> tuple[int, str, str]:
    told = CliRunner().invoke(cli, [*words, "--data", str(place.data)], standalone_mode=False, obj=ShiftedClock(NOON))
    assert told.exception is None, told.exception
    code = told.return_value if isinstance(told.return_value, int) else 0
    return code, told.stdout, told.stderr


def test_compact_shows_what_it_would_do_and_what_it_did(place: Place) -> None:
    before = found_by_glob(place.data)
    _, planned, _ = said(place, "compact", "--all", "--dry-run", "--format", "csv")
    assert [line.split(",")[:4] for line in planned.splitlines()[1:]] == [
        ["crawlora", "2026-11-21", "18", "6"],
        ["keyapi", "2026-11-21", "12", "4"],
    ]
    _, done, _ = said(place, "compact", "--all", "--format", "json")
    assert [(row["files_before"], row["files_after"]) for row in json.loads(done)] == [(18, 6), (12, 4)]
    assert all(0 < row["bytes_after"] < row["bytes_before"] for row in json.loads(done))
    assert said(place, "compact", "--all", "--format", "table") == (
        0,
        "",
        "nothing to compact\n",
    )
    assert found_by_glob(place.data) == before


def test_rebuild_shows_each_table(place: Place) -> None:
    _, told, _ = said(place, "rebuild", "hashtags", "--where", "vendor = 'keyapi'", "--format", "json")
    [row] = json.loads(told)
    assert (row["table"], row["files"], row["rows"]) == ("hashtags", 3, 60)


def test_rebuild_leaves_figures_that_are_zero_everywhere_out_of_its_table(place: Place) -> None:
    _, told, _ = said(place, "rebuild", "hashtags", "--format", "table")
    assert told.split()[:3] == ["table", "files", "rows"]
    assert "taken_out" not in told


def test_rebuild_tells_of_the_files_that_it_took_out_and_of_no_others(place: Place) -> None:
    rebuild = ("rebuild", "--where", "vendor = 'keyapi'", "--format", "json")
    _, told, said_beside = said(place, *rebuild)
    assert ({row["taken_out"] for row in json.loads(told)}, said_beside) == ({0}, "")
    lost = place.parts("pages", "keyapi")[:2]
    for part in lost:
        part.unlink()
    taken = [
        name
        for name in sorted(table.name for table in load_tables(None))
        for part in place.parts(name)
        if part.parts[-3:] in {each.parts[-3:] for each in lost}
    ]
    _, told, said_beside = said(place, *rebuild)
    assert [row["table"] for row in json.loads(told) for _ in range(row["taken_out"])] == taken
    assert f"{len(taken)} files removed" in said_beside
    assert len(list((place.data / "trash/without-pages").rglob("*.parquet"))) == len(taken)


def test_check_exits_with_5_where_something_is_wrong_and_0_once_it_is_mended(place: Place) -> None:
    assert said(place, "check", "--format", "table")[0] == 0
    gone = place.parts("posts")[0]
    gone.unlink()
    code, told, _ = said(place, "check", "--format", "table")
    assert code == 5
    assert " ".join(told.split()).startswith(f"missing archive/posts/vendor=crawlora/date=2026-11-21/{gone.name}: ")
    assert "--repair fixes 1 of 1" in told
    assert [line[:13].strip() for line in told.splitlines()] == ["missing", "", "checked", "advice"]
    code, told, _ = said(place, "check", "--repair", "--format", "table")
    assert code == 0
    assert " ".join(told.split()).startswith("repaired archive/posts/")
    assert "every paid answer is archived exactly once" in told
    assert json.loads(said(place, "check", "--format", "json")[1])["sound"] is True
