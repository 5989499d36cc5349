"""Ledger, runs and opening, on a real SQLite file, under a clock moved by hand."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from scraper.core.budget import Balance, Scope, ScopeKind
from scraper.core.catalogue import Charge, OutcomeKind
from scraper.core.errors import StateError, UsageError
from scraper.core.events import Ending, RunStatus
from scraper.core.pagination import WalkState
from scraper.core.requests import Request
from scraper.ports import (
    AccountBalance,
    AccountClosed,
    NoCredits,
    RunTotals,
    Settlement,
    Slot,
    Stores,
)
from tests.core.builders import NOON, account
from tests.databases import StateDatabase
from tests.io.state_bench import (
    FREELY,
    HandClock,
    board,
    carried_out,
    drained,
    outcome,
    run_record,
    settlement,
    slot,
)

# --- the ledger -------------------------------------------------------------------------------------------------------


def test_a_refusal_names_the_scope_its_balance_and_when_it_is_renewed(database: StateDatabase) -> None:
    async def script(stores: Stores, _: HandClock) -> list[object]:
        await stores.runs.create_run(run_record("small", budget=7, job="other"))
        await stores.runs.create_run(replace(run_record("shared", job="shared"), shares={FREELY.id: 7}))
        day = account(credits_per_day=10, month_starts_on=14)
        month = account(credits_per_month=10, month_starts_on=14)
        await stores.ledger.reserve("one", day, board("US"), 1)
        return [
            await stores.ledger.reserve("small", FREELY, board("US"), 1),
            await stores.ledger.reserve("shared", FREELY, board("US"), 1),
            await stores.ledger.reserve("one", day, board("GB"), 1),
            await stores.ledger.reserve("one", month, board("GB"), 1),
        ]

    held = Balance(reserved=8)
    assert carried_out(database, script) == [
        NoCredits(Scope(ScopeKind.RUN, 7, Balance()), None, outstanding=False),
        NoCredits(Scope(ScopeKind.SHARE, 7, Balance()), None, outstanding=False),
        NoCredits(Scope(ScopeKind.DAY, 10, held), datetime(2026, 11, 22, tzinfo=UTC), outstanding=True),
        NoCredits(Scope(ScopeKind.MONTH, 10, held), datetime(2026, 12, 14, tzinfo=UTC), outstanding=True),
    ]


def test_a_request_is_booked_on_the_day_on_which_its_slot_lies(database: StateDatabase) -> None:
    limits = account(requests_per_minute=1, credits_per_day=8)

    async def script(stores: Stores, _: HandClock) -> list[object]:
        return [await stores.ledger.reserve("one", limits, board(country), 1) for country in ("US", "GB")]

    late = NOON.replace(hour=23, minute=59, second=30)
    assert carried_out(database, script, HandClock(late)) == [
        Slot(1, late, timedelta(seconds=0.15)),
        Slot(2, late + timedelta(seconds=60.25), timedelta(seconds=0.15)),
    ]


def test_a_settled_request_is_settled_once(database: StateDatabase) -> None:
    async def script(stores: Stores, _: HandClock) -> RunTotals:
        taken = slot(await stores.ledger.reserve("one", FREELY, board("US"), 1))
        await stores.ledger.settle(settlement(taken.attempt_id, outcome(), NOON, b"first", NOON))
        await stores.ledger.settle(settlement(taken.attempt_id, outcome(Charge.UNKNOWN), NOON, b"second", NOON))
        return await stores.runs.totals("one")

    assert carried_out(database, script) == RunTotals(
        Balance(charged=8), {Ending.OK: 1}, {WalkState.OPEN: 1}, reused=0, rows={}
    )
    assert [page.body for page in drained(database)] == [b"first"]


def test_what_a_dead_process_had_reserved_is_unknown_after_it_should_resume(database: StateDatabase) -> None:
    async def script(stores: Stores, _: HandClock) -> list[RunTotals]:
        await stores.ledger.reserve("one", FREELY, board("US"), 1)
        before = await stores.runs.totals("one")
        await stores.runs.reopen_run("one", 900)
        return [before, await stores.runs.totals("one")]

    before, after = carried_out(database, script)
    assert (before.balance, after.balance) == (Balance(reserved=8), Balance(unknown=8))
    assert after.endings == {Ending.LOST: 1}
    assert carried_out(database, lambda stores, _: stores.runs.run("one")).budget == 900


def test_an_account_that_the_vendor_closed_is_closed_for_every_run_until_its_time(database: StateDatabase) -> None:
    until = NOON + timedelta(hours=12)

    async def script(stores: Stores, clock: HandClock) -> list[object]:
        taken = slot(await stores.ledger.reserve("one", FREELY, board("US"), 1))
        refused = outcome(Charge.FREE, OutcomeKind.QUOTA_EXHAUSTED)
        told = Settlement(taken.attempt_id, refused, Ending.REFUSED, NOON, NOON, close_account_until=until)
        await stores.ledger.settle(told)
        await stores.runs.create_run(run_record("two", job="other"))
        closed = await stores.ledger.reserve("two", FREELY, board("US"), 1)
        clock.at = until
        return [closed, type(await stores.ledger.reserve("two", FREELY, board("US"), 1))]

    assert carried_out(database, script) == [AccountClosed(until, ""), Slot]


# --- runs -------------------------------------------------------------------------------------------------------------


def test_the_time_of_a_run_is_that_of_all_its_processes(database: StateDatabase) -> None:
    async def script(stores: Stores, _: HandClock) -> list[tuple[RunStatus, float, str]]:
        told = []
        for status, message in ((RunStatus.INTERRUPTED, "interrupted"), (RunStatus.COMPLETE, "")):
            await stores.runs.reopen_run("one", 1_000)
            await stores.runs.end_run("one", status, NOON, 2.5, None, message)
            run = await stores.runs.run("one")
            told.append((run.status, run.elapsed_s, run.message))
        return told

    assert carried_out(database, script) == [
        (RunStatus.INTERRUPTED, 2.5, "interrupted"),
        (RunStatus.COMPLETE, 5.0, ""),
    ]


def test_the_last_run_of_a_job_is_the_one_that_was_begun_last_whatever_the_clock_said(database: StateDatabase) -> None:
    async def script(stores: Stores, _: HandClock) -> tuple[list[str], str]:
        await stores.runs.create_run(run_record("ahead", at=NOON + timedelta(days=400)))
        await stores.runs.create_run(run_record("newer", at=NOON + timedelta(hours=1)))
        await stores.runs.create_run(run_record("else", job="other", at=NOON + timedelta(hours=2)))
        last = await stores.runs.last_run("night")
        assert last is not None
        return [run.run_id for run in await stores.runs.latest_runs(2)], last.run_id

    assert carried_out(database, script) == (["else", "newer"], "newer")


def test_a_run_that_nobody_knows_is_told_so(database: StateDatabase) -> None:
    with pytest.raises(UsageError, match=r"^no run nope is known in .*; scraper status lists them\.$"):
        carried_out(database, lambda stores, _: stores.runs.run("nope"))


# --- opening ----------------------------------------------------------------------------------------------------------


def test_the_same_job_does_not_run_twice_and_another_does(database: StateDatabase) -> None:
    async def script() -> None:
        clock = HandClock()
        with database.opened(clock.now) as first, database.opened(clock.now) as second:
            since = "2026-11-21 12:00:00" if database.url.startswith("sqlite") else r"20\d\d-\d\d-\d\d \d\d:\d\d:\d\d"
            with first.runs.hold("night"):
                with second.runs.hold("other"):
                    pass
                holder = rf"^job night is already run by process \S+, since {since} UTC\. "
                with pytest.raises(UsageError, match=holder), second.runs.hold("night"):
                    pass
            with second.runs.hold("night"):
                pass

    asyncio.run(script())


def test_a_database_of_a_newer_program_is_left_alone(database: StateDatabase) -> None:
    carried_out(database, lambda stores, _: stores.runs.latest_runs(1))
    database.change("UPDATE meta SET value = '99' WHERE key = 'schema'")
    with (
        pytest.raises(StateError, match=r"was written by a newer scraper \(schema 99, this one knows \d+\)"),
        database.opened(HandClock().now),
    ):
        pass


def test_a_database_is_sandbox_or_real_for_ever(database: StateDatabase) -> None:
    carried_out(database, lambda stores, _: stores.runs.latest_runs(1))
    refused = pytest.raises(UsageError, match="contains real data, and this is a sandbox run")
    with refused, database.opened(HandClock().now, "sandbox"):
        pass


def test_a_fault_of_one_statement_is_its_own_and_not_its_neighbours(database: StateDatabase) -> None:
    """Settlements share a commit; the one of an attempt that does not exist takes none of them down."""

    async def script(stores: Stores, _: HandClock) -> list[object]:
        requests: list[Request] = [board("US", page) for page in range(1, 6)]
        taken = [slot(await stores.ledger.reserve("one", FREELY, request, 1)) for request in requests]
        attempts = [taken[0].attempt_id, 999, *(each.attempt_id for each in taken[1:])]
        settled = [stores.ledger.settle(settlement(attempt, outcome(), NOON, b"{}", NOON)) for attempt in attempts]
        return [type(met) for met in await asyncio.gather(*settled, return_exceptions=True)]

    nothing = type(None)
    assert carried_out(database, script) == [nothing, StateError, nothing, nothing, nothing, nothing]
    assert len(drained(database)) == 5


# --- after a 429 ------------------------------------------------------------------------------------------------------


def test_an_account_that_was_turned_away_is_slowed_once_a_volley_for_every_process_and_recovers(
    database: StateDatabase,
) -> None:
    limits = account(requests_per_minute=60)
    refused = outcome(Charge.FREE, OutcomeKind.RATE_LIMITED)

    async def script(stores: Stores, _: HandClock) -> None:
        taken = [slot(await stores.ledger.reserve("one", limits, board(country), 1)) for country in ("US", "GB", "JP")]
        for each in taken:  # all three were in flight when the first one was turned away
            met = settlement(each.attempt_id, refused, NOON + timedelta(seconds=1), sent_at=each.starts_at)
            await stores.ledger.settle(replace(met, pause_account_until=NOON + timedelta(seconds=11)))

    async def next_slots(stores: Stores, clock: HandClock) -> list[float]:
        found = [slot(await stores.ledger.reserve("one", limits, board("DE", page), 1)) for page in range(1, 4)]
        return [(each.starts_at - clock.now()).total_seconds() for each in found]

    async def another(stores: Stores, clock: HandClock) -> None:
        taken = slot(await stores.ledger.reserve("one", limits, board("FR"), 1))
        met = settlement(taken.attempt_id, refused, taken.starts_at, sent_at=taken.starts_at)
        await stores.ledger.settle(replace(met, pause_account_until=clock.now()))

    carried_out(database, script)
    slowed = HandClock(NOON + timedelta(seconds=1))
    assert carried_out(database, next_slots, slowed) == pytest.approx([10, 10 + 1 / 0.9, 10 + 2 / 0.9])
    carried_out(database, another, HandClock(NOON + timedelta(seconds=15)))
    recovering = HandClock(NOON + timedelta(seconds=15 + 60 * 2))
    gaps = carried_out(database, next_slots, recovering)
    assert gaps[2] - gaps[1] == pytest.approx(1 / 0.65)
    assert [balance.pace_percent for balance in carried_out(database, accounts_of, recovering)] == [65]
    whole = HandClock(NOON + timedelta(minutes=7))
    assert carried_out(database, next_slots, whole) == [0, 0, 0]


async def accounts_of(stores: Stores, clock: HandClock) -> Sequence[AccountBalance]:
    await stores.ledger.note_accounts([account(requests_per_minute=60)])
    return await stores.ledger.account_balances(clock.now())
