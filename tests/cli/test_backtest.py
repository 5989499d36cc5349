"""``scraper backtest``: a world file replayed, and everything that may be wrong with it."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from tests.core.panels import drawn_panel
from tests.docs.place import Said, said


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight boards over 40 nights, gzipped."""
    panel = drawn_panel("mixed", 40, seed=1, size=8)
    boards = {
        board.board.name: [[f"day {night}", list(entries)] for night, entries in enumerate(board.nights)]
        for board in panel
    }
    path = tmp_path_factory.mktemp("world") / "boards.json.gz"
    path.write_bytes(gzip.compress(json.dumps(boards).encode()))
    return path


def backtest(world: Path, *arguments: str) -> Said:
    return said(["backtest", "--world", str(world), *arguments])


def test_one_order_is_one_object(world: Path) -> None:
    told = backtest(world, "--order", "changes", "--budget", "3", "--learn", "10", "--format", "json")
    found = json.loads(told.stdout)
    assert (told.exit_code, found["order"], found["nights"], found["boards"]) == (0, "changes", 30, 8)
    assert found["credits"] == 90
    assert 0 < found["entries"]["dated"] <= found["entries"]["seen"] <= found["entries"]["all"]
    assert 0 < found["exits"]["seen"] <= found["exits"]["all"]
    assert 0 < found["freshness"] < 1
    assert sum(board["reads"] for board in found["by_board"]) == 90
    assert sum(board["entries"]["seen"] for board in found["by_board"]) == found["entries"]["seen"]


def test_without_an_order_all_are_compared(world: Path) -> None:
    found = json.loads(backtest(world, "--budget", "3", "--nights", "30", "--format", "json").stdout)
    assert [one["order"] for one in found] == ["value", "stalest", "changes"]
    assert {one["nights"] for one in found} == {15}
    told = backtest(world, "--budget", "3", "--format", "table").stdout
    assert "8 boards over 20 nights after learning" in told
    assert all(len(line) <= 80 for line in told.splitlines())


def test_without_a_budget_every_board_is_bought_every_night(world: Path) -> None:
    found = json.loads(backtest(world, "--order", "stalest", "--format", "json").stdout)
    assert found["entries"]["dated"] == found["entries"]["all"]
    assert found["credits"] == 20 * 8


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"[1, 2]", "must be an object"),
        (b"{}", "of some boards"),
        (b'{"a": [[1, [2]]', "not JSON"),
        (b'{"a": []}', "with one at least"),
        (b'{"a": [[1, [2]], [2]]}', "night 1 must be [day, [id, …]]"),
        (b'{"a": [[1, [{}]]]}', "ids that are texts or whole numbers"),
        (b"\x1f\x8bbroken", "cannot be read"),
    ],
)
def test_a_file_that_is_no_world_is_answered_in_a_sentence(content: bytes, words: str, tmp_path: Path) -> None:
    path = tmp_path / "world.json"
    path.write_bytes(content)
    told = backtest(path)
    assert (told.exit_code, told.stdout) == (2, "")
    assert words in told.stderr
    assert "Traceback" not in told.stderr


def test_more_nights_than_there_are_is_answered_with_the_shortest_board(world: Path) -> None:
    told = backtest(world, "--nights", "41")
    assert told.exit_code == 2
    assert "has 40 nights of all its boards" in told.stderr
    assert backtest(world, "--learn", "40").exit_code == 2
