"""Ledger, runs and opening, on a real SQLite file, under a clock moved by hand."""

from __future__ import annotations

import asyncio
import sqlite3
import stat
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from scraper.core.budget import Balance, Scope, ScopeKind
from scraper.core.catalogue import Charge, OutcomeKind
from scraper.core.errors import StateError, UsageError
from scraper.core.events import Ending, RunStatus
from scraper.core.pagination import WalkState
from scraper.core.requests import Request
from scraper.io.state import SqlState
from scraper.ports import (
    AccountBalance,
    AccountClosed,
    NoCredits,
    RunTotals,
    Settlement,
    Slot,
)
from tests.core.builders import NOON, account
from tests.io.state_bench import (
    FREELY,
    HandClock,
    board,
    carried_out,
    drained,
    opened,
    outcome,
    run_record,
    settlement,
    slot,
)

# --- the ledger -------------------------------------------------------------------------------------------------------


def test_a_refusal_names_the_scope_its_balance_and_when_it_is_renewed(tmp_path: Path) -> None:
    async def script(state: SqlState, _: HandClock) -> list[object]:
        await state.create_run(run_record("small", budget=7, job="other"))
        await state.create_run(replace(run_record("shared", job="shared"), shares={FREELY.id: 7}))
        day = account(credits_per_day=10, month_starts_on=14)
        month = account(credits_per_month=10, month_starts_on=14)
        await state.reserve("one", day, board("US"), 1)
        return [
            await state.reserve("small", FREELY, board("US"), 1),
            await state.reserve("shared", FREELY, board("US"), 1),
            await state.reserve("one", day, board("GB"), 1),
            await state.reserve("one", month, board("GB"), 1),
        ]

    held = Balance(reserved=8)
    assert carried_out(tmp_path, script) == [
        NoCredits(Scope(ScopeKind.RUN, 7, Balance()), None, outstanding=False),
        NoCredits(Scope(ScopeKind.SHARE, 7, Balance()), None, outstanding=False),
        NoCredits(Scope(ScopeKind.DAY, 10, held), datetime(2026, 11, 22, tzinfo=UTC), outstanding=True),
        NoCredits(Scope(ScopeKind.MONTH, 10, held), datetime(2026, 12, 14, tzinfo=UTC), outstanding=True),
    ]


def test_a_request_is_booked_on_the_day_on_which_its_slot_lies(tmp_path: Path) -> None:
    limits = account(requests_per_minute=1, credits_per_day=8)

    async def script(state: SqlState, _: HandClock) -> list[object]:
        return [await state.reserve("one", limits, board("US"), 1), await state.reserve("one", limits, board("GB"), 1)]

    late = NOON.replace(hour=23, minute=59, second=30)
    assert carried_out(tmp_path, script, HandClock(late)) == [
        Slot(1, late),
        Slot(2, late + timedelta(seconds=60.25)),
    ]


def test_a_settled_request_is_settled_once(tmp_path: Path) -> None:
    async def script(state: SqlState, _: HandClock) -> RunTotals:
        taken = slot(await state.reserve("one", FREELY, board("US"), 1))
        await state.settle(settlement(taken.attempt_id, outcome(), NOON, b"first", NOON))
        await state.settle(settlement(taken.attempt_id, outcome(Charge.UNKNOWN), NOON, b"second", NOON))
        return await state.totals("one")

    assert carried_out(tmp_path, script) == RunTotals(
        Balance(charged=8), {Ending.OK: 1}, {WalkState.OPEN: 1}, reused=0, rows={}
    )
    assert [page.body for page in drained(tmp_path)] == [b"first"]


def test_what_a_dead_process_had_reserved_is_unknown_after_it_is_gone_on_with(tmp_path: Path) -> None:
    async def script(state: SqlState, _: HandClock) -> list[RunTotals]:
        await state.reserve("one", FREELY, board("US"), 1)
        before = await state.totals("one")
        await state.reopen_run("one", 900)
        return [before, await state.totals("one")]

    before, after = carried_out(tmp_path, script)
    assert (before.balance, after.balance) == (Balance(reserved=8), Balance(unknown=8))
    assert after.endings == {Ending.LOST: 1}
    assert carried_out(tmp_path, lambda state, _: state.run("one")).budget == 900


