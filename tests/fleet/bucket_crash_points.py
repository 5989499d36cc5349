"""Stops a run whose archive is in a bucket before and after each step of ledger, disk and bucket, and goes on.

::

    python -m tests.fleet.bucket_crash_points

stops at every request that changes an object and at every step of the ledger; the suite at some of each kind.
"""

from __future__ import annotations

import asyncio
import sys
from collections import Counter
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from scraper.core.catalogue import Catalogue
from scraper.core.events import RunStatus
from scraper.io.archive import ParquetArchive
from scraper.io.query import open_archive
from scraper.runs.coverage import write_run_tables
from scraper.wiring.files import load_job
from tests.fleet.buckets import Bucket, download
from tests.runs.crash_points import ALL_FIVE_IN_FEW, AT_A_TIME, NOON
from tests.runs.harness import Bench, bench
from tests.runs.mortal import TABLES, Instant, Life, committed, ledger, live, rows_of
from tests.runs.upkeep import found_by_glob, found_in

OBJECT_STEPS = ("create_object", "replace_object", "write_object", "delete_objects")
JOURNAL_STEPS = ("open_drain", "finish_drain", "stamp", "note_run_tables")


@dataclass(frozen=True, slots=True)
class WholeBucket:
    """What a run leaves behind that nobody stopped."""

    rows: dict[str, Counter[str]]
    charged: int
    steps: Counter[str]


async def whole_run(directory: Path, text: str) -> WholeBucket:
    """The rows and steps of a run that nobody stops."""
    async with bench(directory, moment=NOON) as made:
        job, catalogue = load_job(made.write_job(text))
        bucket, life = Bucket(made.clock.now), Life()
        result = await live(made, job, catalogue, life, lambda life: bucket.tree(made.data, life))
        assert result is not None
        assert result.status is RunStatus.COMPLETE
        return WholeBucket(rows_of(download(bucket.objects, directory / "copy")), made.charged(), life.steps)


def stopped_and_gone_on(directory: Path, text: str, deaths: Iterable[Instant], whole: WholeBucket) -> None:
    """A process that ends at each of these instants, and another one that ends the run; AssertionError: a law broke."""

    async def each() -> None:
        at_a_time = asyncio.Semaphore(AT_A_TIME)

        async def one(death: Instant) -> None:
            async with at_a_time:
                await _stopped_and_gone_on(directory / str(death), text, death, whole)

        async with asyncio.TaskGroup() as group:
            for death in deaths:
                group.create_task(one(death))

    asyncio.run(each())


async def _stopped_and_gone_on(directory: Path, text: str, death: Instant, whole: WholeBucket) -> None:
    async with bench(directory, moment=NOON) as made:
        job, catalogue = load_job(made.write_job(text))
        bucket = Bucket(made.clock.now)
        ended = await live(made, job, catalogue, Life(death), lambda life: bucket.tree(made.data, life))
        assert ended is None, "the step was reached"
        in_flight = ledger(made.data, "SELECT request_key FROM requests WHERE charge = 'reserved'")
        if ledger(made.data, "SELECT status FROM runs") != [("complete",)]:
            result = await live(made, job, catalogue, Life(), lambda life: bucket.tree(made.data, life))
            assert result is not None
            assert result.status is RunStatus.COMPLETE
        with made.database.opened(made.clock.now) as stores:
            archive = ParquetArchive(made.data, TABLES, Catalogue(), tree=bucket.tree(made.data))
            assert await write_run_tables(stores.journal, archive, made.clock) == ()
            with archive.lock():
                archive.compactor.sweep(made.clock.now())
        _check(made, bucket, whole, len(in_flight))


def _check(made: Bench, bucket: Bucket, whole: WholeBucket, in_flight: int) -> None:
    copy = download(bucket.objects, made.directory / "copy")
    assert rows_of(copy) == whole.rows
    with closing(open_archive(copy, TABLES)) as connection:
        assert found_by_glob(copy) == found_in(connection, copy)
    assert bucket.listed() == dict(ledger(made.data, "SELECT path, checksum FROM parts"))
    assert bucket.unlisted(made.data) == []
    assert list((made.data / "tmp").rglob("*")) == []
    assert not (made.data / "archive").exists()
    assert set(ledger(made.data, "SELECT count(*) FROM pages GROUP BY request_key")) == {(1,)}
    assert ledger(made.data, "SELECT count(*) FROM pages WHERE NOT stored OR body IS NOT NULL") == [(0,)]
    assert committed(made.data) >= made.charged() >= whole.charged
    assert sum(made.hits.values()) - len(made.hits) <= in_flight, "only what was in flight is bought again"


def main() -> int:
    stops = 0
    with TemporaryDirectory() as directory:
        whole = asyncio.run(whole_run(Path(directory) / "whole", ALL_FIVE_IN_FEW))
        for step in (*OBJECT_STEPS, *JOURNAL_STEPS):
            numbers = range(1, whole.steps[step] + 1)
            deaths = [Instant(step, number, after) for number in numbers for after in (False, True)]
            stopped_and_gone_on(Path(directory) / step, ALL_FIVE_IN_FEW, deaths, whole)
            stops += len(deaths)
            sys.stdout.write(f"{step}: {whole.steps[step]} calls, {len(deaths)} stops\n")
    sys.stdout.write(f"{stops} stops; no law broken\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
