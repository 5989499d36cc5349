"""Asks chDB and Spark for the figures that DuckDB finds: ``python -m tests.fleet.engines [DIRECTORY]``.

DIRECTORY is one of tables (``data/archive``); without it an archive of some nights is made. Neither engine belongs to
the tests' extra: `pip install chdb pyspark`, and Java 17 or later for Spark. One that is not there is named, and
the script ends with 1 where an engine finds other figures.
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from tests.fleet.readers import Figures, Reader, by_duckdb, tables_of
from tests.fleet.test_engines import written


@contextmanager
def chdb() -> Iterator[Reader]:
    """Yield a reader by chDB: its `file` reads vendor and date from the path."""
    with tempfile.TemporaryDirectory() as scratch:
        session = import_module("chdb.session").Session(scratch)  # no package of the tests

        def rows(sql: str) -> list[list[Any]]:
            return [json.loads(line) for line in str(session.query(sql, "JSONCompactEachRow")).splitlines()]

        def read(root: Path, table: str) -> Figures:
            files = f"file('{root}/{table}/**/*.parquet', Parquet)"
            columns = [name for name, type_, *_ in rows(f"DESCRIBE {files}") if type_ == "Nullable(Int64)"]
            return _figures(rows, columns, files, "arraySort(groupUniqArray(toString(vendor)))", "toInt64")

        yield read
        session.close()


@contextmanager
def spark() -> Iterator[Reader]:
    """Yield a reader by Spark, in this process and on one core."""
    local = {"spark.ui.enabled": "false", "spark.driver.host": "127.0.0.1", "spark.sql.session.timeZone": "UTC"}
    builder = import_module("pyspark.sql").SparkSession.builder.master("local[1]")
    for name, value in local.items():
        builder = builder.config(name, value)
    session = builder.getOrCreate()

    def rows(sql: str) -> list[list[Any]]:
        return [list(row) for row in session.sql(sql).collect()]

    def read(root: Path, table: str) -> Figures:
        frame = session.read.parquet(f"{root}/{table}")
        frame.createOrReplaceTempView("asked")
        columns = [name for name, type_ in frame.dtypes if type_ == "bigint"]
        return _figures(rows, columns, "asked", "array_sort(collect_set(vendor))", "bigint")

    yield read
    session.stop()


def _figures(
    rows: Callable[[str], list[list[Any]]], columns: list[str], read: str, vendors: str, whole: str
) -> Figures:
    sums = "".join(f", count(`{name}`), {whole}(coalesce(sum(`{name}`), 0))" for name in columns)
    ((count, names, *found),) = rows(f"SELECT count(*), {vendors}{sums} FROM {read}")
    days = rows(f"SELECT min(date), max(date) FROM {read}")[0] if count else [None, None]
    first, last = (each if each is None or isinstance(each, date) else date.fromisoformat(each) for each in days)
    totals = {
        name: (int(n), int(total)) for name, n, total in zip(columns, found[::2], found[1::2], strict=True) if int(n)
    }
    return Figures(int(count), tuple(names), first, last, totals)


ENGINES = {"chdb": chdb, "pyspark": spark}


def compare(root: Path) -> bool:
    """Print what each engine finds; return whether those that are there agree with DuckDB."""
    agree = True
    for package, engine in ENGINES.items():
        if find_spec(package) is None or (engine is spark and shutil.which("java") is None):
            _say(f"{package}: not asked, it is not installed")
            continue
        with engine() as reader:
            for table in tables_of(root):
                found, expected = reader(root, table), by_duckdb(root, table)
                agree &= found == expected
                _say(f"{package} {table}: {found.rows} rows, {'as DuckDB' if found == expected else (found, expected)}")
    return agree


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    if len(sys.argv) > 1:
        sys.exit(not compare(Path(sys.argv[1]).absolute()))
    with tempfile.TemporaryDirectory() as directory:
        sys.exit(not compare(written(Path(directory) / "data")))
