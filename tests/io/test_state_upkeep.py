"""A state database over the years: older ones are brought forward, full disks are met, consoles are believed."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import sqlite3
import subprocess
import threading
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar

import pytest
from sqlalchemy import Connection, create_engine, event
from sqlalchemy.exc import OperationalError

from scraper.core.budget import Balance
from scraper.core.catalogue import Charge
from scraper.core.errors import StateError
from scraper.core.events import RunStatus
from scraper.core.jobs import Account
from scraper.core.reconcile import BookedCharge
from scraper.core.subscriptions import Subscription
from scraper.io.state.headroom import Headroom
from scraper.io.state.schema import SCHEMA_VERSION
from scraper.io.state.sqlite import SqliteFile
from scraper.io.state.writer import FEW_ATTEMPTS, Writer
from scraper.ports import RunRecord, Stores
from tests.databases import StateDatabase, database_in
from tests.io.state_bench import kept_balances, ledger_sums

T = TypeVar("T")
NOW = datetime(2026, 11, 2, 2, 15, tzinfo=UTC)
ACCOUNT = Account("crawlora", Subscription("free", credits_per_month=2000, credits_per_day=500), "CRAWLORA_API_KEY")


def with_state(database: StateDatabase, use: Callable[[Stores], Awaitable[T]]) -> T:
    async def used() -> T:
        with database.opened(lambda: NOW) as stores:
            return await use(stores)

    return asyncio.run(used())


@pytest.fixture
def old_data(tmp_path: Path) -> StateDatabase:
    """A database as the first version of the program left it: one page spooled, one answer that never came."""
    database = database_in(tmp_path)
    database.load((Path(__file__).parent / "schema_1.sql").read_text())
    return database


def test_a_database_of_the_first_version_is_brought_forward_with_all_that_it_holds(old_data: StateDatabase) -> None:
    async def use(stores: Stores) -> None:
        run = await stores.runs.last_run("old")
        assert run is not None
        assert (run.run_id, run.status, run.budget) == ("old-20261101T021500Z-0001", RunStatus.OPEN, 100)
        totals = await stores.runs.totals(run.run_id)
        assert totals.balance == Balance(charged=8, unknown=8)
        assert kept_balances(old_data) == ledger_sums(old_data)
        assert len(await stores.runs.stored_pages(run.run_id)) == 1
        drain = await stores.journal.open_drain(NOW, 10**9)
        assert drain is not None
        assert [page.request_key for page in stores.journal.drain_pages(drain)] == ["c34125da0061c04c5a120ccc6a6878c3"]
        (unknown,) = await stores.ledger.unknown_attempts(ACCOUNT)
        assert (unknown.attempt_id, unknown.credits) == (2, 8)

    with_state(old_data, use)
    assert old_data.rows("SELECT value FROM meta WHERE key = 'schema'") == [(str(SCHEMA_VERSION),)]


def test_a_database_that_was_brought_forward_has_the_schema_of_a_new_one(
    old_data: StateDatabase, tmp_path: Path
) -> None:
    async def nothing(_: Stores) -> None: ...

    fresh = database_in(tmp_path / "fresh")
    with_state(old_data, nothing)
    with_state(fresh, nothing)
    assert old_data.columns() == fresh.columns()


def test_the_coverage_of_every_run_is_written_again_after_its_columns_have_changed(tmp_path: Path) -> None:
    database = database_in(tmp_path)

    async def use(stores: Stores) -> None:
        await stores.runs.create_run(RunRecord("night-1", "night", RunStatus.COMPLETE, 8, NOW, NOW, 1.0, None, ""))

    async def waiting(stores: Stores) -> list[str]:
        return list(await stores.journal.outdated_runs())

    with_state(database, use)
    database.change("UPDATE runs SET accounted = true")
    assert with_state(database, waiting) == []
    added = {
        "walks": ("max_pages", "decided_again_at", "distinct_rows"),
        "runs": ("number", "night_at", "asked", "exit_code", "superseded_by", "every_s", "board_order", "late_pages"),
        "accounts": ("told_at", "told_until", "told_remaining"),
        "drains": ("token",),
    }
    for table, columns in added.items():
        for column in columns:
            database.change(f"ALTER TABLE {table} DROP COLUMN {column}")
    database.change("DROP TABLE boards")
    database.change("UPDATE meta SET value = '3' WHERE key = 'schema'")
    assert with_state(database, waiting) == ["night-1"]


# --- reconciling ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("charge", "balance"), [(Charge.CHARGED, Balance(charged=16)), (Charge.FREE, Balance(charged=8))]
)
def test_an_unknown_attempt_becomes_what_the_user_says_and_only_once(
    old_data: StateDatabase, charge: Charge, balance: Balance
) -> None:
    async def use(stores: Stores) -> None:
        credits = 0 if charge is Charge.FREE else 8
        await stores.ledger.reconcile({2: BookedCharge(charge, credits)}, "the user")
        other = {2: BookedCharge(Charge.CHARGED, 8), 1: BookedCharge(Charge.FREE, 0)}
        await stores.ledger.reconcile(other, "somebody else")
        assert (await stores.runs.totals("old-20261101T021500Z-0001")).balance == balance
        assert await stores.ledger.unknown_attempts(ACCOUNT) == []

    with_state(old_data, use)


@pytest.mark.parametrize(
    ("settled", "balance"),
    [
        (BookedCharge(Charge.FREE, 0), Balance(unknown=8)),
        (BookedCharge(Charge.CHARGED, 10), Balance(charged=10, unknown=8)),
        (BookedCharge(Charge.CHARGED, 8), Balance(charged=8, unknown=8)),
    ],
)
def test_a_charge_that_was_settled_is_corrected_where_the_vendors_books_say_so(
    old_data: StateDatabase, settled: BookedCharge, balance: Balance
) -> None:
    async def use(stores: Stores) -> None:
        await stores.ledger.reconcile({1: settled}, "billing events", correct=True)
        assert (await stores.runs.totals("old-20261101T021500Z-0001")).balance == balance
        await stores.ledger.reconcile({1: BookedCharge(Charge.CHARGED, 8)}, "billing events", correct=True)
        assert (await stores.runs.totals("old-20261101T021500Z-0001")).balance == Balance(charged=8, unknown=8)

    with_state(old_data, use)
    assert kept_balances(old_data) == ledger_sums(old_data)


def test_what_others_spent_is_set_and_not_added_and_lowered_only_by_whole_books(old_data: StateDatabase) -> None:
    month = "2026-11-01"

    async def use(stores: Stores) -> None:
        await stores.ledger.note_accounts([ACCOUNT])
        told = [
            await stores.ledger.note_spent_elsewhere(ACCOUNT, month, spent, whole=whole)
            for spent, whole in ((24, False), (24, True), (16, False), (16, True), (0, True))
        ]
        assert told == [24, 0, 0, -8, -16]

    with_state(old_data, use)


def test_a_month_is_held_once(old_data: StateDatabase) -> None:
    december = NOW.replace(month=12, day=1)

    async def use(stores: Stores) -> None:
        assert await stores.ledger.month_to_hold(ACCOUNT, december - timedelta(days=5)) is None
        assert await stores.ledger.month_to_hold(ACCOUNT, december) == "2026-11-01"
        await stores.ledger.note_statement(ACCOUNT, "2026-11-01", "it agrees")
        await stores.ledger.note_statement(ACCOUNT, "2026-11-01", "it agrees still")
        assert await stores.ledger.month_to_hold(ACCOUNT, december) is None

    with_state(old_data, use)
    assert old_data.rows("SELECT message FROM statements") == [("it agrees still",)]


def test_what_the_console_says_is_the_months_sum_from_then_on(old_data: StateDatabase) -> None:
    async def use(stores: Stores) -> None:
        await stores.ledger.note_accounts([ACCOUNT])
        assert await stores.ledger.note_used(ACCOUNT, 120) == 120 - 16
        (balance,) = await stores.ledger.account_balances(NOW)
        assert balance.month_balance.committed == 120
        assert await stores.ledger.note_used(ACCOUNT, 8) == 8 - 120
        (balance,) = await stores.ledger.account_balances(NOW)
        assert balance.month_balance.committed == 8

    with_state(old_data, use)


def test_a_month_that_is_told_to_begin_on_another_day_holds_what_was_spent_since_that_day(
    old_data: StateDatabase,
) -> None:
    late = replace(ACCOUNT.subscription, month_starts_on=2)
    earlier = replace(ACCOUNT.subscription, month_starts_on=20)

    async def use(stores: Stores) -> None:
        await stores.ledger.note_accounts([replace(ACCOUNT, subscription=late)])
        (balance,) = await stores.ledger.account_balances(NOW)
        assert (balance.month, balance.month_balance) == ("2026-11-02", Balance())
        await stores.ledger.note_accounts([replace(ACCOUNT, subscription=earlier)])
        (balance,) = await stores.ledger.account_balances(NOW)
        assert (balance.month, balance.month_balance) == ("2026-10-20", Balance(charged=8, unknown=8))
        await stores.ledger.note_used(replace(ACCOUNT, subscription=earlier), 20)
        await stores.ledger.note_accounts([replace(ACCOUNT, subscription=late)])
        await stores.ledger.note_accounts([replace(ACCOUNT, subscription=earlier)])
        (balance,) = await stores.ledger.account_balances(NOW)
        assert balance.month_balance == Balance(charged=8, unknown=8, adjusted=4)

    with_state(old_data, use)


# --- a disk that fills ------------------------------------------------------------------------------------------------


def test_a_write_that_meets_a_full_disk_is_tried_again_when_space_was_freed() -> None:
    engine = create_engine("sqlite://")
    freed = list[str]()

    def work(_: Connection) -> str:
        if not freed:
            raise OperationalError("INSERT", {}, Exception("database or disk is full"))
        return "written"

    def free_space() -> bool:
        freed.append("now")
        return len(freed) == 1

    writer = Writer(engine, SqliteFile(Path("x.db")), free_space)
    assert asyncio.run(writer.do(work)) == "written"
    assert freed == ["now"]
    writer.close()
    engine.dispose()


def test_a_full_disk_that_cannot_be_helped_is_a_sentence() -> None:
    engine = create_engine("sqlite://")

    def work(_: Connection) -> None:
        raise OperationalError("INSERT", {}, Exception("database or disk is full"))

    writer = Writer(engine, SqliteFile(Path("x.db")))
    with pytest.raises(StateError, match=r"database or disk is full\. Everything committed is kept; free some space\."):
        asyncio.run(writer.do(work))
    writer.close()
    engine.dispose()


# --- a database that another program has locked -----------------------------------------------------------------------


class Locked:
    """A database that another program has locked, and an engine that does not wait for the lock."""

    def __init__(self, path: Path, tries: int | None) -> None:
        """It is unlocked before the engine's last try."""
        self._tries_left = tries
        self.engine = create_engine(f"sqlite:///{path}", connect_args={"timeout": 0.0})
        event.listen(self.engine, "begin", self._begin)
        self.other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self.other.executescript("PRAGMA journal_mode = WAL; CREATE TABLE met (number INTEGER); BEGIN EXCLUSIVE")

    def _begin(self, connection: Connection) -> None:
        if self._tries_left is not None:
            self._tries_left -= 1
            if self._tries_left == 0:
                self.other.execute("COMMIT")
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    def numbers(self) -> list[int]:
        return [number for (number,) in self.other.execute("SELECT number FROM met ORDER BY number")]


