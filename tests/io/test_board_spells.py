"""Presence on boards with bounds: thinned, irregular and cut reads against the boards as they were."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from scraper.core.changes.spells import spells
from tests.core.panels import drawn_board
from tests.examples import thorough
from tests.io.archive_fixtures import TABLES, hashtag
from tests.io.history import History
from tests.io.test_views import ask

NIGHTS = 40 if thorough() else 24
FIRST = datetime(2026, 1, 1, 2, tzinfo=UTC)
PER_PAGE = 8
ENDINGS = {"whole": ("complete", "end"), "truncated": ("truncated", "budget"), "shallow": ("complete", "as_asked")}


def at(night: int) -> datetime:
    return FIRST + timedelta(days=night)


def night_of(instant: datetime) -> int:
    return (instant.replace(tzinfo=UTC) - FIRST).days


def drawn(seed: int) -> list[frozenset[int]]:
    """A board of twenty places whose entries stay for some nights, a third of them for one."""
    return drawn_board(6.0, 0.3, 20, NIGHTS, random.Random(seed))


def written(board: list[frozenset[int]], reads: dict[int, str], place: Path) -> Path:
    """An archive with reads of a board. Night → whole, truncated (its first page) or shallow (as deep as asked)."""
    history = History()
    for night, how in reads.items():
        ranked = sorted(board[night], key=lambda entry: (entry * 7919) % 101)
        records = [hashtag(rank, hashtag_id=str(entry)) for rank, entry in enumerate(ranked, start=1)]
        pages = [records[start : start + PER_PAGE] for start in range(0, len(records), PER_PAGE)]
        state, why = {
            "whole": ("complete", "end"),
            "truncated": ("truncated", "budget"),
            "shallow": ("complete", "as_asked"),
        }[how]
        pages = pages if how == "whole" else pages[:1]
        history.walk(f"run-{night}", at(night), pages, state=state, why=why)
    history.write(place, tables=TABLES[:1])
    return place


def reads_of(kind: str, seed: int) -> dict[int, str]:
    dice = random.Random(seed)
    match kind:
        case "cut":
            return {night: dice.choice(["whole", "truncated", "shallow"]) for night in range(0, NIGHTS, 2)}
        case "random":
            return {night: "whole" for night in range(NIGHTS) if dice.random() < 0.4}
        case _:
            return dict.fromkeys(range(0, NIGHTS, int(kind)), "whole")


BOARD, SEED = drawn(3), 5


@pytest.fixture(scope="module")
def board_read(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Gives the archive of a kind of reads of `BOARD`."""
    return cache(lambda kind: written(BOARD, reads_of(kind, SEED), tmp_path_factory.mktemp(kind)))


@pytest.mark.combined
@pytest.mark.parametrize("kind", ["1", "2", "3", "7", "random", "cut"] if thorough() else ["1", "random", "cut"])
def test_every_spell_that_was_seen_lies_within_the_bounds_of_one_row(
    kind: str, board_read: Callable[[str], Path]
) -> None:
    board, data = BOARD, board_read(kind)
    columns = "entry_id, last_absent_at, first_seen_at, last_seen_at, first_absent_at, censored"
    rows = ask(data, f"SELECT {columns} FROM board_spells")
    shown = {
        (entry, int(run.removeprefix("run-"))) for run, entry in ask(data, "SELECT run_id, hashtag_id FROM hashtags")
    }
    found = 0
    for entry, first, end in _true_spells(board):
        if not any((str(entry), night) in shown for night in range(first, end)):
            continue
        found += 1
        assert any(_within(row, str(entry), first, end) for row in rows), (entry, first, end)
    assert found
    if kind == "1":
        assert {(row[0], night_of(row[2]), night_of(row[3])) for row in rows} == {
            (str(entry), first, end - 1) for entry, first, end in _true_spells(board)
        }


def _true_spells(board: list[frozenset[int]]) -> list[tuple[int, int, int]]:
    """Entry, first night, first night without it; NIGHTS for one that stays."""
    return [
        (entry, spell.first, spell.end)
        for entry in sorted(frozenset().union(*board))
        for spell in spells([night & {entry} for night in board])
    ]


def _within(row: tuple[Any, ...], entry: str, first: int, end: int) -> bool:
    name, absent_before, seen_first, seen_last, absent_after, _ = row
    return (
        name == entry
        and first <= night_of(seen_last)
        and night_of(seen_first) < end
        and (absent_before is None or night_of(absent_before) < first)
        and (absent_after is None or end <= night_of(absent_after))
    )


@pytest.mark.combined
@pytest.mark.parametrize("kind", ["2", "random", "cut"] if thorough() else ["random", "cut"])
def test_on_board_is_never_wrong_and_unknown_only_where_no_read_tells(
    kind: str, board_read: Callable[[str], Path]
) -> None:
    reads, nights = reads_of(kind, SEED), range(0, NIGHTS, 5 if thorough() else 8)
    told = set()
    for night, entry, answer in ask(board_read(kind), " UNION ALL ".join(map(_asked, nights))):
        truth = int(entry) in BOARD[night]
        assert answer in ({"yes", "unknown"} if truth else {"no", "unknown"})
        if reads.get(night) == "whole":
            assert answer != "unknown"
        if night not in reads:
            assert answer == "unknown"
        told.add(answer)
    assert told == {"yes", "no", "unknown"}


def _asked(night: int) -> str:
    return f"SELECT {night}, entry_id, on_board FROM on_board('us', TIMESTAMP '{at(night):%F %T}')"


def test_the_side_without_a_bound_is_told(tmp_path: Path) -> None:
    board = [frozenset({1, 2}), frozenset({1, 3}), frozenset({3, 4})]
    data = written(board, dict.fromkeys(range(3), "whole"), tmp_path / "data")
    rows = dict(ask(data, "SELECT entry_id, censored FROM board_spells"))
    assert rows == {"1": "left", "2": "left", "3": "right", "4": "right"}


def test_entries_and_exits_of_a_night_have_the_days_of_their_uncertainty(tmp_path: Path) -> None:
    board = [frozenset({1, 2}), frozenset({1, 3}), frozenset({3, 4})]
    data = written(board, {0: "whole", 2: "whole"}, tmp_path / "data")
    assert ask(data, "SELECT seen_at, after, entries, within_days FROM entries") == [
        (at(2).replace(tzinfo=None), at(0).replace(tzinfo=None), 2, 2.0)
    ]
    assert ask(data, "SELECT absent_at, after, exits, within_days FROM exits") == [
        (at(2).replace(tzinfo=None), at(0).replace(tzinfo=None), 2, 2.0)
    ]


def test_a_reused_walk_is_no_second_read(tmp_path: Path) -> None:
    history = History()
    history.walk("run-0", at(0), [[hashtag(1)]])
    history.cover("run-1", at(1), walk_id="us", state="complete", why="end", snapshot_at=at(0), reused_from="run-0")
    history.write(tmp_path / "data")
    assert ask(tmp_path / "data", "SELECT reads, first_seen_at FROM board_spells") == [(1, at(0).replace(tzinfo=None))]
