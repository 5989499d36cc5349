"""An archive of many small files: ``python -m tests.benchmarks.many_files [--files 3650] [--keep DIR] [--bare]``.

A night that drains ten times leaves ten files a table; a year without a compaction has 3,650. Makes that many parts of
`pages`, `hashtags`, `coverage` and `requests`, one board of one country in each, notes them in a state database, and
times what reads them: a day, one country's latest board, `tables`, and a run of one page, beside the same run in an
empty directory. ``--bare`` measures a copy without the state, which is read by its directories.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from scraper.core.coverage import RUN_TABLES
from scraper.core.tables import PAGES_COLUMNS, PAGES_HASH, empty_relation, over_no_pages
from scraper.io.archive.files import HASH_KEY
from scraper.io.archive.schemas import schemas_of
from scraper.io.state import open_stores, state_url
from scraper.ports import Part
from scraper.wiring.files import load_tables
from tests.benchmarks.processes import compiled_once

COUNTRIES = ("US", "GB", "JP", "DE", "FR", "BR", "MX", "ID", "VN", "TR")
ROWS = 20
LAST_DAY = date(2026, 11, 20)
JOB = """
name = "one-page"
budget = 100
[accounts.crawlora]
plan = "business"
[[crawl]]
endpoint = "crawlora.hashtags"
params = { country_code = "US", period = 7 }
max_pages = 1
"""


# --- making them ------------------------------------------------------------------------------------------------------


def make_archive(data: Path, files: int) -> None:
    """Write `files` parts of each table, and note them."""
    tables = {table.name: table for table in load_tables(None)}
    selects = {"hashtags": over_no_pages(tables["hashtags"]), "pages": empty_relation(PAGES_COLUMNS)}
    selects |= {name: empty_relation(columns) for name, columns in RUN_TABLES.items()}
    hashes = {"hashtags": tables["hashtags"].hash, "pages": PAGES_HASH}
    hashes |= {name: sha256(selects[name].encode()).hexdigest()[:16] for name in RUN_TABLES}
    known = schemas_of(selects.values())
    parts = []
    for table, select in selects.items():
        schema = known[select]
        if not isinstance(schema, pa.Schema):
            raise schema
        stamped = schema.with_metadata({HASH_KEY: hashes[table].encode()})
        for path, rows in _files(table, stamped, files):
            target = data / "archive" / path
            target.parent.mkdir(parents=True, exist_ok=True)
            pq.write_table(rows, target, compression="zstd")
            parts.append(Part(table, path, rows.num_rows, target.stat().st_size, hashes[table]))
    with open_stores(state_url(data), lambda: datetime(2026, 11, 21, 12, tzinfo=UTC), kind="sandbox") as stores:
        asyncio.run(stores.journal.note_parts(parts))


def _files(table: str, schema: pa.Schema, files: int) -> Iterator[tuple[str, pa.Table]]:
    days = min(files, 365)
    for number in range(files):
        day = LAST_DAY - timedelta(days=number % days)
        name = f"run-many-{number}" if table in RUN_TABLES else f"part-{number + 1}-0"
        yield f"{table}/vendor=crawlora/date={day}/{name}.parquet", _rows(table, schema, number, day)


def _rows(table: str, schema: pa.Schema, number: int, day: date) -> pa.Table:
    count = ROWS if table == "hashtags" else 1
    at = datetime(day.year, day.month, day.day, 2)  # noqa: DTZ001 - the archive's instants are UTC without a zone
    country = COUNTRIES[(number // 365) % len(COUNTRIES)]
    values: Mapping[str, object] = {
        "endpoint": "crawlora.hashtags", "run_id": f"many-{number}", "job": "many", "walk_id": f"walk-{country}",
        "request_key": f"key-{number}", "snapshot_at": at, "observed_at": at, "run_started_at": at, "country": country,
        "period_days": 7, "page": 1, "state": "complete", "why": "end", "outcome": "ok", "http_status": 200,
        "body": b'{"code": 200}' * 50, "rows": ROWS, "pages": 1, "run_status": "complete", "day": day,
        "charge": "charged", "credits": 8,
    }  # fmt: skip
    own = {"hashtag_id": str, "rank": int, "position": int}
    columns = []
    for field in schema:
        if field.name in own and table == "hashtags":
            columns.append(pa.array([own[field.name](place + 1) for place in range(count)], field.type))
        else:
            columns.append(pa.array([values.get(field.name)] * count, field.type))
    return pa.table(columns, schema=schema)


# --- timing -----------------------------------------------------------------------------------------------------------


def commands() -> Mapping[str, Sequence[str]]:
    return {
        "one day": ("sql", f"SELECT count(*) FROM hashtags WHERE date = DATE '{LAST_DAY}'"),
        "a country's latest": ("sql", "SELECT count(*) FROM hashtags_latest WHERE country = 'US'"),
        "a month's coverage": ("sql", f"SELECT count(*) FROM coverage WHERE date > DATE '{LAST_DAY}' - 30"),
        "every row": ("sql", "SELECT count(*), max(rank) FROM hashtags"),
        "tables": ("tables",),
    }


def timed(words: Sequence[str], directory: Path) -> tuple[float, float]:
    """Run the program; return its CPU and wall seconds."""
    began = time.perf_counter()
    program = [str(Path(sys.executable).with_name("scraper")), *words]
    process = subprocess.Popen(
        program, cwd=directory, env=compiled_once(), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    stderr = process.stderr.read() if process.stderr is not None else b""
    _, status, used = os.wait4(process.pid, 0)
    if status:
        raise RuntimeError(stderr.decode())
    return used.ru_utime + used.ru_stime, time.perf_counter() - began


def measured(place: Path, data: Path, rounds: int, *, bare: bool) -> Iterator[tuple[str, float, float]]:
    for name, words in commands().items():
        times = [timed((*words, "--data", str(data)), place) for _ in range(rounds)]
        yield name, min(cpu for cpu, _ in times), min(wall for _, wall in times)
    if bare:
        return
    (place / "job.toml").write_text(JOB)
    run = ("run", "job.toml", "--sandbox", "--new", "--format", "json", "--data")
    with tempfile.TemporaryDirectory() as empty:
        yield "run, empty directory", *timed((*run, f"{empty}/data"), place)
    yield "run", *timed((*run, str(data)), place)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--files", type=int, default=3_650)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--keep", type=Path)
    parser.add_argument("--bare", action="store_true")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        place = asked.keep or Path(directory)
        data = place / "data"
        if not data.is_dir():
            make_archive(data, asked.files)
        if asked.bare:
            bare = Path(directory) / "bare"
            shutil.copytree(data / "archive", bare / "archive", copy_function=os.link)
            data = bare
        for name, cpu_s, wall_s in measured(place, data, asked.rounds, bare=asked.bare):
            sys.stdout.write(f"{name:24}{cpu_s:8.2f} s cpu {wall_s:8.2f} s wall\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
