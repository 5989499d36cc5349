"""Stops the process right before and right after steps of ledger and archive, and goes on in another one.

::

    python -m tests.runs.crash_points

stops at every call of every step, before and after it; the test suite stops at each kind of step, and twice at those
of the ledger that come often. A line for each step, then how many stops there were. Exit 1 with the first that broke
a law.
"""

from __future__ import annotations

import asyncio
import collections
import sys
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from duckdb import DuckDBPyConnection

from scraper.core.catalogue import Catalogue
from scraper.core.coverage import RUN_TABLES
from scraper.core.events import RunStatus
from scraper.io.archive import ParquetArchive
from scraper.runs.coverage import write_run_tables
from scraper.wiring.files import load_job
from tests.plain_duckdb import plain_duckdb
from tests.runs.harness import Bench, bench
from tests.runs.mortal import (
    LEDGER_STEPS,
    TABLES,
    Instant,
    Life,
    committed,
    glob_of,
    kept_columns,
    ledger,
    live,
    rows_of,
    stray_files,
)
from tests.runs.upkeep import Found, names, opened

NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
"""The sandbox's time: its links expire by the hour, and rows are compared."""

ALL_FIVE_IN_FEW = """
[[crawl]]
endpoint = "crawlora.hashtags"
params = { country_code = ["US", "GB"] }
max_pages = 1
[[crawl]]
endpoint = "crawlora.creators"
params = { creator_country = "US" }
max_pages = 1
[[crawl]]
endpoint = "crawlora.hashtag_posts"
each = "keyapi.hashtags"
top = 3
max_items = 60
[[crawl]]
endpoint = "keyapi.hashtags"
params = { region = "US" }
max_pages = 2
[[crawl]]
endpoint = "keyapi.videos"
params = { region = "GB" }
max_pages = 2
"""
REQUESTS = 13

UPKEEP_STEPS = {name for name in LEDGER_STEPS if "compaction" in name or "rebuil" in name} | {
    "note_built",
    "note_select",
}
"""Stopped at in test_compact and test_rebuild."""
ADOPTION_STEPS = {"begin_adoption", "adopt_run", "adopt_attempts", "adopt_answers", "end_adoption", "note_parts"}
"""Stopped at in test_adopt."""
RARE_STEPS = {"reopen_run", "renew_slot", "remove", *UPKEEP_STEPS, *ADOPTION_STEPS}
"""Not part of a first process's way when nothing is late, left behind or outdated."""
ARCHIVE_STEPS = ("make_directory", "sync_directory", "create", "sync_file", "replace")
STEPS = (*(name for name in LEDGER_STEPS if name not in RARE_STEPS), *ARCHIVE_STEPS)
AT_A_TIME = 4
"""Lives side by side, each in a directory of its own: most of a life waits for the disk."""


Columns = dict[str, str]
"""Table → its columns that do not differ between two runs, as SQL."""


OF_RUNS: Columns = {table: ", ".join(f'"{column.name}"' for column in columns) for table, columns in RUN_TABLES.items()}
"""Coverage and ledger: they tell of their own run."""


@dataclass(frozen=True, slots=True)
class Whole:
    """What a run leaves behind that nobody stopped."""

    rows: dict[str, collections.Counter[str]]
    columns: Columns
    sums: Found
    charged: int
    steps: collections.Counter[str]


