"""Processes that die at a chosen step: the real state and archive, and nothing is written once life is over."""

from __future__ import annotations

import asyncio
import collections
import io
import itertools
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from threading import Lock
from typing import IO, Any

from sqlalchemy import Connection, Engine, event

from scraper.core.catalogue import Catalogue
from scraper.core.events import RunResult
from scraper.core.jobs import Job
from scraper.core.outcomes import Reply
from scraper.core.requests import Request
from scraper.io.archive import Disk, ParquetArchive
from scraper.io.archive.tree import Tree, is_note
from scraper.io.http_transport import Access, HttpTransport
from scraper.io.pacing import SmoothPacer
from scraper.ports import Start, Stores, Transport, at_once
from scraper.runs.context import RunContext
from scraper.runs.execute import execute
from scraper.runs.resume import Opening
from scraper.wiring.files import load_tables
from scraper.wiring.sandboxes import sandbox_urls
from tests.databases import StateDatabase, database_in
from tests.plain_duckdb import plain_duckdb
from tests.runs.harness import Bench, Heard

LEDGER_STEPS = (
    "expire_dead",
    "note_accounts",
    "create_run",
    "reopen_run",
    "reserve",
    "renew_slot",
    "settle",
    "cover",
    "open_drain",
    "finish_drain",
    "begin_rebuild",
    "note_rebuilt",
    "drop_rebuild",
    "note_select",
    "begin_compaction",
    "note_built",
    "finish_compaction",
    "undo_compaction",
    "end_run",
    "note_run_tables",
    "note_parts",
    "stamp",
    "begin_adoption",
    "adopt_run",
    "adopt_attempts",
    "adopt_answers",
    "end_adoption",
)
"""Methods of the stores that write."""

TABLES = load_tables(None)
OF_ITS_TIME = {"run_id", "snapshot_at", "observed_at", "date"}
"""Columns that differ between two runs of one job. A body tells when it was answered, and to which request."""


class Death(BaseException):
    """The process is no more: no handler of ours takes this for a fault of its own."""


@dataclass(frozen=True, slots=True)
class Instant:
    """Right before, or right after, the n-th call of a step."""

    step: str
    number: int
    after: bool

    def __str__(self) -> str:
        return f"{'after' if self.after else 'before'} {self.step} {self.number}"


class Life:
    """Counts the steps of one process, and ends with the chosen one."""

    def __init__(self, death: Instant | None = None) -> None:
        self.steps: collections.Counter[str] = collections.Counter()
        self.over = False
        self._death = death
        self._turn = Lock()

    def check(self) -> None:
        if self.over:
            raise Death

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        self.check()
        with self._turn:
            self.steps[name] += 1
            number = self.steps[name]
        self._reach(Instant(name, number, after=False))
        yield
        self._reach(Instant(name, number, after=True))

    def _reach(self, instant: Instant) -> None:
        self.over = self.over or instant == self._death
        self.check()

    def watch(self, method: Callable[..., Awaitable[Any]], name: str) -> Callable[..., Awaitable[Any]]:
        async def watched(*arguments: Any) -> Any:
            with self.step(name):
                return await method(*arguments)

        return watched


LIVES: dict[str, Life] = {}
"""URL of a state database → the process that it is open in."""


@event.listens_for(Engine, "commit")
def refuse_the_dead(connection: Connection) -> None:
    """What the writing thread has queued when life ends is not committed any more."""
    if (life := LIVES.get(connection.engine.url.render_as_string())) is not None:
        life.check()


class MortalFile(io.FileIO):
    """Bytes that were not written when life ended never are."""

    def __init__(self, path: Path, life: Life) -> None:
        super().__init__(path, "wb")
        self._life = life

    def write(self, data: Any, /) -> int:
        return memoryview(data).nbytes if self._life.over else super().write(data)


class MortalDisk(Disk):
    """A disk that can be left at any step."""

    def __init__(self, life: Life) -> None:
        self._life = life

    def create(self, path: Path) -> IO[bytes]:
        with self._life.step("create"):
            file: Any = MortalFile(path, self._life)
        return file  # type: ignore[no-any-return]

    def sync(self, path: Path) -> None:
        with self._life.step("sync_directory" if path.is_dir() else "sync_file"):
            super().sync(path)

    def make_directory(self, path: Path) -> None:
        with self._life.step("make_directory"):
            super().make_directory(path)

    def replace(self, source: Path, target: Path) -> None:
        with self._life.step("replace"):
            super().replace(source, target)

    def remove(self, path: Path) -> None:
        with self._life.step("remove"):
            super().remove(path)

    def exchange(self, one: Path, other: Path) -> None:
        with self._life.step("exchange"):
            super().exchange(one, other)

    def link(self, source: Path, target: Path) -> None:
        with self._life.step("link"):
            super().link(source, target)

    def remove_tree(self, path: Path) -> None:
        with self._life.step("remove_tree"):
            super().remove_tree(path)