@contextlib.contextmanager
def locked(directory: Path, tries: int | None = None) -> Iterator[Locked]:
    met = Locked(directory / "x.db", tries)
    try:
        yield met
    finally:
        met.engine.dispose()
        met.other.close()


def _note(connection: Connection, number: int) -> None:
    connection.exec_driver_sql("INSERT INTO met VALUES (?)", (number,))


def test_a_locked_database_is_waited_for_as_long_as_it_takes_and_said_once(tmp_path: Path) -> None:
    said = list[str]()

    async def script() -> None:
        await asyncio.gather(*(writer.do(_note, number) for number in range(5)))

    with locked(tmp_path, tries=20 * FEW_ATTEMPTS) as met:
        writer = Writer(met.engine, SqliteFile(Path("state.db")), say=said.append)
        asyncio.run(script())
        writer.close()
        assert met.numbers() == list(range(5))
    assert said == ["state.db is locked by another program; waiting, nothing is lost"]


def test_a_database_that_stays_locked_is_not_opened(tmp_path: Path) -> None:
    with locked(tmp_path) as met:
        writer = Writer(met.engine, SqliteFile(Path("state.db")))
        with pytest.raises(StateError, match=r"database is locked\. .* is kept; another process holds its lock"):
            writer.begin(lambda connection: _note(connection, 1))
        writer.close()


