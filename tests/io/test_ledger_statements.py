"""How many statements and transactions the ledger takes: they are what it costs."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, event

from scraper.core.jobs import Account
from scraper.ports import Slot, Stores
from tests.core.builders import NOON, account
from tests.databases import StateDatabase, database_in
from tests.io.state_bench import HandClock, board, carried_out, kept_balances, ledger_sums, outcome, settlement, slot

LIMITS = account(requests_per_minute=20, credits_per_day=1_000)


@contextmanager
def counted() -> Iterator[list[str]]:
    """Statements that are waited for meanwhile; in SQLite all, with BEGIN for each transaction."""
    found: list[str] = []

    def note(connection: Any, _cursor: Any, statement: str, _parameters: Any, context: Any, _many: bool) -> None:
        if connection.dialect.name == "sqlite" or not context.execution_options.get("queued"):
            found.append(statement.split(maxsplit=1)[0])

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield found
    finally:
        event.remove(Engine, "before_cursor_execute", note)


def test_a_reservation_takes_three_statements_and_a_fourth_only_for_a_new_walk(tmp_path: Path) -> None:
    """On a server round trips count instead: see tests/fleet."""

    async def script(stores: Stores, _: HandClock) -> tuple[list[str], list[str], list[str]]:
        await stores.ledger.note_accounts([LIMITS])
        with counted() as first:
            taken = slot(await stores.ledger.reserve("one", LIMITS, board("US", 1), 1))
        with counted() as next_one:
            await stores.ledger.reserve("one", LIMITS, board("US", 2), 1)
        with counted() as settled:
            await stores.ledger.settle(settlement(taken.attempt_id, outcome(), NOON, b"{}", NOON))
        return first[1:], next_one, settled

    first, next_one, settled = carried_out(database_in(tmp_path), script)
    assert next_one == ["BEGIN", "SELECT", "INSERT", "UPDATE"]
    assert settled == ["BEGIN", "SELECT", "UPDATE", "INSERT", "UPDATE"]
    assert sorted(set(first)) == ["INSERT", "SELECT", "UPDATE"]  # the balances' rows are new as well


def test_requests_that_are_ready_together_share_a_transaction_and_each_gets_its_slot(database: StateDatabase) -> None:
    async def script(stores: Stores, _: HandClock) -> tuple[list[str], list[Slot]]:
        await stores.ledger.note_accounts([LIMITS])
        slot(await stores.ledger.reserve("one", LIMITS, board("US", 1), 1))
        with counted() as found:
            asked = [stores.ledger.reserve("one", LIMITS, board("US", page), 1) for page in range(2, 12)]
            taken = [slot(each) for each in await asyncio.gather(*asked)]
        return found, taken

    found, taken = carried_out(database, script)
    assert found.count("BEGIN") <= 2  # one of them may have been begun for the first alone
    assert len(found) <= 4 + 5  # of several, the slots before theirs are read as well
    assert len({each.attempt_id for each in taken}) == 10
    assert kept_balances(database) == ledger_sums(database)


def test_walks_that_begin_together_and_their_settlements_take_no_statement_each(database: StateDatabase) -> None:
    places = ("US", "GB", "DE", "FR", "IT", "ES", "JP", "KR")

    async def script(stores: Stores, _: HandClock) -> tuple[list[str], list[str]]:
        await stores.ledger.note_accounts([LIMITS])
        slot(await stores.ledger.reserve("one", LIMITS, board("US", 1), 1))
        with counted() as reserved:
            asked = [stores.ledger.reserve("one", LIMITS, board(place, 2), 1) for place in places]
            taken = [slot(each) for each in await asyncio.gather(*asked)]
        with counted() as settled:
            answers = [settlement(each.attempt_id, outcome(), NOON, b"{}", NOON) for each in taken]
            await asyncio.gather(*(stores.ledger.settle(each) for each in answers))
        return reserved, settled

    reserved, settled = carried_out(database, script)
    assert len(reserved) <= 5 + 7  # two transactions at most, each with the walks that it has not looked up yet
    assert len(settled) <= 2 * 5
    assert kept_balances(database) == ledger_sums(database)
    assert len(database.rows("SELECT walk_id FROM walks WHERE run_id = 'one' AND snapshot_at IS NOT NULL")) == 8


def test_an_attempt_that_is_settled_twice_at_once_is_charged_and_stored_once(database: StateDatabase) -> None:
    async def script(stores: Stores, _: HandClock) -> None:
        await stores.ledger.note_accounts([LIMITS])
        taken = [slot(await stores.ledger.reserve("one", LIMITS, board("US", page), 1)) for page in (1, 2)]
        answers = [settlement(each.attempt_id, outcome(), NOON, b"{}", NOON) for each in taken]
        await asyncio.gather(*(stores.ledger.settle(each) for each in (*answers, *answers, answers[0])))

    carried_out(database, script)
    assert kept_balances(database) == ledger_sums(database)
    assert len(database.rows("SELECT page_id FROM pages")) == 2
    assert database.rows("SELECT DISTINCT charge FROM requests") == [("charged",)]


def test_together_they_get_the_slots_that_they_would_get_one_by_one(database: StateDatabase) -> None:
    kinds = (
        account(requests_per_minute=5),
        account(requests_per_minute=3, requests_per_second=1),
        account("keyapi"),
        account(),
    )
    for n, limits in enumerate(kinds):
        clocks = [HandClock(NOON + timedelta(days=2 * n + later)) for later in (1, 2)]
        together = carried_out(database, _slots_of(limits, at_once=True), clocks[0])
        assert together == carried_out(database, _slots_of(limits, at_once=False), clocks[1])


def _slots_of(limits: Account, *, at_once: bool) -> Any:
    async def script(stores: Stores, clock: HandClock) -> list[float]:
        country = "us" if limits.vendor == "keyapi" else "US"
        asked = [stores.ledger.reserve("one", limits, board(country, page % 10 + 1), 1) for page in range(12)]
        found = await asyncio.gather(*asked) if at_once else [await each for each in asked]
        return [(slot(each).starts_at - clock.now()).total_seconds() for each in found]

    return script
