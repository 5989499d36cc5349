"""Reservations and settlements a second, with full durability: ``python -m tests.benchmarks.ledger``.

The yardstick is bare sqlite3 with the same pragmas: the same rows, written as we would by hand, so many to a commit.
"""

from __future__ import annotations

import asyncio
import sqlite3
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import orjson
import zstandard

from scraper.io.state import open_stores, state_url
from scraper.io.state.sqlite import PRAGMAS
from scraper.ports import Slot
from tests.core.builders import account
from tests.io.state_bench import board, outcome, run_record, settlement

REQUESTS = 2_000
LIMITS = account(requests_per_minute=1_000_000, credits_per_month=10**9, credits_per_day=10**9)
BODY = orjson.dumps({"data": {"list": [{"id": str(n * 7919), "title": f"clip {n}", "views": n**3} for n in range(60)]}})


def _now() -> datetime:
    return datetime.now(UTC)


async def ours(directory: Path, in_flight: int) -> float:
    """Seconds for all requests through the ledger, so many at a time."""
    asked = [board("US", page) for page in range(1, 11)]

    async def client(first: int) -> None:
        for n in range(first, REQUESTS, in_flight):
            reserved = await stores.ledger.reserve("one", LIMITS, asked[n % 10], 1)
            assert isinstance(reserved, Slot)
            at = _now()
            await stores.ledger.settle(settlement(reserved.attempt_id, outcome(), at, BODY, at))

    with open_stores(state_url(directory), _now, kind="real") as stores:
        await stores.ledger.note_accounts([LIMITS])
        await stores.runs.create_run(run_record("one", 10**9, at=_now()))
        began = time.perf_counter()
        await asyncio.gather(*map(client, range(in_flight)))
        return time.perf_counter() - began


def bare(directory: Path, in_flight: int) -> float:
    """Seconds for the same rows, in a database that `ours` has made."""
    connection = sqlite3.connect(directory / "state.db", isolation_level=None)
    for pragma in PRAGMAS:
        connection.execute(f"PRAGMA {pragma}")
    (columns,) = zip(*connection.execute("SELECT name FROM pragma_table_info('requests')"), strict=True)
    places = ", ".join("?" * (len(columns) - 1))
    reserve = f"INSERT INTO requests ({', '.join(columns[1:])}) VALUES ({places})"
    attempt = connection.execute("SELECT * FROM requests LIMIT 1").fetchone()[1:]
    body = zstandard.ZstdCompressor(1).compress(BODY)
    began = time.perf_counter()
    for first in range(0, REQUESTS, in_flight):
        several = min(in_flight, REQUESTS - first)
        connection.execute("BEGIN IMMEDIATE")
        ids = [connection.execute(reserve, attempt).lastrowid for _ in range(several)]
        connection.execute("UPDATE balances SET reserved = reserved + ?", (8 * several,))
        connection.execute("COMMIT")
        connection.execute("BEGIN IMMEDIATE")
        for each in ids:
            connection.execute("UPDATE requests SET charge = 'charged', settled_at = ? WHERE attempt_id = ?", (0, each))
            page = (
                "INSERT INTO pages (attempt_id, run_id, walk_id, request_key, observed_at, outcome, http_status, body, "
                "size_bytes, stored) VALUES (?, 'one', 'w', ?, 0, 'ok', 200, ?, ?, 0)"
            )
            connection.execute(page, (each, attempt[0], body, len(BODY)))
        connection.execute("UPDATE balances SET reserved = reserved - ?, charged = charged + ?", (8 * several,) * 2)
        connection.execute("COMMIT")
    took_s = time.perf_counter() - began
    connection.close()
    return took_s


def main() -> None:
    for in_flight in (1, 16, 64, 256):
        with tempfile.TemporaryDirectory() as directory:
            cpu_s = time.process_time()
            took_s = asyncio.run(ours(Path(directory), in_flight))
            cpu_s = time.process_time() - cpu_s
            bare_s = bare(Path(directory), in_flight)
        print(  # noqa: T201
            f"{in_flight:>3} in flight: {REQUESTS / took_s:6,.0f} reserved and settled a second, "
            f"{cpu_s / REQUESTS * 1e6:4.0f} µs of CPU each; bare sqlite3 {REQUESTS / bare_s:6,.0f}, "
            f"{took_s / bare_s:.1f} times as fast"
        )


if __name__ == "__main__":
    main()
