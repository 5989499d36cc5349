"""The manual's recipes on a year of nights, against a bare scan of the same columns.

A night is what a nightly job buys: boards of hashtags and of creators of three countries, and two pages of posts for
each of the 20 best hashtags. The last nights go through the program, against the sandbox; the nights before are made of
them, other instants and other ids in the same shape, and written by the archive's own writer: one part a table and day,
as a compaction leaves them. ``python -m tests.benchmarks.year`` makes 365 nights and times every recipe; ``--keep DIR``
keeps them there, and finds them there the next time.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from scraper.cli.display.report import page
from scraper.core.catalogue import Catalogue
from scraper.core.coverage import RUN_TABLES
from scraper.core.events import RunStatus
from scraper.core.report import Period
from scraper.core.subscriptions import Subscription
from scraper.io.archive import Disk, ParquetArchive
from scraper.io.archive.files import stored_hash
from scraper.io.archive.staged_files import Staging
from scraper.io.archive.tree import DirectoryTree, Places
from scraper.io.query import open_archive, query
from scraper.ports import RunRow, RunVersion
from scraper.sandbox import Sandbox, serve
from scraper.wiring.files import load_job, load_tables, load_views
from scraper.wiring.query import table_list
from scraper.wiring.report import report_of
from scraper.wiring.run import RunOrder, run_job
from scraper.wiring.sandboxes import sandbox_urls
from scraper.wiring.settings import Settings
from tests.clock import dated
from tests.docs.markdown import RECIPES, Fence, fences
from tests.runs.harness import FAST, KEYS, Heard, HurriedClock

NIGHTLY = f"""
name = "nightly"
budget = 2_000

[accounts.crawlora]
requests_per_minute = {FAST}
credits_per_month = 100_000
credits_per_day = 50_000

[[crawl]]
endpoint = "crawlora.hashtags"
params = {{ country_code = ["US", "GB", "JP"], period = 7 }}
max_pages = 1

[[crawl]]
endpoint = "crawlora.creators"
params = {{ creator_country = ["US", "GB", "JP"] }}