def test_an_account_that_the_vendor_closed_is_closed_for_every_run_until_its_time(tmp_path: Path) -> None:
    until = NOON + timedelta(hours=12)

    async def script(state: SqlState, clock: HandClock) -> list[object]:
        taken = slot(await state.reserve("one", FREELY, board("US"), 1))
        refused = outcome(Charge.FREE, OutcomeKind.QUOTA_EXHAUSTED)
        told = Settlement(taken.attempt_id, refused, Ending.REFUSED, NOON, NOON, close_account_until=until)
        await state.settle(told)
        await state.create_run(run_record("two", job="other"))
        closed = await state.reserve("two", FREELY, board("US"), 1)
        clock.at = until
        return [closed, type(await state.reserve("two", FREELY, board("US"), 1))]

    assert carried_out(tmp_path, script) == [AccountClosed(until, ""), Slot]


# --- runs -------------------------------------------------------------------------------------------------------------


def test_the_time_of_a_run_is_that_of_all_its_processes(tmp_path: Path) -> None:
    async def script(state: SqlState, _: HandClock) -> list[tuple[RunStatus, float, str]]:
        told = []
        for status, message in ((RunStatus.INTERRUPTED, "interrupted"), (RunStatus.COMPLETE, "")):
            await state.reopen_run("one", 1_000)
            await state.end_run("one", status, NOON, 2.5, None, message)
            run = await state.run("one")
            told.append((run.status, run.elapsed_s, run.message))
        return told

    assert carried_out(tmp_path, script) == [
        (RunStatus.INTERRUPTED, 2.5, "interrupted"),
        (RunStatus.COMPLETE, 5.0, ""),
    ]


def test_the_last_run_of_a_job_is_the_one_that_began_last(tmp_path: Path) -> None:
    async def script(state: SqlState, _: HandClock) -> tuple[list[str], str]:
        await state.create_run(run_record("newer", at=NOON + timedelta(hours=1)))
        await state.create_run(run_record("else", job="other", at=NOON + timedelta(hours=2)))
        last = await state.last_run("night")
        assert last is not None
        return [run.run_id for run in await state.runs(2)], last.run_id

    assert carried_out(tmp_path, script) == (["else", "newer"], "newer")


def test_a_run_that_nobody_knows_is_told_so(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"^no run nope is known in .*: scraper status lists them\.$"):
        carried_out(tmp_path, lambda state, _: state.run("nope"))


# --- opening ----------------------------------------------------------------------------------------------------------


def test_the_same_job_does_not_run_twice_and_another_does(tmp_path: Path) -> None:
    async def script() -> None:
        clock = HandClock()
        async with opened(tmp_path, clock) as first, opened(tmp_path, clock) as second:
            with first.hold("night"):
                with second.hold("other"):
                    pass
                holder = r"^job night is being run by process \S+, since 2026-11-21 12:00:00 UTC: "
                with pytest.raises(UsageError, match=holder), second.hold("night"):
                    pass
            with second.hold("night"):
                pass

    asyncio.run(script())


def test_a_database_of_a_newer_program_is_left_alone(tmp_path: Path) -> None:
    carried_out(tmp_path, lambda state, _: state.runs(1))
    with closing(sqlite3.connect(tmp_path / "state.db")) as database, database:
        database.execute("UPDATE meta SET value = '99' WHERE key = 'schema'")
    with pytest.raises(StateError, match=r"was written by a newer scraper \(schema 99, this one knows \d+\)"):
        SqlState(tmp_path, HandClock().now, kind="real")


def test_a_directory_is_sandbox_or_real_for_ever(tmp_path: Path) -> None:
    carried_out(tmp_path, lambda state, _: state.runs(1))
    with pytest.raises(UsageError, match="holds real data and stays so: this would be a sandbox run"):
        SqlState(tmp_path, HandClock().now, kind="sandbox")


