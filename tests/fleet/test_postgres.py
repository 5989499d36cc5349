"""A state that several processes share on a server: what it costs, and what happens when the server goes away."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from scraper.ports import Stores
from tests.core.builders import NOON, account
from tests.databases import PostgresDatabase, postgres_database
from tests.fleet.link import Break, Link, linked
from tests.io.state_bench import HandClock, board, kept_balances, ledger_sums, outcome, run_record, settlement, slot

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


def test_a_reservation_takes_three_round_trips(link: Link) -> None:
    async def script(stores: Stores) -> list[int]:
        taken = []
        for page in range(1, 4):
            before = link.trips
            await stores.ledger.reserve("one", LIMITS, board("US", page), 1)
            taken.append(link.trips - before)
        return taken

    first, *others = over(link, script)
    assert others == [3, 3]
    assert first > 3  # the rows of its balances are new


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