def instants(step: str, times: int, *, every: bool = False) -> list[Instant]:
    """Both sides of each call; in the suite, the later side of a step that comes once, else an early and a late call.

    The archive is written in sequence: after a step is before the next one there.
    """
    if every:
        sides = (False,) if step in ARCHIVE_STEPS else (False, True)
        return [Instant(step, number, after) for number in range(1, times + 1) for after in sides]
    if step in ARCHIVE_STEPS:
        return [Instant(step, -(-times // 2), after=False)]
    early = [] if times == 1 else [Instant(step, -(-times // 3), after=False)]
    return [*early, Instant(step, times, after=True)]


async def whole_run(directory: Path) -> Whole:
    async with bench(directory, moment=NOON) as made:
        job, catalogue = load_job(made.write_job(ALL_FIVE_IN_FEW))
        life = Life()
        result = await live(made, job, catalogue, life)
        assert result is not None
        assert result.status is RunStatus.COMPLETE
        assert result.charged == made.charged()
        tables = [table for table in names(made.data) if table not in RUN_TABLES]
        columns = {table: ", ".join(kept_columns(made.data, table)) for table in tables}
        sums = _sums(plain_duckdb(), columns, made.data)
        return Whole(rows_of(made.data), columns, sums, made.charged(), life.steps)


def stopped_and_gone_on(directory: Path, deaths: Iterable[Instant], whole: Whole) -> None:
    """A process that ends at each of these instants, and another one that ends the run; AssertionError: a law broke."""

    async def each() -> None:
        at_a_time = asyncio.Semaphore(AT_A_TIME)

        async def one(death: Instant) -> None:
            async with at_a_time:
                await _stopped_and_gone_on(directory / str(death), death, whole)

        async with asyncio.TaskGroup() as group:
            for death in deaths:
                group.create_task(one(death))

    asyncio.run(each())


async def _stopped_and_gone_on(directory: Path, death: Instant, whole: Whole) -> None:
    async with bench(directory, moment=NOON) as made:
        job, catalogue = load_job(made.write_job(ALL_FIVE_IN_FEW))
        assert await live(made, job, catalogue, Life(death)) is None, "the step was reached"
        in_flight = ledger(made.data, "SELECT request_key FROM requests WHERE charge = 'reserved'")
        assert committed(made.data) >= made.charged()
        if ledger(made.data, "SELECT status FROM runs") != [("complete",)]:
            result = await live(made, job, catalogue, Life())
            assert result is not None
            assert result.status is RunStatus.COMPLETE
            assert result.charged + result.presumed + result.unknown >= made.charged()
            assert len(ledger(made.data, "SELECT run_id FROM runs")) == 1
        else:
            await _told(made)
        _check(made, whole, len(in_flight))


async def _told(made: Bench) -> None:
    """What the next run's end does for a run that died between its end and the archive learning of it."""
    with made.database.opened(made.clock.now) as stores:
        archive = ParquetArchive(made.data, TABLES, Catalogue())
        assert await write_run_tables(stores.journal, archive, made.clock) == ()


def _check(made: Bench, whole: Whole, in_flight: int) -> None:
    assert names(made.data) == sorted({*whole.columns, *RUN_TABLES})
    if _sums(plain_duckdb(), whole.columns, made.data) != whole.sums:
        assert rows_of(made.data) == whole.rows
        raise AssertionError("the sums differ, and no row")
    with closing(opened(made.data)) as connection:
        assert _sums(connection, whole.columns) == whole.sums
        assert _sums(connection, OF_RUNS) == _sums(plain_duckdb(), OF_RUNS, made.data)
        assert _ledger_in(connection) == ledger(made.data, _SETTLED)
    assert set(ledger(made.data, "SELECT count(*) FROM pages GROUP BY request_key")) == {(1,)}
    assert ledger(made.data, "SELECT count(*) FROM pages WHERE NOT stored OR body IS NOT NULL") == [(0,)]
    assert committed(made.data) >= made.charged() >= whole.charged
    assert sum(made.hits.values()) - len(made.hits) <= in_flight, "only what was in flight is bought again"
    assert stray_files(made.data) == []


def _sums(connection: DuckDBPyConnection, columns: Columns, data: Path | None = None) -> Found:
    """Rows, and the sum of their hashes; of the files in `data`, or of the relations that the connection has."""
    found = {}
    for table, kept in columns.items():
        rows = f'"{table}"' if data is None else glob_of(data, table)
        asked = f"SELECT count(*), sum(hash(row({kept}))::HUGEINT) FROM {rows}"
        [found[table]] = connection.execute(asked).fetchall()
    return found


_SETTLED = """
    SELECT 'walk ' || walk_id, state, pages FROM walks
    UNION ALL SELECT 'attempt ' || attempt_id, charge, credits FROM requests WHERE charge <> 'reserved' ORDER BY 1
"""


def _ledger_in(connection: DuckDBPyConnection) -> list[tuple[object, ...]]:
    """The same from the archive alone."""
    return connection.execute(
        """
        SELECT 'walk ' || walk_id, state, pages FROM coverage
        UNION ALL SELECT 'attempt ' || attempt_id, charge, credits FROM requests ORDER BY 1
        """
    ).fetchall()


def main() -> int:
    stops = 0
    with TemporaryDirectory() as directory:
        whole = asyncio.run(whole_run(Path(directory) / "whole"))
        for step in STEPS:
            deaths = instants(step, whole.steps[step], every=True)
            stopped_and_gone_on(Path(directory) / step, deaths, whole)
            stops += len(deaths)
            sys.stdout.write(f"{step}: {whole.steps[step]} calls, {len(deaths)} stops\n")
    sys.stdout.write(f"{stops} stops; no law broken\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