def test_a_directory_that_cannot_be_used_is_told_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(StateError, match=r"^the data directory .* cannot be used: .*Nothing was spent"):
        SqlState(tmp_path / "taken", HandClock().now, kind="real")
    (tmp_path / "odd" / "state.db").mkdir(parents=True)
    with pytest.raises(StateError, match=r"^the state database .* cannot be used: "):
        SqlState(tmp_path / "odd", HandClock().now, kind="real")


def test_a_damaged_file_is_told_in_a_sentence_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "state.db").write_bytes(b"this is no database, and longer than a header of one hundred bytes" * 20)
    with pytest.raises(StateError, match=r"file is not a database\. All that was committed stays true; the file is"):
        SqlState(tmp_path, HandClock().now, kind="real")


def test_nobody_else_may_read_the_database(tmp_path: Path) -> None:
    data = tmp_path / "data"
    carried_out(data, lambda state, _: state.runs(1))
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (data, data / "state.db")}
    assert modes == {"data": 0o700, "state.db": 0o600}


def test_a_fault_of_one_statement_is_its_own_and_not_its_neighbours(tmp_path: Path) -> None:
    """Settlements share a commit; the one of an attempt that does not exist takes none of them down."""

    async def script(state: SqlState, _: HandClock) -> list[object]:
        requests: list[Request] = [board("US", page) for page in range(1, 6)]
        taken = [slot(await state.reserve("one", FREELY, request, 1)) for request in requests]
        attempts = [taken[0].attempt_id, 999, *(each.attempt_id for each in taken[1:])]
        settled = [state.settle(settlement(attempt, outcome(), NOON, b"{}", NOON)) for attempt in attempts]
        return [type(met) for met in await asyncio.gather(*settled, return_exceptions=True)]

    nothing = type(None)
    assert carried_out(tmp_path, script) == [nothing, StateError, nothing, nothing, nothing, nothing]
    assert len(drained(tmp_path)) == 5


# --- after a 429 ------------------------------------------------------------------------------------------------------


def test_an_account_that_was_turned_away_is_slowed_once_a_volley_for_every_process_and_recovers(tmp_path: Path) -> None:
    limits = account(requests_per_minute=60)
    refused = outcome(Charge.FREE, OutcomeKind.RATE_LIMITED)

    async def script(state: SqlState, _: HandClock) -> None:
        taken = [slot(await state.reserve("one", limits, board(country), 1)) for country in ("US", "GB", "JP")]
        for each in taken:  # all three were in flight when the first one was turned away
            met = settlement(each.attempt_id, refused, NOON + timedelta(seconds=1), sent_at=each.starts_at)
            await state.settle(replace(met, pause_account_until=NOON + timedelta(seconds=11)))

    async def next_slots(state: SqlState, clock: HandClock) -> list[float]:
        found = [slot(await state.reserve("one", limits, board("DE", page), 1)) for page in range(1, 4)]
        return [(each.starts_at - clock.now()).total_seconds() for each in found]

    carried_out(tmp_path, script)
    gap_s = 60.25 / 60
    slowed = HandClock(NOON + timedelta(seconds=1))
    assert carried_out(tmp_path, next_slots, slowed) == pytest.approx([10, 10 + 2 * gap_s, 10 + 4 * gap_s])
    recovering = HandClock(NOON + timedelta(seconds=11 + 60 * 2))
    gaps = carried_out(tmp_path, next_slots, recovering)
    assert gaps[2] - gaps[1] == pytest.approx(gap_s / 0.7)
    assert [balance.pace_percent for balance in carried_out(tmp_path, accounts_of, recovering)] == [70]
    whole = HandClock(NOON + timedelta(minutes=6))
    assert carried_out(tmp_path, next_slots, whole) == [0, 0, 0]


async def accounts_of(state: SqlState, clock: HandClock) -> Sequence[AccountBalance]:
    await state.note_accounts([account(requests_per_minute=60)])
    return await state.account_balances(clock.now())