[[crawl]]
name = "posts"
endpoint = "crawlora.hashtag_posts"
each = "crawlora.hashtags"
top = 20
max_items = 60
"""

TABLES = ("pages", "hashtags", "creators", "posts")
OF_ANOTHER_NIGHT: Mapping[str, str] = {
    "hashtags": ", publish_cnt + $days AS publish_cnt, video_views + 1000 * $days AS video_views",
    "creators": ", follower_cnt + $days AS follower_cnt, liked_cnt + $days AS liked_cnt",
    "posts": ", (post_id::UHUGEINT + $days)::VARCHAR AS post_id, created_at - to_days($days) AS created_at",
}
"""What differs between two nights besides the instants and the run."""

_INSTANTS = ("snapshot_at", "observed_at")
TIMES = 3


class HastyDisk(Disk):
    """Nobody cuts the power here."""

    def sync(self, path: Path) -> None:
        pass


# --- making the year --------------------------------------------------------------------------------------------------


async def run_nights(data: Path, nights: int, text: str = NIGHTLY) -> None:
    """Nights of a job through the program, the first one where the tests begin, each a day after the one before."""
    job_file = data.parent / "configs" / "nightly.toml"
    job_file.parent.mkdir(parents=True, exist_ok=True)
    job_file.write_text(text)
    job, catalogue = load_job(job_file)
    clock = HurriedClock()
    sandbox = Sandbox(subscriptions={vendor: Subscription("any") for vendor in KEYS}, keys=KEYS, clock=clock.now)
    async with serve(sandbox) as url:
        keys = {f"{vendor.upper()}_API_KEY": key for vendor, key in KEYS.items()}
        settings = Settings(data=data, vendor_urls=sandbox_urls(url), environment=keys, clock=clock)
        for _ in range(nights):
            order = RunOrder(job, catalogue, job_file.parent)
            result = await run_job(order, settings, Heard(), lambda _: None)
            if result.status is not RunStatus.COMPLETE:
                raise RuntimeError(f"a night ended {result.status.value}: {result.message}")
            await clock.sleep(timedelta(days=1).total_seconds())


def derive_nights(data: Path, nights: int) -> None:
    """Nights before the first that is there, each made of one of those that are there."""
    root = data / "archive"
    there = sorted({date.fromisoformat(day.name.removeprefix("date=")) for day in root.glob("coverage/*/date=*")})
    samples = {table: next((root / table).rglob("*.parquet")) for table in TABLES}
    schemas = {table: pq.read_schema(sample).remove_metadata() for table, sample in samples.items()}
    hashes = {table: stored_hash(sample) or "" for table, sample in samples.items()}
    disk = HastyDisk()
    archive = ParquetArchive(data, load_tables(None), Catalogue(), disk)
    with duckdb.connect() as connection:
        for back in range(1, nights + 1):
            source = there[(back - 1) % len(there)]
            night = there[0] - timedelta(days=back)
            days, run_id = (source - night).days, f"nightly-{back}"
            with Staging(disk, Places.of(data), schemas, hashes) as staging:
                staging.turn_to(f"vendor=crawlora/date={night}", f"part-{night:%Y%m%d}-0.parquet")
                for table in TABLES:
                    sql = _of_another_night(root, table, source, schemas[table])
                    rows = connection.sql(sql, params={"days": days, "run_id": run_id})
                    staging.add(table, rows.to_arrow_table().cast(schemas[table]))
                DirectoryTree(disk, Places.of(data)).publish(staging.staged())
            run, of_run = _run_of_another_night(connection, root, source, days, run_id)
            archive.write_run_tables([run], {run_id: of_run}.__getitem__)


def _of_another_night(root: Path, table: str, source: date, schema: pa.Schema) -> str:
    moved = ", ".join(f"{name} - to_days($days) AS {name}" for name in _INSTANTS)
    replaced = f"$run_id AS run_id, {moved}{OF_ANOTHER_NIGHT.get(table, '')}"
    names = ", ".join(f'"{name}"' for name in schema.names)
    return (
        f"SELECT {names} FROM (SELECT * REPLACE ({replaced}) "
        f"FROM read_parquet('{root / table}/*/date={source}/*.parquet', hive_partitioning = false))"
    )


def _run_of_another_night(
    connection: duckdb.DuckDBPyConnection, root: Path, source: date, days: int, run_id: str
) -> tuple[RunVersion, Mapping[str, Sequence[RunRow]]]:
    ago = timedelta(days=days)
    rows: dict[str, list[RunRow]] = {}
    for table in RUN_TABLES:
        files = f"{root / table}/*/date={source}/*.parquet"
        found = connection.sql(f"FROM read_parquet('{files}', hive_partitioning = false)").to_arrow_table()
        rows[table] = [
            {
                name: value - ago if isinstance(value, date) else run_id if name == "run_id" else value
                for name, value in row.items()
            }
            for row in found.to_pylist()
        ]
    began: datetime = rows["coverage"][0]["run_started_at"]
    return RunVersion(run_id, began.replace(tzinfo=UTC), "derived"), rows


# --- timing -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Timed:
    """A recipe on an archive."""

    title: str
    rows: int
    recipe_s: float
    """From the opening of the archive to the last row."""
    scan_s: float
    """Bare scans of the columns that it reads, of all days, from the opening of DuckDB to the last."""


def recipes() -> tuple[Fence, ...]:
    """The manual's SQL that names tables and views, on the day of the nights that are there."""
    shown = (replace(fence, body=dated(fence.body)) for fence in fences(RECIPES.read_text(encoding="utf-8"), "sql"))
    return tuple(fence for fence in shown if "read_parquet(" not in fence.body)


def timed_recipes(data: Path) -> Iterator[Timed]:
    """Every recipe, the best of a few times."""
    described = load_tables(None), load_views(None)
    columns_of = ColumnsRead(data)
    for recipe in recipes():
        scanned = columns_of(recipe.body)

        def ask(sql: str = recipe.body) -> int:
            with closing(open_archive(data, *described)) as connection:
                return sum(batch.num_rows for batch in query(connection, sql))

        def scan(scanned: Mapping[str, tuple[str, ...]] = scanned) -> int:
            with duckdb.connect() as connection:
                return sum(_scanned(connection, data, table, columns) for table, columns in scanned.items())

        rows, recipe_s = _best(ask)
        yield Timed(recipe.title, rows, recipe_s, _best(scan)[1])


