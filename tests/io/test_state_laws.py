"""Laws 1 and 4, on a real SQLite file, under a clock moved by hand."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scraper.core.budget import Balance, Scope, ScopeKind
from scraper.core.catalogue import Charge, OutcomeKind
from scraper.core.jobs import Account
from scraper.core.requests import Request
from scraper.ports import NoCredits, Settlement, Slot, Stored, Stores
from tests.core.builders import NOON, account
from tests.databases import StateDatabase
from tests.examples import examples
from tests.io.state_bench import (
    HandClock,
    board,
    kept_balances,
    ledger_sums,
    outcome,
    run_record,
    settlement,
    slot,
)

NewDatabase = Callable[[Path], StateDatabase]

BUDGETS = {"one": 40, "two": 30}
SHARES = {"one": {"crawlora/default": 24, "keyapi/default": 11}}
ACCOUNTS = {
    "crawlora": account(credits_per_day=32, credits_per_month=56),
    "keyapi": account("keyapi", credits_per_day=7, month_starts_on=22),
}
COUNTRIES = {"crawlora": "US", "keyapi": "us"}
LIMITS = {"crawlora/default": (32, 56), "keyapi/default": (7, None)}
ENDINGS = st.sampled_from(
    [
        (Charge.CHARGED, OutcomeKind.OK),
        (Charge.CHARGED, OutcomeKind.OK),
        (Charge.FREE, OutcomeKind.UPSTREAM_ERROR),
        (Charge.FREE, OutcomeKind.NOT_SENT),
        (Charge.PRESUMED, OutcomeKind.UPSTREAM_ERROR),
        (Charge.UNKNOWN, OutcomeKind.LOST),
    ]
)


@dataclass(slots=True)
class KnownAttempts:
    """What becomes of attempts: of those whose process was taken for dead as well, if it comes back."""

    waiting: list[tuple[int, str, Request]] = field(default_factory=list)
    settled: set[int] = field(default_factory=set)
    expired: set[int] = field(default_factory=set)
    bodies: set[int] = field(default_factory=set)
    landed: set[tuple[str, str]] = field(default_factory=set)
    with_late_pages: set[str] = field(default_factory=set)

    def settle(self, attempt_id: int, run_id: str, page: Request, kind: OutcomeKind) -> None:
        if attempt_id in self.settled or (attempt_id in self.expired and kind is OutcomeKind.LOST):
            return
        self.settled.add(attempt_id)
        if kind is OutcomeKind.OK:
            self.bodies.add(attempt_id)
            if attempt_id in self.expired and (run_id, page.key) not in self.landed:
                self.with_late_pages.add(run_id)
            self.landed.add((run_id, page.key))

    def expire(self, run_id: str) -> None:
        self.expired |= {each for each, of_run, _ in self.waiting if of_run == run_id} - self.settled

    def is_stored(self, run_id: str, page: Request) -> bool:
        """Whether the run knows that it must not buy the page again."""
        return run_id in self.with_late_pages and (run_id, page.key) in self.landed

    def kept(self, database: StateDatabase) -> set[int]:
        found = [attempt_id for (attempt_id,) in database.rows("SELECT attempt_id FROM pages")]
        assert len(found) == len(set(found))
        charged = database.rows("SELECT attempt_id FROM requests WHERE charge = 'charged'")
        assert sorted(found) == sorted(attempt_id for (attempt_id,) in charged)
        return set(found)


def one_by_one(database: StateDatabase, clock: HandClock) -> AbstractContextManager[Stores]:
    """The stores of a process that waits for each of its answers: it needs no thread that commits several."""
    return database.opened(clock.now, threaded=False)


def check_law_1(database: StateDatabase) -> None:
    sums = ledger_sums(database)
    kept = kept_balances(database)
    assert {scope: held for scope, held in kept.items() if any(held)} == {s: h for s, h in sums.items() if any(h)}
    for (kind, scope), held in sums.items():
        first, _, second = scope.partition("|")
        day, month = LIMITS.get(first, (None, None))
        share = SHARES.get(first, {}).get(second)
        limit = {"run": BUDGETS.get(scope), "share": share, "day": day, "month": month}[kind]
        assert limit is None or sum(held) <= limit


@examples(12)
@given(st.data())
def test_no_scope_ever_holds_more_than_its_limit_and_balances_are_the_sums_of_the_ledger(
    new_database: NewDatabase, data: st.DataObject
) -> None:
    async def script(database: StateDatabase) -> None:
        clock, known = HandClock(NOON.replace(hour=20)), KnownAttempts()
        with one_by_one(database, clock) as first, one_by_one(database, clock) as second:
            for run_id, budget in BUDGETS.items():
                run = run_record(run_id, budget, job=run_id)
                await first.runs.create_run(replace(run, shares=SHARES.get(run_id, {})))
            for _ in range(data.draw(st.integers(10, 30))):
                stores = data.draw(st.sampled_from([first, second]))
                match data.draw(st.sampled_from(["reserve", "reserve", "reserve", "settle", "expire", "later"])):
                    case "reserve":
                        vendor = data.draw(st.sampled_from(sorted(ACCOUNTS)))
                        run_id = data.draw(st.sampled_from(sorted(BUDGETS)))
                        page = board(COUNTRIES[vendor], data.draw(st.integers(1, 4)))
                        reserved = await stores.ledger.reserve(run_id, ACCOUNTS[vendor], page, 1)
                        if isinstance(reserved, Slot):
                            known.waiting.append((reserved.attempt_id, run_id, page))
                        else:
                            assert isinstance(reserved, NoCredits | Stored)
                            assert isinstance(reserved, Stored) or not reserved.scope.allows(page.endpoint.cost)
                        assert isinstance(reserved, Stored) == known.is_stored(run_id, page)
                    case "settle" if known.waiting:
                        attempt_id, run_id, page = data.draw(st.sampled_from(known.waiting))  # maybe a second time
                        charge, kind = data.draw(ENDINGS)
                        met = outcome(charge, kind, page.endpoint.cost)
                        body = b"{}" if charge is Charge.CHARGED else None
                        await stores.ledger.settle(settlement(attempt_id, met, clock.now(), body, clock.now()))
                        known.settle(attempt_id, run_id, page, kind)
                    case "expire":
                        run_id = data.draw(st.sampled_from(sorted(BUDGETS)))
                        await stores.runs.reopen_run(run_id, None)
                        known.expire(run_id)
                    case "later":
                        clock.move(hours=data.draw(st.integers(1, 60)))
                check_law_1(database)
            assert known.kept(database) == known.bodies, "every paid body is kept, once for each attempt"

    with TemporaryDirectory() as directory:
        asyncio.run(script(new_database(Path(directory))))


def test_many_at_once_over_two_processes_get_exactly_what_the_budget_holds(database: StateDatabase) -> None:
    async def script() -> list[object]:
        clock = HandClock()
        with database.opened(clock.now) as first, database.opened(clock.now) as second:
            await first.runs.create_run(run_record("one", 83))
            pages = [board("US", page) for page in range(1, 21)]
            asked = [stores.ledger.reserve("one", account(), page, 1) for page in pages for stores in (first, second)]
            return list(await asyncio.gather(*asked))

    reserved = asyncio.run(script())
    assert sum(isinstance(each, Slot) for each in reserved) == 83 // 8
    assert all(isinstance(each, NoCredits) and each.outstanding for each in reserved if not isinstance(each, Slot))


# --- law 4 ------------------------------------------------------------------------------------------------------------


def most_in_a_window(starts: list[datetime], window: timedelta) -> int:
    """The most starts that any half-open window of this length holds."""
    ordered = sorted(starts)
    return max(sum(start <= other < start + window for other in ordered) for start in ordered)


async def starts_of(
    stores: Stores, clock: HandClock, limits: Account, late_s: float = 0.0, together: int = 1
) -> list[datetime]:
    """Reserves so many requests at once; each is sent at its slot, or so much later, and settled at once."""
    starts, taken = [], [slot(await stores.ledger.reserve("one", limits, board("US"), 1)) for _ in range(together)]
    for each in taken:
        starts.append(each.starts_at + timedelta(seconds=late_s))
        clock.at = max(clock.at, starts[-1])
        met = outcome(Charge.FREE, OutcomeKind.UPSTREAM_ERROR)
        await stores.ledger.settle(settlement(each.attempt_id, met, clock.at, sent_at=starts[-1]))
    return starts


VISITS = st.lists(
    st.tuples(st.floats(0, 25), st.floats(0, 0.15), st.integers(0, 2), st.integers(1, 4)), min_size=5, max_size=25
)


@examples(8)
@given(st.integers(1, 12), VISITS)
def test_no_sliding_minute_holds_more_starts_than_the_account_may_make(
    new_database: NewDatabase, per_minute: int, visits: list[tuple[float, float, int, int]]
) -> None:
    """Requests at random times, sent up to 0.15 s late, from three processes, one of them opened anew each time."""

    async def script(database: StateDatabase) -> list[datetime]:
        clock, limits, starts = HandClock(), account(requests_per_minute=per_minute), list[datetime]()
        with ExitStack() as stack:
            states = [stack.enter_context(one_by_one(database, clock)) for _ in range(2)]
            await states[0].runs.create_run(run_record("one"))
            for wait_s, late_s, process, together in visits:
                clock.move(seconds=wait_s)
                if process == 2:
                    with one_by_one(database, clock) as stores:
                        starts += await starts_of(stores, clock, limits, late_s, together)
                else:
                    starts += await starts_of(states[process], clock, limits, late_s, together)
        return starts

    with TemporaryDirectory() as directory:
        starts = asyncio.run(script(new_database(Path(directory))))
    assert most_in_a_window(starts, timedelta(seconds=60)) <= per_minute


@pytest.mark.parametrize("per_minute", [5, 60])
def test_with_work_waiting_at_least_99_percent_of_the_rate_is_used(database: StateDatabase, per_minute: int) -> None:
    async def script() -> list[datetime]:
        clock, limits, starts = HandClock(), account(requests_per_minute=per_minute), list[datetime]()
        with database.opened(clock.now) as stores:
            await stores.runs.create_run(run_record("one", 10**9))
            while clock.at < NOON + timedelta(minutes=10):
                taken = await asyncio.gather(*(stores.ledger.reserve("one", limits, board("US"), 1) for _ in range(5)))
                starts += [slot(each).starts_at for each in taken]
                clock.at = max(starts)
        return [start for start in starts if start < NOON + timedelta(minutes=10)]

    starts = asyncio.run(script())
    assert len(starts) >= 0.99 * per_minute * 10
    assert most_in_a_window(starts, timedelta(seconds=60)) == per_minute


def test_limits_by_the_second_hold_as_well(database: StateDatabase) -> None:
    async def script() -> list[datetime]:
        clock, limits = HandClock(), account(requests_per_second=2, requests_per_minute=30)
        with database.opened(clock.now) as stores:
            await stores.runs.create_run(run_record("one"))
            return [start for _ in range(10) for start in await starts_of(stores, clock, limits, together=4)]

    starts = asyncio.run(script())
    assert most_in_a_window(starts, timedelta(seconds=1)) == 2
    assert most_in_a_window(starts, timedelta(seconds=60)) == 30


def test_a_pause_is_kept_by_every_process_and_over_restarts(database: StateDatabase) -> None:
    async def script() -> list[datetime]:
        clock, limits = HandClock(), account(requests_per_minute=600)
        with database.opened(clock.now) as first, database.opened(clock.now) as second:
            await first.runs.create_run(run_record("one"))
            taken = slot(await first.ledger.reserve("one", limits, board("US"), 1))
            refused = settlement(taken.attempt_id, outcome(Charge.FREE, OutcomeKind.RATE_LIMITED), NOON, sent_at=NOON)
            until = NOON + timedelta(seconds=60)
            values = {name: getattr(refused, name) for name in refused.__slots__}
            await first.ledger.settle(Settlement(**{**values, "pause_account_until": until}))
            other = slot(await second.ledger.reserve("one", limits, board("GB"), 1))
        with database.opened(clock.now) as again:
            late = slot(await again.ledger.reserve("one", limits, board("JP"), 1))
            elsewhere = slot(await again.ledger.reserve("one", account("keyapi"), board("us"), 1))
        return [other.starts_at, late.starts_at, elsewhere.starts_at]

    pause_ends = NOON + timedelta(seconds=60)
    gap = timedelta(seconds=60) / 600 * 100 / 90  # at nine tenths of its pace
    assert asyncio.run(script()) == [pause_ends, pause_ends + gap, NOON]


def test_a_slot_that_was_never_used_holds_no_one_up(database: StateDatabase) -> None:
    """After an interrupted run the next one starts at once; a start that was made, or may have been, still counts."""

    async def script() -> tuple[datetime, datetime]:
        clock, limits = HandClock(), account(requests_per_minute=1)
        with database.opened(clock.now) as stores:
            await stores.runs.create_run(run_record("one"))
            taken = [slot(await stores.ledger.reserve("one", limits, board("US", page), 1)) for page in (1, 2, 3)]
            for each in taken:
                unsent = outcome(Charge.FREE, OutcomeKind.NOT_SENT)
                await stores.ledger.settle(settlement(each.attempt_id, unsent, NOON))
            first = slot(await stores.ledger.reserve("one", limits, board("US"), 1))
            await stores.runs.reopen_run("one", 1_000)
            second = slot(await stores.ledger.reserve("one", limits, board("US"), 1))
            return first.starts_at, second.starts_at

    assert asyncio.run(script()) == (NOON, NOON + timedelta(seconds=60.25))


def test_a_slot_that_was_missed_is_renewed_without_counting_twice(database: StateDatabase) -> None:
    async def script() -> list[datetime]:
        clock, limits = HandClock(), account(requests_per_minute=1)
        with database.opened(clock.now) as stores:
            await stores.runs.create_run(run_record("one"))
            taken = slot(await stores.ledger.reserve("one", limits, board("US"), 1))
            clock.move(seconds=5)
            renewed = slot(await stores.ledger.renew_slot(limits, taken.attempt_id))
            after = slot(await stores.ledger.reserve("one", limits, board("GB"), 1))
            return [renewed.starts_at, after.starts_at]

    assert asyncio.run(script()) == [NOON + timedelta(seconds=5), NOON + timedelta(seconds=65.25)]


def test_a_slot_that_is_renewed_past_midnight_is_booked_on_the_day_on_which_it_is_sent(database: StateDatabase) -> None:
    async def script() -> tuple[Balance, Balance, NoCredits]:
        clock, limits = HandClock(), account(credits_per_day=8)
        with database.opened(clock.now) as stores:
            await stores.ledger.note_accounts([limits])
            await stores.runs.create_run(run_record("one"))
            first = slot(await stores.ledger.reserve("one", limits, board("us"), 1))
            second = slot(await stores.ledger.reserve("one", limits, board("gb"), 1))
            clock.move(hours=12)
            slot(await stores.ledger.renew_slot(limits, first.attempt_id))
            for country in ("jp", "de", "fr"):
                slot(await stores.ledger.reserve("one", limits, board(country), 1))
            refused = await stores.ledger.renew_slot(limits, second.attempt_id)
            assert isinstance(refused, NoCredits)
            (today,) = await stores.ledger.account_balances(clock.now())
            (yesterday,) = await stores.ledger.account_balances(clock.now() - timedelta(hours=12))
            return today.day_balance, yesterday.day_balance, refused

    today, yesterday, refused = asyncio.run(script())
    assert (today, yesterday) == (Balance(reserved=8), Balance(reserved=2))
    assert refused.scope == Scope(ScopeKind.DAY, 8, Balance(reserved=8))


def test_a_late_start_needs_another_slot_only_where_it_may_pass_a_limit_or_a_day(
    database: StateDatabase,
) -> None:
    async def script() -> list[bool]:
        clock = HandClock(NOON.replace(hour=23, minute=59, second=58))
        limits = [account(requests_per_second=2), account("keyapi", requests_per_minute=600)]
        with database.opened(clock.now) as stores:
            await stores.runs.create_run(run_record("one"))
            taken = [slot(await stores.ledger.reserve("one", each, board("us"), 1)) for each in limits]
        late_s = (0.0, 0.1, 0.2, 1.0)
        over = [each.is_over(each.starts_at + timedelta(seconds=late)) for each in taken for late in late_s]
        return [*over, taken[1].is_over(taken[1].starts_at + timedelta(seconds=2))]

    assert asyncio.run(script()) == [False, False, True, True, False, False, False, False, True]
