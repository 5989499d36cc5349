"""Two hosts over one PostgreSQL database: who was replaced reserves nothing more, and what it paid for is kept."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import pytest
from sqlalchemy import NullPool, create_engine

from scraper.core.catalogue import Charge, OutcomeKind
from scraper.core.errors import ArchiveLostError, HeldElsewhereError, LeaseLostError, UsageError
from scraper.core.events import RunStatus
from scraper.core.requests import start
from scraper.io.state import open_stores
from scraper.io.state.leases import HeldLease, Leases, confirm, job_lease
from scraper.ports import ARCHIVE, Lease, Slot, Stored, Stores, Written
from tests.databases import StateDatabase, postgres_database
from tests.io.state_bench import FREELY, OK, HandClock, board, outcome, run_record, settlement, slot
from tests.io.test_leases import TestedDatabase

T = TypeVar("T")


@pytest.fixture
def database(tmp_path: Path) -> StateDatabase:
    return postgres_database(tmp_path)


@contextmanager
def two_hosts(database: StateDatabase) -> Iterator[tuple[Stores, Stores]]:
    clock = HandClock()
    with database.opened(clock.now) as first, database.opened(clock.now) as second:
        yield first, second


def lapse(database: StateDatabase, what: str) -> None:
    """As if its time had passed without a renewal."""
    database.change("UPDATE leases SET expires_at = 0 WHERE what = ?", what)


def on_two_hosts(database: StateDatabase, script: Callable[[Stores, Stores], Awaitable[T]]) -> T:
    async def work() -> T:
        with two_hosts(database) as (first, second):
            await first.runs.create_run(run_record("one"))
            return await script(first, second)

    return asyncio.run(work())


def test_a_host_that_was_replaced_changes_nothing_more_and_its_late_answers_are_kept(database: StateDatabase) -> None:
    now = HandClock().now()

    async def script(first: Stores, second: Stores) -> None:
        with first.runs.hold("night"):
            taken = [slot(await first.ledger.reserve("one", FREELY, board("US", page), 1)) for page in (1, 2, 3)]
            lapse(database, job_lease("night"))
            with second.runs.hold("night"):
                await second.runs.reopen_run("one", None)
                bought_again = slot(await second.ledger.reserve("one", FREELY, board("US", 2), 1))
                met = r"^job night is now run by process \S+, since .* UTC, as this one had not renewed its lease"
                for late in (
                    first.ledger.reserve("one", FREELY, board("US", 4), 1),
                    first.ledger.renew_slot(FREELY, taken[2].attempt_id),
                    first.runs.cover("one", [start(board("US").walk)[0]], {}),
                    first.runs.end_run("one", RunStatus.FAILED, now, 1.0, None, "it was stopped"),
                    first.runs.reopen_run("one", None),
                ):
                    with pytest.raises(LeaseLostError, match=met):
                        await late
                for each in taken[:2]:
                    answer = settlement(each.attempt_id, outcome(), now, b'{"late": 1}', each.starts_at)
                    await first.ledger.settle(answer)
                    await first.ledger.settle(answer)
                unsent = outcome(Charge.FREE, OutcomeKind.NOT_SENT)
                await first.ledger.settle(settlement(taken[2].attempt_id, unsent, now))
                again = [await second.ledger.reserve("one", FREELY, board("US", page), 1) for page in (1, 2, 3)]
                assert again[:2] == [Stored(OK), Stored(OK)], "neither is bought a third time"
                assert isinstance(again[2], Slot)
                answer = settlement(bought_again.attempt_id, outcome(), now, b'{"again": 1}', bought_again.starts_at)
                await second.ledger.settle(answer)

    on_two_hosts(database, script)
    assert database.rows(
        "SELECT charge, outcome, ending, count(*) FROM requests GROUP BY 1, 2, 3 ORDER BY 1, 2, 3"
    ) == [
        ("charged", "ok", "ok", 2),
        ("charged", "ok", "retried", 1),
        ("free", "not_sent", "not_sent", 1),
        ("reserved", None, None, 1),
    ]
    assert database.rows("SELECT attempt_id, outcome, facts IS NULL FROM pages ORDER BY attempt_id") == [
        (1, "ok", False),
        (2, "ok", False),
        (4, "lost", True),
    ]
    assert database.rows("SELECT charged, unknown, reserved FROM balances WHERE kind = 'run'") == [(24, 0, 8)]
    assert database.rows("SELECT status, exit_code FROM run_ends") == [("died", None)], "and says nothing of the end"


def test_what_was_reconciled_meanwhile_keeps_its_charge_and_gets_its_body(database: StateDatabase) -> None:
    now = HandClock().now()

    async def script(first: Stores, second: Stores) -> None:
        taken = slot(await first.ledger.reserve("one", FREELY, board("US"), 1))
        await second.runs.reopen_run("one", None)
        [line] = await second.ledger.unknown_attempts(FREELY)
        database.change("UPDATE requests SET charge = 'free', credits = 0 WHERE attempt_id = ?", line.attempt_id)
        database.change("UPDATE balances SET unknown = 0")
        await first.ledger.settle(settlement(taken.attempt_id, outcome(), now, b"{}", taken.starts_at))

    on_two_hosts(database, script)
    assert database.rows("SELECT charge, credits, outcome FROM requests") == [("free", 0, "ok")]
    assert database.rows("SELECT count(*) FROM pages") == [(1,)]
    assert database.rows("SELECT charged, unknown, reserved FROM balances WHERE kind = 'run'") == [(0, 0, 0)]


def test_a_drain_that_a_dead_host_left_is_the_next_ones_and_the_dead_one_cannot_finish_it(
    database: StateDatabase,
) -> None:
    now = HandClock().now()

    async def script(first: Stores, second: Stores) -> None:
        taken = slot(await first.ledger.reserve("one", FREELY, board("US"), 1))
        await first.ledger.settle(settlement(taken.attempt_id, outcome(), now, b"{}", taken.starts_at))
        async with first.journal.hold_archive():
            begun = await first.journal.open_drain(now, 2**20)
            assert begun is not None
            lapse(database, ARCHIVE)
            async with second.journal.hold_archive():
                assert await second.journal.open_drain(now, 2**20) == begun
                met = r"^the archive is now written by process \S+, since .* no page is lost"
                with pytest.raises(ArchiveLostError, match=met):
                    await first.journal.finish_drain(begun, Written((), {}, {}), now)
                await second.journal.finish_drain(begun, Written((), {}, {}), now)
        async with first.journal.hold_archive():
            assert await first.journal.open_drain(now, 2**20) is None

    on_two_hosts(database, script)


def test_the_reservations_of_a_host_that_lives_are_left_alone_by_the_others(database: StateDatabase) -> None:
    async def script(first: Stores, second: Stores) -> list[int]:
        with first.runs.hold("night"):
            await first.ledger.reserve("one", FREELY, board("US"), 1)
            living = await second.ledger.expire_dead()
            assert second.runs.is_running("night")
            with pytest.raises(HeldElsewhereError), second.runs.hold("night"):
                pass
            lapse(database, job_lease("night"))
            return [living, await second.ledger.expire_dead()]

    assert on_two_hosts(database, script) == [0, 1]


def test_who_holds_what_is_told(database: StateDatabase) -> None:
    async def script(first: Stores, second: Stores) -> list[tuple[str | None, bool]]:
        with first.runs.hold("night"):
            async with first.journal.hold_archive():
                pass
            return [(each.job, each.is_live) for each in await second.runs.leases()]

    assert on_two_hosts(database, script) == [(None, False), ("night", True)]


def test_a_transaction_that_stands_still_blocks_who_takes_over_for_a_leases_time_and_no_renewal(
    database: StateDatabase,
) -> None:
    """As of a host that is stopped inside of one: the server ends its session."""
    ttl_s = 1.0
    engine = create_engine(
        database.url,
        poolclass=NullPool,
        connect_args={"options": f"-c idle_in_transaction_session_timeout={round(ttl_s * 1000)}"},
    )
    leases = Leases(engine, ttl_s, TestedDatabase())
    with database.opened(HandClock().now):
        pass
    mine = leases.try_take("job:night", "a:1")
    assert isinstance(mine, HeldLease)
    began = time.monotonic()
    with ThreadPoolExecutor() as threads, engine.connect() as stands_still:
        confirm(stands_still, mine.fence)
        assert mine.renew(), "a renewal does not wait for a transaction of its own process"
        assert time.monotonic() - began < ttl_s
        lapse(database, "job:night")
        taken = threads.submit(leases.try_take, "job:night", "b:2").result()
        assert isinstance(taken, HeldLease)
        assert ttl_s <= time.monotonic() - began < 5 * ttl_s
        stands_still.invalidate()
    assert isinstance(leases.try_take("job:night", "a:1"), Lease)
    assert not mine.renew()


@pytest.mark.parametrize("stated", ["0", "601", "soon"])
def test_a_time_that_no_lease_can_have_is_refused_before_anything_is_asked(stated: str) -> None:
    url = f"postgresql+psycopg://nobody@127.0.0.1:1/none?lease_s={stated}"
    met = r"^lease_s of the state's URL is .*; it is the time in seconds .*, from 1 to 600\. Nothing was changed\.$"
    with pytest.raises(UsageError, match=met), open_stores(url, HandClock().now, kind="real"):
        pass