def _scanned(connection: duckdb.DuckDBPyConnection, data: Path, table: str, columns: tuple[str, ...]) -> int:
    if not any((data / "archive" / table).glob("*/*/*.parquet")):
        return 0
    counts = ", ".join(f'count("{column}")' for column in columns) or "count(*)"
    files = f"{data / 'archive' / table}/**/*.parquet"
    found = connection.execute(f"SELECT {counts} FROM read_parquet('{files}', hive_partitioning = true)").fetchall()
    return len(found)


def _best(work: Callable[[], int]) -> tuple[int, float]:
    taken = []
    for _ in range(TIMES):
        began = time.perf_counter()
        rows = work()
        taken.append(time.perf_counter() - began)
    return rows, min(taken)


class ColumnsRead:
    """What a query reads of each table, by DuckDB's own plan of it over tables of the same names without rows."""

    def __init__(self, data: Path) -> None:
        tables, views = load_tables(None), load_views(None)
        self._plans = duckdb.connect()
        self._plans.execute("SET disabled_optimizers = 'statistics_propagation,empty_result_pullup'")
        with closing(open_archive(data, tables)) as archive:
            for (name,) in archive.execute("SELECT view_name FROM duckdb_views() WHERE NOT internal").fetchall():
                columns = archive.execute(f'DESCRIBE "{name}"').fetchall()
                declared = ", ".join(f'"{column[0]}" {column[1]}' for column in columns)
                self._plans.execute(f'CREATE TABLE "{name}" ({declared})')
        for view in views:
            self._plans.execute(view.sql)

    def __call__(self, sql: str) -> Mapping[str, tuple[str, ...]]:
        plan = self._plans.execute(f"EXPLAIN (FORMAT json) {sql}").fetchall()[0][1]
        read: dict[str, set[str]] = {}
        waiting = list(json.loads(plan))
        while waiting:
            node = waiting.pop()
            waiting += node["children"]
            told = node["extra_info"]
            if "Table" in told:
                columns = told.get("Projections", [])
                some = [columns] if isinstance(columns, str) else columns
                table = told["Table"].rpartition(".")[2].strip('"')
                read.setdefault(table, set()).update(column.partition(".")[0].strip('"') for column in some)
        return {table: tuple(sorted(columns)) for table, columns in read.items()}


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--nights", type=int, default=365)
    asked.add_argument("--through-the-program", type=int, default=30, metavar="NIGHTS")
    asked.add_argument("--keep", type=Path, metavar="DIR")
    options = asked.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        data = (options.keep or Path(temporary)) / "data"
        if not (data / "archive").exists():
            began = time.perf_counter()
            asyncio.run(run_nights(data, options.through_the_program))
            ran = time.perf_counter()
            derive_nights(data, options.nights - options.through_the_program)
            sys.stdout.write(
                f"{options.through_the_program} nights through the program {ran - began:.0f} s, "
                f"{options.nights - options.through_the_program} derived {time.perf_counter() - ran:.0f} s\n"
            )
        _tell(data)


def _tell(data: Path) -> None:
    for row in table_list(Settings(data=data), None):
        if row.get("files"):
            sys.stdout.write(
                f"{row['table']:10} {row['rows']:>9,} rows {row['files']:>6,} files {row['bytes']:>13,} bytes\n"
            )
    slowest = 0.0
    for timed in timed_recipes(data):
        slowest = max(slowest, timed.recipe_s)
        sys.stdout.write(
            f"{timed.recipe_s:6.2f} s, scan {timed.scan_s:5.2f} s, ratio {timed.recipe_s / timed.scan_s:5.2f}, "
            f"{timed.rows:>6,} rows: {timed.title}\n"
        )
    sys.stdout.write(f"slowest recipe {slowest:.2f} s\n")
    days = sorted(date.fromisoformat(day.name.removeprefix("date=")) for day in data.glob("archive/coverage/*/date=*"))
    began = time.perf_counter()
    text = page(report_of(Settings(data=data), None, Period(days[0], days[-1])))
    sys.stdout.write(f"report {time.perf_counter() - began:.2f} s, {len(text.encode()):,} bytes\n")


if __name__ == "__main__":
    main()