def test_a_writer_whose_callers_have_gone_gives_up_waiting(tmp_path: Path) -> None:
    waits = threading.Event()

    async def script(writer: Writer) -> None:
        task = asyncio.ensure_future(writer.do(_note, 1))
        await asyncio.to_thread(waits.wait)
        task.cancel()

    with locked(tmp_path) as met:
        writer = Writer(met.engine, SqliteFile(Path("state.db")), say=lambda _: waits.set())
        asyncio.run(script(writer))
        writer.close()
        assert met.numbers() == []


def test_a_run_does_not_begin_without_room_for_what_will_be_in_flight(tmp_path: Path) -> None:
    with pytest.raises(StateError, match="Nothing was spent; free some space"):
        Headroom(tmp_path / "headroom", size_bytes=2**60).claim()
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A real file system of 40 MiB; where this user may not mount one, the test is skipped."""
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=40m", "tmpfs", tmp_path], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip(f"no file system can be mounted here ({errno.errorcode[errno.EPERM]})")
    try:
        yield tmp_path
    finally:
        subprocess.run(["umount", tmp_path], check=True)


def fill(path: Path) -> None:
    """Writes until nothing more can be written."""
    with path.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while file.write(b"x" * 65536) == 65536:
            pass


def test_on_a_real_full_disk_the_space_kept_back_takes_what_is_in_flight(small_disk: Path) -> None:
    async def use(stores: Stores) -> None:
        with stores.ledger.headroom("job"):
            fill(small_disk / "filler")
            big = "y" * 2**20
            for number in range(4):  # far more than the pages that SQLite still has
                await stores.ledger.reconcile({}, big)
                await stores.ledger.note_accounts([Account(f"v{number}", Subscription(big), "KEY")])
            assert not (small_disk / "data" / "locks" / "job.headroom").exists()

    small_data = small_disk / "data"
    (small_data / "locks").mkdir(parents=True)
    with_state(database_in(small_data), use)
