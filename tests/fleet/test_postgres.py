"""A state that several processes share on a server: what it costs, and what happens when the server goes away."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from scraper.ports import Stores
from scraper.sandbox.metering import SECOND, Sliding
from tests.core.builders import NOON, account
from tests.databases import PostgresDatabase, postgres_database, the_server
from tests.fleet.contention import (
    PRICE,
    accounts_named,
    credits_held,
    deadlocks,
    for_a_while,
    process,
    until_refused,
)
from tests.fleet.link import Break, Link, linked
from tests.fleet.rate import REGIONS, run_beside, watched
from tests.io.state_bench import (
    HandClock,
    board,
    carried_out,
    kept_balances,
    ledger_sums,
    outcome,
    run_record,
    settlement,
    slot,
)
from tests.runs.counting import CountingVendor

LIMITS = account(requests_per_minute=20, credits_per_day=1_000)


@pytest.fixture
def database(tmp_path: Path) -> PostgresDatabase:
    return postgres_database(tmp_path)


@pytest.fixture
def link(database: PostgresDatabase) -> Iterator[Link]:
    with linked(database.url) as opened:
        yield opened


def over(link: Link, script: Any, say: Any = lambda _: None) -> Any:
    """Carry out a script on a database by a link, with a run and an account in it."""

    async def work() -> Any:
        with PostgresDatabase(link.url).opened(HandClock().now, say=say) as stores:
            await stores.runs.create_run(run_record("one"))
            await stores.ledger.note_accounts([LIMITS])
            return await script(stores)

    return asyncio.run(work())


@pytest.mark.parametrize("leased", [False, True])
def test_a_reservation_takes_two_round_trips_and_so_do_ten_at_once(link: Link, leased: bool) -> None:
    async def script(stores: Stores) -> list[int]:
        taken = []
        with stores.runs.hold("night") if leased else nullcontext():
            for page in range(1, 4):
                before = link.trips
                await stores.ledger.reserve("one", LIMITS, board("US", page), 1)
                taken.append(link.trips - before)
            before = link.trips
            asked = [stores.ledger.reserve("one", LIMITS, board("US", page), 1) for page in range(4, 14)]
            ids = {slot(each).attempt_id for each in await asyncio.gather(*asked)}
            assert len(ids) == 10
            taken.append(link.trips - before)
        return taken

    first, *others, together = over(link, script)
    assert others == [2, 2]
    assert first > 2  # the rows of its balances are new
    assert together <= 5  # in one transaction or two: one may have been begun for the first alone


@pytest.mark.parametrize("lost", [Break.BEFORE_COMMIT, Break.AFTER_COMMIT])
def test_a_commit_whose_answer_is_lost_is_done_once(database: PostgresDatabase, link: Link, lost: Break) -> None:
    async def script(stores: Stores) -> int:
        await stores.ledger.reserve("one", LIMITS, board("US", 1), 1)
        link.breaks = lost
        taken = slot(await stores.ledger.reserve("one", LIMITS, board("US", 2), 1))
        link.breaks = lost
        await stores.ledger.settle(settlement(taken.attempt_id, outcome(), NOON, b"{}", NOON))
        link.breaks = lost
        await stores.runs.create_run(run_record("two", job="other"))
        return taken.attempt_id

    said: list[str] = []
    attempt_id = over(link, script, said.append)
    assert link.broken == 3
    assert database.rows("SELECT count(*) FROM requests") == [(2,)]
    assert database.rows("SELECT attempt_id, charge FROM requests ORDER BY attempt_id DESC LIMIT 1") == [
        (attempt_id, "charged")
    ]
    assert database.rows("SELECT count(*) FROM pages") == [(1,)]
    assert kept_balances(database) == ledger_sums(database)
    assert len(said) == 3
    assert all(each.endswith("does not answer; waiting, nothing is lost") for each in said)
    assert database.rows("SELECT key FROM meta ORDER BY key") == [("kind",), ("schema",)]


def test_processes_share_a_rate_though_the_clock_of_one_is_ahead(database: PostgresDatabase, tmp_path: Path) -> None:
    """More and in full: ``python -m tests.fleet.rate``."""

    async def script() -> CountingVendor:
        async with watched(Sliding(20, SECOND)) as (address, vendor):
            shared = (tmp_path, database.url, address)
            limit, regions = "requests_per_second = 20", REGIONS[:4]
            together = (run_beside(*shared, f"job{ahead_s}", limit, ahead_s, regions) for ahead_s in (0, 20))
            await asyncio.gather(*together)
        return vendor

    vendor = asyncio.run(script())
    assert len(vendor.arrivals) == 2 * 4 * 3
    assert vendor.turned_away == 0
    assert 1.0 < vendor.arrivals[-1] - vendor.arrivals[0] < 15
    [(apart,)] = database.rows("SELECT max(reserved_at) - min(reserved_at) FROM requests")
    assert apart < 15_000_000  # microseconds: they go by one clock


def test_text_is_compared_as_elsewhere_whatever_the_locale_of_the_database() -> None:
    """By a locale, upper and lower case would be mixed, and punctuation would not count."""
    database = PostgresDatabase(
        the_server().new_database("TEMPLATE template0 LOCALE_PROVIDER icu ICU_LOCALE 'en-US' ENCODING 'UTF8'")
    )

    async def script(stores: Stores, _: HandClock) -> tuple[list[str], Mapping[str, int] | None]:
        for name in ("Zed", "alpha", "_x"):
            await stores.ledger.note_accounts([replace(LIMITS, name=name)])
        for run_id in ("run", "run-2", "runs"):
            await stores.runs.create_run(run_record(run_id, job=run_id))
            await stores.ledger.reserve(run_id, LIMITS, board("US", 1), 1)
        spent = await stores.journal.run_spending("run")
        names = [each.account for each in await stores.ledger.account_balances(NOON)]
        return names, None if spent is None else spent.committed

    names, committed = carried_out(database, script)
    assert names == ["crawlora/Zed", "crawlora/_x", "crawlora/alpha", "crawlora/default"]
    assert committed == {"crawlora/default": 8}


def test_processes_spend_together_what_an_account_has_and_no_more(database: PostgresDatabase) -> None:
    """More and in full: ``python -m tests.fleet.contention``."""
    of = account(credits_per_month=207)
    with ThreadPoolExecutor(4) as pool:
        started = [pool.submit(process, database.url, f"run-{each}", until_refused, (of,)) for each in range(4)]
    assert sum(each.result().reserved for each in started) == 25
    assert credits_held(database) == 200
    assert sorted(database.rows("SELECT number FROM runs")) == [(1,), (2,), (3,), (4,)]


def test_processes_that_use_several_accounts_never_wait_for_each_other_for_ever(database: PostgresDatabase) -> None:
    accounts = accounts_named("a", "b", "c", "d")
    with ThreadPoolExecutor(3) as pool:
        started = [pool.submit(process, database.url, f"run-{each}", for_a_while, (accounts, 0.5)) for each in range(3)]
    assert credits_held(database) == sum(each.result().settled for each in started) * PRICE
    assert deadlocks(database) == 0
