"""Many processes on one state: nothing is spent twice, nobody waits for each other for ever, and it goes fast enough.

python -m tests.fleet.contention            what issue and guide promise, in a minute
python -m tests.fleet.contention --seconds 60
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import random
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from scraper.core.jobs import Account
from scraper.ports import Slot, Stores
from tests.core.builders import account
from tests.databases import PostgresDatabase
from tests.fleet.postgres_server import postgres_server
from tests.io.state_bench import board, kept_balances, ledger_sums, outcome, run_record, settlement

AT_ONCE = 8
PRICE = 8
"""Credits of a request here."""


@dataclass(frozen=True, slots=True)
class Done:
    """What one process did."""

    reserved: int
    settled: int
    took_s: float


def _now() -> datetime:
    return datetime.now(UTC)


async def _prepared(stores: Stores, run_id: str, accounts: Sequence[Account]) -> None:
    await stores.runs.create_run(run_record(run_id, 10**9, job=run_id, at=_now()))
    await stores.ledger.note_accounts(accounts)


async def until_refused(stores: Stores, run_id: str, of: Account) -> Done:
    """Reserve, one after the other, until the account has no credits left."""
    await _prepared(stores, run_id, [of])
    began, reserved = time.perf_counter(), 0
    while isinstance(await stores.ledger.reserve(run_id, of, board("US", reserved + 1), 1), Slot):
        reserved += 1
    return Done(reserved, 0, time.perf_counter() - began)


async def for_a_while(
    stores: Stores, run_id: str, accounts: Sequence[Account], seconds: float, settles: bool = True
) -> Done:
    """Reserve and settle on all accounts in any order, some at once, so that batches hold several of them.

    Without `settles`, reserve one after the other.
    """
    await _prepared(stores, run_id, accounts)
    began = time.perf_counter()
    chance = random.Random(run_id)
    done = [0, 0]

    async def buy() -> None:
        page = 0
        while time.perf_counter() < began + seconds:
            page += 1
            taken = await stores.ledger.reserve(run_id, chance.choice(accounts), board("US", page), 1)
            assert isinstance(taken, Slot)
            done[0] += 1
            if not settles:
                continue
            await stores.ledger.settle(settlement(taken.attempt_id, outcome(), _now(), b"{}", _now()))
            done[1] += 1

    await asyncio.gather(*(buy() for _ in range(AT_ONCE if settles else 1)))
    return Done(done[0], done[1], time.perf_counter() - began)


def process(url: str, run_id: str, work: Callable[..., Any], arguments: Sequence[Any]) -> Done:
    async def opened() -> Done:
        with PostgresDatabase(url).opened(_now) as stores:
            found: Done = await work(stores, run_id, *arguments)
            return found

    return asyncio.run(opened())


@contextmanager
def _pool(processes: int) -> Any:
    with multiprocessing.get_context("spawn").Pool(processes) as pool:
        pool.map(_now_in, range(processes))  # until all are there: what follows is at once
        yield pool


def _now_in(_: int) -> float:
    return time.time()


def reserved_by(url: str, processes: int, of: Account) -> list[Done]:
    """What processes reserve together until the account has no credits left."""
    with _pool(processes) as pool:
        asked = [(url, f"run-{each}", until_refused, (of,)) for each in range(processes)]
        return list(pool.starmap(process, asked, chunksize=1))


def bought_by(
    url: str, processes: int, accounts: Sequence[Account], seconds: float, *, settles: bool = True
) -> list[Done]:
    """What processes reserve and settle together."""
    with _pool(processes) as pool:
        asked = [(url, f"run-{each}", for_a_while, (accounts, seconds, settles)) for each in range(processes)]
        return list(pool.starmap(process, asked, chunksize=1))


def deadlocks(database: PostgresDatabase) -> int:
    """Deadlocks that the server has ended in this database."""
    [(found,)] = database.rows("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
    return int(found)


def credits_held(database: PostgresDatabase) -> int:
    """All credits of the ledger, reserved or spent; AssertionError where the balances are not their sums."""
    kept, sums = kept_balances(database), ledger_sums(database)
    assert {key: each for key, each in kept.items() if any(each)} == {
        key: each for key, each in sums.items() if any(each)
    }
    return sum(sum(held) for (kind, _), held in sums.items() if kind == "month")


def accounts_named(*names: str) -> list[Account]:
    return [replace(account(), name=name) for name in names]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--processes", type=int, default=32)
    options = parser.parse_args()
    faults = 0
    with postgres_server() as server:
        database = PostgresDatabase(server.new_database())
        done = reserved_by(database.url, options.processes, account(credits_per_month=4_007))
        held = credits_held(database)
        faults += held != 4_000
        print(f"{options.processes} processes, 4,007 credits at {PRICE}: {held:,} reserved")  # noqa: T201
        database = PostgresDatabase(server.new_database())
        done = bought_by(database.url, 6, accounts_named("a", "b", "c", "d"), options.seconds)
        met, settled = deadlocks(database), sum(each.settled for each in done)
        faults += met != 0 or credits_held(database) != settled * PRICE
        print(f"6 processes, 4 accounts, {options.seconds:.0f} s: {settled:,} settled, {met} deadlocks")  # noqa: T201
        for clients, names in ((8, ["a"]), (1, ["a"]), (8, list("abcdefgh"))):
            database = PostgresDatabase(server.new_database())
            done = bought_by(database.url, clients, accounts_named(*names), options.seconds / 2, settles=False)
            rate = sum(each.reserved / each.took_s for each in done)
            print(f"{clients} clients, {len(names)} accounts: {rate:.0f} reservations a second")  # noqa: T201
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
