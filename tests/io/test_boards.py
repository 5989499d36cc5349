"""The history of boards in the state database: one row a board, however many nights."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from functools import reduce

from scraper.core.board_history import BoardHistory, BoardRead, history_of
from scraper.ports import Stores
from tests.core.builders import NOON
from tests.databases import StateDatabase
from tests.io.state_bench import HandClock, carried_out

DAY = timedelta(days=1)
ROWS = (50, 50, 0, 48, 50, 50, 9, 50, 50, 50)
LISTS = "abbbcccccd"


def reads_of(walk_id: str, endpoint: str = "crawlora.hashtags") -> list[BoardRead]:
    return [
        BoardRead(walk_id, endpoint, NOON + night * DAY, rows, letter if rows else "")
        for night, (rows, letter) in enumerate(zip(ROWS, LISTS, strict=True))
    ]


def folded(reads: Sequence[BoardRead]) -> BoardHistory:
    return reduce(BoardHistory.after, reads[1:], history_of(reads[0]))


def test_a_history_is_kept_as_it_is_folded_night_by_night(database: StateDatabase) -> None:
    us, gb = reads_of("us"), reads_of("gb")[:1]

    async def script(stores: Stores, _: HandClock) -> object:
        await stores.runs.note_reads([us[0], *gb])
        for read in us[1:]:
            await stores.runs.note_reads([read])
        return await stores.runs.board_histories(["us", "gb", "never read"])

    assert carried_out(database, script) == {"us": folded(us), "gb": folded(gb)}
    assert database.rows("SELECT count(*) FROM boards") == [(2,)]


def test_reads_that_a_resumed_run_notes_again_are_there_once(database: StateDatabase) -> None:
    us = reads_of("us")

    async def script(stores: Stores, _: HandClock) -> object:
        for read in (*us, *us[-2:]):
            await stores.runs.note_reads([read])
        return await stores.runs.board_histories(["us"])

    assert carried_out(database, script) == {"us": folded(us)}


def test_the_longest_standstill_is_that_of_all_boards_of_an_endpoint(database: StateDatabase) -> None:
    async def script(stores: Stores, _: HandClock) -> list[timedelta]:
        await stores.runs.note_reads(reads_of("creators", "crawlora.creators")[:1])
        for read in reads_of("us"):
            await stores.runs.note_reads([read])
        names = ("crawlora.hashtags", "crawlora.creators", "keyapi.videos")
        return [await stores.runs.longest_still(name) for name in names]

    assert carried_out(database, script) == [4 * DAY, timedelta(0), timedelta(0)]


def test_thousands_of_boards_are_noted_and_found(database: StateDatabase) -> None:
    ids = [f"board {number}" for number in range(1_201)]

    async def script(stores: Stores, _: HandClock) -> int:
        for night in range(2):
            at = NOON + night * DAY
            await stores.runs.note_reads([BoardRead(one, "crawlora.hashtags", at, 50, "a") for one in ids])
        found = await stores.runs.board_histories(ids)
        return sum(history.reads for history in found.values())

    assert carried_out(database, script) == 2 * len(ids)
