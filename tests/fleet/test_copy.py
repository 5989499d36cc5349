"""A state copied from one kind of database into another, and back."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from scraper.core.catalogue import Charge, OutcomeKind
from scraper.core.errors import UsageError
from scraper.core.outcomes import Outcome
from scraper.io.state import copy_state
from scraper.ports import Stores
from tests.core.builders import NOON, account
from tests.databases import DATABASES, StateDatabase, database_in, postgres_database
from tests.io.state_bench import (
    HandClock,
    board,
    carried_out,
    kept_balances,
    ledger_sums,
    outcome,
    settlement,
    slot,
)

LIMITS = account(credits_per_month=1_000)
TABLES = ("requests", "balances", "pages", "walks", "runs", "accounts", "meta")


async def bought(stores: Stores, _: HandClock) -> None:
    """Two answers, one of them with a detail that PostgreSQL has no text for, and a request in flight."""
    await stores.ledger.note_accounts([LIMITS])
    for page in (1, 2):
        taken = slot(await stores.ledger.reserve("one", LIMITS, board("US", page), 1))
        await stores.ledger.settle(settlement(taken.attempt_id, outcome(), NOON, b"{}" * page, taken.starts_at))
    taken = slot(await stores.ledger.reserve("one", LIMITS, board("US", 3), 1))
    met = Outcome(OutcomeKind.UPSTREAM_ERROR, Charge.FREE, 0, "it said \0 nothing", http_status=500)
    await stores.ledger.settle(settlement(taken.attempt_id, met, NOON, None, taken.starts_at))
    await stores.ledger.reserve("one", LIMITS, board("US", 4), 1)


def rows(database: StateDatabase) -> dict[str, set[tuple[object, ...]]]:
    """What the tables hold: 0 and 1 are true and false here, and NUL is what stands for it."""
    columns = {table: [f'"{name}"' for name in sorted(each)] for table, each in database.columns().items()}
    return {
        table: {
            tuple(value.replace("\0", "\ufffd") if isinstance(value, str) else value for value in row)
            for row in database.rows(f"SELECT {', '.join(columns[table])} FROM {table}")
        }
        for table in TABLES
    }


@pytest.mark.parametrize(("source", "target"), [("sqlite", "postgresql"), ("postgresql", "sqlite")])
def test_a_copy_holds_the_same_rows_and_goes_on_where_they_end(tmp_path: Path, source: str, target: str) -> None:
    one, other = (DATABASES[kind](tmp_path / kind) for kind in (source, target))
    carried_out(one, bought)
    copied = {each.table: each.rows for each in copy_state(one.url, other.url, NOON)}
    assert copied["requests"] == 4
    assert copied["pages"] == 2
    assert rows(other) == rows(one)
    assert kept_balances(other) == kept_balances(one) == ledger_sums(other)
    assert other.rows("SELECT body FROM pages ORDER BY page_id") == one.rows("SELECT body FROM pages ORDER BY page_id")

    async def another(stores: Stores, _: HandClock) -> int:
        return slot(await stores.ledger.reserve("one", LIMITS, board("US", 5), 1)).attempt_id

    assert carried_out(other, another) == 5


def test_a_database_that_is_not_empty_is_not_copied_into(tmp_path: Path) -> None:
    one, other = database_in(tmp_path / "one"), postgres_database(tmp_path / "other")
    carried_out(one, bought)
    carried_out(other, bought)
    before = rows(other)
    with pytest.raises(UsageError, match=r"is not empty: its table \w+ has rows\. Nothing was changed"):
        copy_state(one.url, other.url, NOON)
    assert rows(other) == before


def test_a_state_with_a_run_under_way_is_not_copied(tmp_path: Path) -> None:
    one, other = database_in(tmp_path / "one"), postgres_database(tmp_path / "other")
    carried_out(one, bought)

    async def held() -> None:
        refused = pytest.raises(UsageError, match=r"^job night is running on .*Nothing was changed")
        with one.opened(lambda: NOON) as stores, stores.runs.hold("night"), refused:
            copy_state(one.url, other.url, NOON)

    asyncio.run(held())
    assert other.columns() in ({}, one.columns())


def test_what_is_nowhere_is_not_copied(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no state in"):
        copy_state(database_in(tmp_path / "none").url, database_in(tmp_path / "other").url, NOON)
    assert not list(tmp_path.iterdir())
