"""Exports as a Delta table, by deltalake (the extra `delta`): a copy of rows, never the archive's own files.

Delta could adopt the archive's files in place. Tried: after the first checkpoint of such a table, and between its
compaction and a vacuum, the archive's own glob counts rows that do not exist. So a Delta table gets its own rows, in
its own directory.

Instants become `timestamp`, in UTC: the type for times without a zone needs a reader of a newer protocol.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from enum import Enum
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import duckdb
import pyarrow as pa

from scraper.core.errors import OutputError, QueryError, UsageError
from scraper.io.query.export import relation_source
from scraper.io.query.read_only import asked_again, query

if TYPE_CHECKING:
    from deltalake import DeltaTable

_INSTALL: Final = "pip install 'metered-scraper[delta]'"
_LOG: Final = "_delta_log"
_KEPT: Final = "The table is as it was."
_NAMED: Final = 5
"""Columns that a message names."""


class DeltaMode(Enum):
    """What to do with a table that exists."""

    NEW = "new"
    """It is refused."""
    APPEND = "append"
    """Rows are added."""
    REPLACE = "overwrite"
    """Its rows are replaced, in a new version."""


def refuse_unless_delta(place: Path, mode: DeltaMode) -> None:
    """Raise UsageError if no Delta table can be written in this mode, before anything is read."""
    if find_spec("deltalake") is None:
        raise UsageError(f"Delta needs deltalake, which is not installed: {_INSTALL}")
    if not place.exists():
        return
    if not place.is_dir():
        raise UsageError(f"{place} is a file, but a Delta table is a directory: name another path.")
    if not (place / _LOG).is_dir():
        if any(place.iterdir()):
            raise UsageError(f"{place} is a directory, but no Delta table: nothing was changed; name another.")
        return
    if mode is DeltaMode.NEW:
        raise UsageError(f"{place} exists: --append adds the rows to it, --force replaces its rows.")


def export_delta(
    opened: Callable[[], duckdb.DuckDBPyConnection],
    relation: str,
    place: Path,
    where: str | None = None,
    mode: DeltaMode = DeltaMode.NEW,
) -> int:
    """Write the rows of a table, a view or a macro to a Delta table, in one commit; return their number.

    Rows are streamed: a table may be larger than memory. `where` is a condition, as in `export`. Raises UsageError for
    an unsuitable place or mismatched columns, QueryError if DuckDB cannot read, OutputError if writing fails.
    """
    refuse_unless_delta(place, mode)
    return asked_again(lambda: _exported(opened(), relation, place, where, mode))


def _exported(
    connection: duckdb.DuckDBPyConnection, relation: str, place: Path, where: str | None, mode: DeltaMode
) -> int:
    with closing(connection):
        source = relation_source(connection, relation)
        condition = "" if where is None else f" WHERE (\n{where}\n)"
        reader = query(connection, f"SELECT * FROM {source}{condition}")  # noqa: S608 - see only_reading
        rows = _Rows(reader, pa.schema([_field(field) for field in reader.schema]))
        if (place / _LOG).is_dir():
            _commit(connection, rows, place, mode, _table_there(place, rows.schema, mode))
        else:
            _commit_new(connection, rows, place)
        return rows.count


def _commit_new(connection: duckdb.DuckDBPyConnection, rows: _Rows, place: Path) -> None:
    """Write a table beside its place and rename it in: a directory without a log is no table."""
    beside = place.with_name(f".{place.name}.part")
    shutil.rmtree(beside, ignore_errors=True)
    try:
        _commit(connection, rows, beside, DeltaMode.NEW, str(beside.absolute()))
        beside.replace(place)
    except OSError as fault:
        raise OutputError(str(place), fault.strerror or str(fault), "Nothing was changed.") from fault
    except OutputError as failure:
        reason = failure.reason.replace(str(beside.absolute()), str(place))
        raise OutputError(str(place), reason, "Nothing was changed.") from failure
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def _commit(
    connection: duckdb.DuckDBPyConnection, rows: _Rows, place: Path, mode: DeltaMode, table: DeltaTable | str
) -> None:
    from deltalake import WriterProperties, write_deltalake  # noqa: PLC0415 - of an extra

    options: dict[str, Any] = {"mode": "error" if mode is DeltaMode.NEW else mode.value}
    options |= {"schema_mode": "overwrite"} if mode is DeltaMode.REPLACE else {}
    options["writer_properties"] = WriterProperties(compression="ZSTD")
    with ThreadPoolExecutor(1) as thread:  # deltalake handles no signals: Ctrl-C ends its source of rows
        working = thread.submit(lambda: write_deltalake(table, rows.reader(), **options))
        try:
            working.result()
        except KeyboardInterrupt:
            rows.stopped = True
            connection.interrupt()
            raise
        except Exception as fault:
            if rows.failure is not None:
                raise rows.failure from fault
            raise OutputError(str(place), _sentence(fault), _KEPT) from fault


class _Rows:
    """The rows of a query, cast to Delta's types, as deltalake consumes them."""

    def __init__(self, reader: pa.RecordBatchReader, schema: pa.Schema) -> None:
        self.schema = schema
        self.count = 0
        self.failure: QueryError | None = None
        """The error that ended the rows: deltalake keeps only its text."""
        self.stopped = False
        self._reader = reader

    def reader(self) -> pa.RecordBatchReader:
        return pa.RecordBatchReader.from_batches(self.schema, self._batches())

    def _batches(self) -> Iterator[pa.RecordBatch]:
        try:
            for batch in self._reader:
                self.count += batch.num_rows
                yield self._of_delta(batch)
        except QueryError as failure:
            self.failure = failure
            raise
        except pa.ArrowException as fault:
            self.failure = QueryError(f"Delta cannot hold this: {fault}. Cast the column to VARCHAR in a view.")
            raise self.failure from fault

    def _of_delta(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        if self.stopped:  # an end without an error would be committed
            raise QueryError("the export was interrupted.")
        return batch.cast(self.schema)


def _table_there(place: Path, schema: pa.Schema, mode: DeltaMode) -> DeltaTable:
    """Return the existing table; UsageError if rows with other columns would be appended."""
    from deltalake import DeltaTable, Schema  # noqa: PLC0415 - of an extra

    try:
        table = DeltaTable(str(place.absolute()))
        has = {field.name: str(field.type) for field in table.schema().fields}
    except Exception as fault:
        raise OutputError(str(place), _sentence(fault), _KEPT) from fault
    gets = {field.name: str(field.type) for field in Schema.from_arrow(schema).fields}
    if mode is DeltaMode.APPEND and has != gets:
        other = sorted(name for name in has.keys() | gets.keys() if has.get(name) != gets.get(name))
        named = ", ".join([*other[:_NAMED], "…"] if len(other) > _NAMED else other)
        raise UsageError(
            f"{place} has other columns than these rows ({named}). Nothing was added; --force replaces its rows and "
            "its columns, another directory keeps both."
        )
    return table


_SIGNED: Final = {
    pa.uint8(): pa.int16(),
    pa.uint16(): pa.int32(),
    pa.uint32(): pa.int64(),
    pa.uint64(): pa.decimal128(20),
    pa.null(): pa.string(),
}
"""Arrow types that Delta lacks → the types to use: it would read an unsigned byte of 200 as -56, or refuse it."""


def _field(field: pa.Field) -> pa.Field:
    try:
        return field.with_type(_type(field.type))
    except TypeError as fault:
        raise QueryError(
            f"Delta has no type for column {field.name} ({fault}): cast it to VARCHAR in a view."
        ) from None


def _type(type_: pa.DataType) -> pa.DataType:
    """Return Delta's type for one of Arrow's; TypeError if there is none."""
    if pa.types.is_timestamp(type_):
        return pa.timestamp("us", "UTC")
    if pa.types.is_map(type_):
        return pa.map_(_type(type_.key_type), _type(type_.item_type))
    if pa.types.is_list(type_) or pa.types.is_large_list(type_) or pa.types.is_fixed_size_list(type_):
        return pa.list_(_type(type_.value_type))
    if pa.types.is_struct(type_):
        return pa.struct([each.with_type(_type(each.type)) for each in type_])
    if pa.types.is_time(type_) or pa.types.is_interval(type_) or pa.types.is_duration(type_):
        raise TypeError(type_)
    return _SIGNED.get(type_, type_)


def _sentence(fault: Exception) -> str:
    """Return the first line of deltalake's message, without a stack trace."""
    return str(fault).strip().partition("\n")[0].removesuffix(" []") or type(fault).__name__