@dataclass(slots=True)
class MortalTransport:
    """The dead send nothing."""

    transport: Transport
    life: Life

    async def send(self, request: Request, start: Start = at_once) -> Reply:
        self.life.check()
        reply = await self.transport.send(request, start)
        self.life.check()
        return reply


@contextmanager
def lived(database: StateDatabase, now: Callable[[], datetime], life: Life | None) -> Iterator[Stores]:
    """The stores as a process has them; its life may end at a step of theirs."""
    with ExitStack() as lives, database.opened(now) as stores:
        if life is not None:
            LIVES[database.url] = life
            lives.callback(LIVES.pop, database.url)
            for store, name in itertools.product((stores.ledger, stores.journal, stores.runs), LEDGER_STEPS):
                if hasattr(store, name):
                    setattr(store, name, life.watch(getattr(store, name), name))
        yield stores


async def live(
    bench: Bench, job: Job, catalogue: Catalogue, life: Life, tree: Callable[[Life], Tree | None] = lambda _: None
) -> RunResult | None:
    """One process of a run; ``None`` where it died. Nothing is told to stop, drained or ended then.

    `tree`: the parts of its archive, if they are not in its directory.
    """
    urls = sandbox_urls(bench.url)
    vendors = {name: catalogue.vendors[name] for name in job.vendors}
    access = {name: Access(vendor, urls[name], bench.keys[name]) for name, vendor in vendors.items()}
    try:
        with lived(bench.database, bench.clock.now, life) as stores:
            async with HttpTransport(access, "scraper/test") as transport:
                context = RunContext(
                    stores=stores,
                    archive=ParquetArchive(bench.data, TABLES, catalogue, MortalDisk(life), tree=tree(life)),
                    transport=MortalTransport(transport, life),
                    pacers={vendor: SmoothPacer(job.accounts[vendor].subscription) for vendor in job.vendors},
                    clock=bench.clock,
                    listener=Heard(),
                    jitter=lambda: 0.0,
                )
                return await execute(
                    job,
                    catalogue.vendors,
                    context,
                    opening=Opening.GO_ON,
                    ceiling=None,
                    suffix="0000",
                    command="scraper run JOB",
                    begun=lambda _: None,
                )
    except Death:
        return None
    except BaseExceptionGroup as ends:
        if ends.split((Death, asyncio.CancelledError))[1] is not None:
            raise
        return None


# --- what is left behind ----------------------------------------------------------------------------------------------


def rows_of(data: Path, run_id: str | None = None) -> dict[str, collections.Counter[str]]:
    """Every table of the archive as a multiset of rows, but for what differs between two runs.

    Rows become JSON in DuckDB: Python takes long over nested ones.
    """
    found = {}
    of_run, values = ("", []) if run_id is None else (" WHERE run_id = ?", [run_id])
    for table in [table.name for table in TABLES] + ["pages"]:
        found[table] = collections.Counter[str]()
        if any((data / "archive" / table).glob("*/*/*.parquet")):
            kept = ", ".join(f"{name}: {name}" for name in kept_columns(data, table))
            asked = f"SELECT to_json({{{kept}}})::VARCHAR FROM {glob_of(data, table)}{of_run}"
            found[table].update(row for (row,) in plain_duckdb().execute(asked, values).fetchall())
    return found


def glob_of(data: Path, table: str) -> str:
    """A table's files, as somebody reads them who has nothing but DuckDB."""
    return f"read_parquet('{data}/archive/{table}/**/*.parquet')"


def kept_columns(data: Path, table: str) -> list[str]:
    """The columns of a table that do not differ between two runs, quoted."""
    left_out = OF_ITS_TIME | ({"body"} if table == "pages" else set())
    described = plain_duckdb().execute(f"DESCRIBE FROM {glob_of(data, table)}").fetchall()
    return [f'"{name}"' for name in sorted(name for name, *_ in described) if name not in left_out]


def ledger(data: Path, sql: str) -> list[tuple[Any, ...]]:
    """Rows of the state database, as another reader sees them."""
    return database_in(data).rows(sql)


def committed(data: Path) -> int:
    """Credits that stand against some limit: charged, presumed, unknown, or reserved by a process that is gone."""
    rows = ledger(data, "SELECT sum(CASE charge WHEN 'reserved' THEN reserved ELSE credits END) FROM requests")
    return int(rows[0][0] or 0)


def stray_files(data: Path) -> list[str]:
    """Files of the archive that the state does not know, and any that are not whole."""
    known = {path for (path,) in ledger(data, "SELECT path FROM parts")}
    files = (str(path.relative_to(data / "archive")) for path in (data / "archive").rglob("*") if path.is_file())
    there = {path for path in files if not is_note(path)}
    unfinished = [str(path) for path in (data / "tmp").rglob("*")]
    return sorted(there ^ known) + unfinished
