"""Readers of an archive that are not ours: each gives the same figures of a table, or it reads it wrong.

The figures of a table are its rows, its vendors, its first and last day, and of each whole-number column how many
values it has and their sum.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Final, TypeAlias

import duckdb
import pandas as pd  # type: ignore[import-untyped]
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
from pyarrow import fs

from tests.plain_duckdb import plain_duckdb

HIVE: Final = ds.partitioning(pa.schema([("vendor", pa.string()), ("date", pa.date32())]), flavor="hive")


@dataclass(frozen=True, slots=True)
class Figures:
    """What a reader finds in a table."""

    rows: int
    vendors: tuple[str, ...]
    first: date | None
    last: date | None
    sums: Mapping[str, tuple[int, int]]
    """Column → values and their sum; a column without values has none."""


Reader: TypeAlias = Callable[[Path, str], Figures]
"""The directory of tables, a table → its figures."""


def tables_of(root: Path) -> tuple[str, ...]:
    return tuple(sorted(path.name for path in root.iterdir() if any(path.glob("vendor=*"))))


def numbers(schema: pa.Schema) -> list[str]:
    """The whole-number columns of a table."""
    return [field.name for field in schema if pa.types.is_integer(field.type)]


def by_duckdb(root: Path, table: str) -> Figures:
    read = f"read_parquet('{root}/{table}/**/*.parquet', hive_partitioning = true)"
    return figures_of_sql(plain_duckdb(), read)


def figures_of_sql(connection: duckdb.DuckDBPyConnection, read: str) -> Figures:
    described = connection.sql(f"DESCRIBE FROM {read}").fetchall()
    columns = [name for name, type_, *_ in described if type_ == "BIGINT"]
    sums = "".join(f', count("{name}"), coalesce(sum("{name}"), 0)::BIGINT' for name in columns)
    asked = f"SELECT count(*), list_sort(list(DISTINCT vendor)), min(date), max(date){sums} FROM {read}"
    (rows, vendors, first, last, *found), *_ = connection.sql(asked).fetchall()
    return _figures(rows, vendors or (), first, last, zip(columns, found[::2], found[1::2], strict=True))


def by_polars(root: Path, table: str) -> Figures:
    return figures_of_polars(pl.scan_parquet(f"{root}/{table}/**/*.parquet", hive_partitioning=True))


def figures_of_polars(rows: pl.LazyFrame) -> Figures:
    columns = [name for name, type_ in rows.collect_schema().items() if type_ == pl.Int64]
    told = rows.select(
        pl.len().alias("."),
        pl.col("vendor").cast(pl.String).unique().sort().implode().alias(".vendors"),
        pl.col("date").min().alias(".first"),
        pl.col("date").max().alias(".last"),
        *(pl.col(name).count().alias(f"{name} n") for name in columns),
        *(pl.col(name).sum().alias(f"{name} sum") for name in columns),
    ).collect()
    row = told.to_dicts()[0]
    sums = ((name, row[f"{name} n"], row[f"{name} sum"]) for name in columns)
    return _figures(row["."], row[".vendors"], row[".first"], row[".last"], sums)


def by_pandas(root: Path, table: str) -> Figures:
    return figures_of_pandas(pd.read_parquet(root / table, partitioning=HIVE, dtype_backend="pyarrow"))


def figures_of_pandas(frame: Any) -> Figures:
    columns = [name for name in frame.columns if str(frame[name].dtype) == "int64[pyarrow]"]
    sums = ((name, int(frame[name].count()), int(frame[name].sum())) for name in columns)
    first, last = (frame["date"].min(), frame["date"].max()) if len(frame) else (None, None)
    return _figures(len(frame), sorted(frame["vendor"].unique()), first, last, sums)


def by_pyarrow(root: Path, table: str) -> Figures:
    return figures_of_arrow(ds.dataset(root / table, partitioning=HIVE).to_table())


def figures_of_arrow(rows: pa.Table) -> Figures:
    sums = ((name, len(rows) - rows[name].null_count, pc.sum(rows[name]).as_py() or 0) for name in numbers(rows.schema))
    days = pc.min_max(rows["date"])
    vendors = sorted(pc.unique(rows["vendor"]).to_pylist())
    return _figures(len(rows), vendors, days["min"].as_py(), days["max"].as_py(), sums)


READERS: Final[Mapping[str, Reader]] = {
    "duckdb": by_duckdb,
    "polars": by_polars,
    "pandas": by_pandas,
    "pyarrow": by_pyarrow,
}


def _figures(
    rows: int, vendors: Iterable[str], first: date | None, last: date | None, sums: Iterable[tuple[str, int, int]]
) -> Figures:
    return Figures(rows, tuple(vendors), first, last, {name: (count, total) for name, count, total in sums if count})


# --- in a bucket ------------------------------------------------------------------------------------------------------


def s3_files(url: str, environment: Mapping[str, str]) -> tuple[fs.S3FileSystem, str]:
    """Return pyarrow's file system of a bucket, and the path of an archive there."""
    files = fs.S3FileSystem(
        access_key=environment["AWS_ACCESS_KEY_ID"],
        secret_key=environment["AWS_SECRET_ACCESS_KEY"],
        endpoint_override=environment["AWS_ENDPOINT_URL"],
        region="us-east-1",
    )
    return files, url.removeprefix("s3://")


def _dataset(files: fs.FileSystem, paths: Sequence[str]) -> ds.Dataset:
    return ds.dataset(paths, filesystem=files, format="parquet", partitioning=HIVE)


def _duckdb(files: fs.FileSystem, paths: Sequence[str]) -> Figures:
    connection = plain_duckdb()
    connection.register("listed", _dataset(files, paths))
    return figures_of_sql(connection, "listed")


IN_A_BUCKET: Final[Mapping[str, Callable[[fs.FileSystem, Sequence[str]], Figures]]] = {
    "duckdb": _duckdb,
    "polars": lambda files, paths: figures_of_polars(pl.scan_pyarrow_dataset(_dataset(files, paths))),
    "pandas": lambda files, paths: figures_of_pandas(
        pd.read_parquet(paths, filesystem=files, partitioning=HIVE, dtype_backend="pyarrow")
    ),
    "pyarrow": lambda files, paths: figures_of_arrow(_dataset(files, paths).to_table()),
}
"""Engine → the figures of a table's files, as the list names them."""
