"""What locks an account, and that the user's word ends it: pauses, closures, a clock that was ahead."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given
from hypothesis import strategies as st

from scraper.core.budget import Balance
from scraper.core.catalogue import Charge, OutcomeKind
from scraper.core.clock_gap import ClockFault
from scraper.core.events import Ending
from scraper.ports import AccountClosed, AccountLift, AccountState, LockKind, NoCredits, Settlement, Slot, Stores
from tests.core.builders import C_HASHTAGS, NOON, account, facts, walk_of
from tests.databases import StateDatabase, database_in
from tests.examples import examples
from tests.io.state_bench import (
    FREELY,
    HandClock,
    board,
    bought,
    carried_out,
    drained,
    kept_balances,
    ledger_sums,
    outcome,
    run_record,
    slot,
    walked,
)

YEARS = timedelta(days=3_650)
AHEAD = timedelta(days=400)
ID = FREELY.id


async def locked(stores: Stores, clock: HandClock, *, pause: bool, close: bool) -> None:
    """A refusal, stored by a program that believed the vendor for ten years."""
    await stores.ledger.note_accounts([FREELY])
    taken = slot(await stores.ledger.reserve("one", FREELY, board("US"), 1))
    refused = outcome(Charge.FREE, OutcomeKind.QUOTA_EXHAUSTED)
    until = clock.now() + YEARS
    told = Settlement(
        taken.attempt_id,
        refused,
        Ending.REFUSED,
        clock.now(),
        clock.now(),
        pause_account_until=until if pause else None,
        close_account_until=until if close else None,
    )
    await stores.ledger.settle(told)


async def standing(stores: Stores, clock: HandClock) -> AccountState:
    [found] = await stores.ledger.account_states(clock.now())
    return found


def test_a_pause_and_a_closure_of_ten_years_end_with_the_users_word_which_is_kept(database: StateDatabase) -> None:
    async def script(stores: Stores, clock: HandClock) -> list[object]:
        await locked(stores, clock, pause=True, close=True)
        before = await standing(stores, clock)
        refused = await stores.ledger.reserve("one", FREELY, board("GB"), 1)
        clock.move(hours=1)
        lifted = await stores.ledger.lift([ID], "ann@laptop", clock.now())
        again = await stores.ledger.lift([ID], "ann@laptop", clock.now())
        after = await standing(stores, clock)
        taken = await stores.ledger.reserve("one", FREELY, board("GB"), 1)
        return [before.paused_until, before.balance.closed_until, refused, lifted, again, after, taken]

    paused, closed, refused, lifted, again, after, taken = carried_out(database, script)
    assert paused == closed == NOON + YEARS
    assert refused == AccountClosed(NOON + YEARS, "")
    at = NOON + timedelta(hours=1)
    until = "until 2036-11-18 12:00 UTC"
    kept = [
        AccountLift(LockKind.PAUSE, until, at, "ann@laptop"),
        AccountLift(LockKind.CLOSURE, until, at, "ann@laptop"),
    ]
    assert lifted == {ID: kept}
    assert again == {ID: []}
    assert isinstance(after, AccountState)
    assert (after.paused_until, after.balance.closed_until, after.lifts) == (None, None, tuple(reversed(kept)))
    assert isinstance(taken, Slot)
    assert at <= taken.starts_at < at + timedelta(minutes=1)


def test_after_a_lifted_pause_the_account_recovers_its_pace(database: StateDatabase) -> None:
    async def script(stores: Stores, clock: HandClock) -> list[int]:
        await locked(stores, clock, pause=True, close=False)
        clock.move(minutes=2)
        await stores.ledger.lift([ID], "ann", clock.now())
        paces = []
        for _ in range(3):
            paces.append((await standing(stores, clock)).balance.pace_percent)
            clock.move(minutes=5)
        return paces

    slowed, *recovering = carried_out(database, script)
    assert slowed < recovering[0] <= recovering[1] == 100


def test_a_slot_at_the_end_of_a_long_pause_locks_nothing_once_its_process_is_dead(database: StateDatabase) -> None:
    async def script(stores: Stores, clock: HandClock) -> object:
        await locked(stores, clock, pause=True, close=False)
        waiting = slot(await stores.ledger.reserve("one", FREELY, board("GB"), 1))
        assert waiting.starts_at == NOON + YEARS
        await stores.ledger.expire_dead()
        await stores.ledger.lift([ID], "ann", clock.now())
        return await stores.ledger.reserve("one", FREELY, board("JP"), 1)

    taken = carried_out(database, script)
    assert isinstance(taken, Slot)
    assert taken.starts_at <= NOON + timedelta(minutes=1)


def test_an_account_that_is_not_named_stays_locked(database: StateDatabase) -> None:
    other = replace(FREELY, name="second")

    async def script(stores: Stores, clock: HandClock) -> list[AccountState]:
        await stores.ledger.note_accounts([other])
        await locked(stores, clock, pause=False, close=True)
        await stores.ledger.lift([other.id], "ann", clock.now())
        return list(await stores.ledger.account_states(clock.now()))

    first, second = carried_out(database, script)
    assert (first.balance.account, first.balance.closed_until) == (ID, NOON + YEARS)
    assert (second.balance.account, second.lifts) == (other.id, ())


LIMITED = account(credits_per_day=40, credits_per_month=100, requests_per_minute=4)


async def bought_ahead(stores: Stores, clock: HandClock) -> None:
    """A night at noon, and one under a clock that was 400 days ahead, with an answer that never came."""
    await stores.ledger.note_accounts([LIMITED])
    await bought(stores, clock, "one", LIMITED, board("US"), facts("1"), b"{}")
    clock.move(days=400)
    await stores.runs.create_run(run_record("ahead", at=clock.now()))
    await walked(stores, clock, "ahead", LIMITED, walk_of(C_HASHTAGS, 1, country_code="GB"), facts("1", has_more=False))
    await stores.ledger.reserve("ahead", LIMITED, board("JP"), 1)
    clock.move(days=-399)


def test_a_state_written_under_a_clock_that_was_ahead_is_usable_again_with_the_users_word(
    database: StateDatabase,
) -> None:
    async def script(stores: Stores, clock: HandClock) -> list[object]:
        await bought_ahead(stores, clock)
        refused = await stores.ledger.reserve("one", LIMITED, board("DE"), 1)
        gap = (await standing(stores, clock)).clock
        lifted = await stores.ledger.lift([LIMITED.id], "ann", clock.now())
        await stores.ledger.expire_dead()
        taken = await stores.ledger.reserve("one", LIMITED, board("DE"), 1)
        return [refused, gap, lifted, await standing(stores, clock), taken, await stores.runs.last_run("night")]

    clock = HandClock()
    refused, gap, lifted, after, taken, last = carried_out(database, script, clock)
    now = NOON + timedelta(days=1)
    assert clock.at == now
    assert isinstance(refused, AccountClosed)
    assert refused.reason.startswith("the clock says 2026-11-22 12:00 UTC, and its last request is dated 2027-12-26")
    assert gap is not None
    assert gap.fault is ClockFault.WAS_AHEAD  # type: ignore[attr-defined]
    [told] = lifted[LIMITED.id]  # type: ignore[index]
    assert told.kind is LockKind.CLOCK
    assert told.detail == "2 requests dated up to 2027-12-26 12:00 UTC, moved back by 399 days 0 minutes"
    assert isinstance(after, AccountState)
    assert (after.clock, after.balance.day_balance) == (None, Balance(charged=8, unknown=8, reserved=8))
    assert after.balance.month_balance == Balance(charged=16, unknown=8, reserved=8)
    assert isinstance(taken, Slot)
    assert now <= taken.starts_at <= now + timedelta(minutes=1)
    assert (last.run_id, last.started_at) == ("ahead", now)  # type: ignore[attr-defined]
    assert kept_balances(database).items() >= ledger_sums(database).items()
    assert {page.snapshot_at for page in drained(database)} <= {NOON, now}


def test_no_limit_is_passed_by_what_is_moved_back(database: StateDatabase) -> None:
    tight = account(credits_per_day=17)

    async def script(stores: Stores, clock: HandClock) -> object:
        clock.move(days=400)
        for country in ("US", "GB"):
            await bought(stores, clock, "one", tight, board(country), facts("1"), b"{}")
        clock.move(days=-400)
        await stores.ledger.lift([tight.id], "ann", clock.now())
        return await stores.ledger.reserve("one", tight, board("JP"), 1)

    assert isinstance(carried_out(database, script), NoCredits)


def test_a_walk_of_the_archive_keeps_its_date_and_is_not_reused_for_a_year(database: StateDatabase) -> None:
    walk = walk_of(C_HASHTAGS, 1, country_code="GB")

    async def script(stores: Stores, clock: HandClock) -> list[object]:
        clock.move(days=400)
        await walked(stores, clock, "one", FREELY, walk, facts("1", has_more=False))
        assert await stores.journal.open_drain(clock.now(), 2**20) is not None
        clock.move(days=-400)
        await stores.ledger.lift([ID], "ann", clock.now())
        [record] = await stores.runs.coverage("one")
        return [record.snapshot_at, await stores.runs.reusable_pages(walk, NOON - timedelta(days=1))]

    assert carried_out(database, script) == [NOON + AHEAD, None]


@examples(8)
@given(st.lists(st.tuples(st.booleans(), st.booleans(), st.integers(-500, 500)), min_size=1, max_size=4))
def test_whatever_locks_an_account_the_users_word_makes_it_usable_at_once(locks: list[tuple[bool, bool, int]]) -> None:
    async def script(stores: Stores, clock: HandClock) -> object:
        for place, (pause, close, days) in enumerate(locks):
            clock.at = NOON + timedelta(days=days)
            await stores.ledger.note_accounts([FREELY])
            reserved = await stores.ledger.reserve("one", FREELY, board("US", place + 1), 1)
            if isinstance(reserved, Slot) and reserved.starts_at <= clock.at + timedelta(minutes=1):
                until = clock.at + YEARS
                refused = outcome(Charge.FREE, OutcomeKind.QUOTA_EXHAUSTED)
                told = Settlement(
                    reserved.attempt_id,
                    refused,
                    Ending.REFUSED,
                    clock.at,
                    clock.at,
                    pause_account_until=until if pause else None,
                    close_account_until=until if close else None,
                )
                await stores.ledger.settle(told)
        clock.at = NOON
        await stores.ledger.expire_dead()
        await stores.ledger.lift([ID], "ann", clock.at)
        taken = await stores.ledger.reserve("one", FREELY, board("DE"), 1)
        assert isinstance(taken, Slot)
        assert NOON <= taken.starts_at <= datetime(2026, 11, 21, 12, 2, tzinfo=UTC)
        return None

    with TemporaryDirectory() as place:
        carried_out(database_in(Path(place)), script)
