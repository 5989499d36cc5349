"""The tables' SELECTs, executed by DuckDB over batches of pages."""

from __future__ import annotations

import json
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache
from itertools import accumulate
from pathlib import Path
from types import TracebackType
from typing import Final, Self, TypeAlias

import duckdb
import pyarrow as pa

from scraper.core.bodies import Decoded, Json, decode
from scraper.core.drift.expected import expected_of
from scraper.core.drift.findings import DriftKind
from scraper.core.drift.observe import Watch, as_json
from scraper.core.tables import (
    PAGES_COLUMNS,
    PAGES_TABLE,
    SELECT_INPUT,
    TableSelect,
    bare_sql,
    empty_relation,
    over_no_pages,
)
from scraper.io.archive.fragile import kept
from scraper.io.archive.lost_values import Fragile, fragile_values
from scraper.io.archive.schemas import schemas_of
from scraper.io.archive.select_session import PagesInput, SelectSession, connect, session
from scraper.io.archive.survey import PAGES_AT_ONCE, ReadPage, mark

_INPUT: Final = empty_relation(SELECT_INPUT)
_PAGES: Final = empty_relation(PAGES_COLUMNS)


MadeRows: TypeAlias = tuple[pa.Table, Mapping[int, str]]
"""Rows of pages in their order, and page_id → cause of pages that no statement could read."""

_ASKED: Final = pa.schema([("list", pa.string())])


class Selects:
    """A DuckDB connection that turns pages into typed rows."""

    def __init__(self, tables: Mapping[str, TableSelect], cache: Path | None = None) -> None:
        self._cache = cache
        self._tables = tables
        self._fragile: dict[str, tuple[Fragile, ...]] = {}
        self._sql = {table.name: bare_sql(table.sql) for table in tables.values()}
        self.schemas: Mapping[str, pa.Schema] = _Schemas(tables, cache)
        """Table → schema of its files: the columns that the SELECT gives for no pages."""
        self._input = _schema(schemas_of([_INPUT, _PAGES], cache)[_INPUT])
        self._session = session(self._input)

    def look_up(self, tables: Iterable[str]) -> None:
        """Ask for the schemas of several tables together: each question opens a database."""
        schemas_of([over_no_pages(self._tables[table]) for table in tables if table not in self.schemas], self._cache)

    def plain(self, rows: pa.Table) -> Iterator[Mapping[str, object]]:
        """Yield rows as JSON objects: times are text, since Python's end with the year 9999."""
        self._session.connection.register("made", rows)
        return _plain(self._session.connection, _as_json("FROM made"))

    def fragile(self, table: str) -> tuple[Fragile, ...]:
        """Return the values of a table's records that its SELECT may turn into null."""
        if table not in self._fragile:
            self._fragile[table] = kept(self._cache, self._tables[table].sql, _fragile)
        return self._fragile[table]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, error: type[BaseException] | None, *_: BaseException | TracebackType | None) -> None:
        if error is None:
            self._session.keep()
        else:
            self._session.close()

    def rows(self, table: str, pages: Sequence[ReadPage]) -> MadeRows:
        """Return the rows of the pages in their order, and page_id → cause of pages that no statement could read."""
        failures: dict[int, str] = {}
        found = self._bisected(table, pages, failures)
        return pa.concat_tables(found) if found else self.schemas[table].empty_table(), failures

    def ahead(self, batches: Iterable[list[ReadPage]]) -> Iterator[tuple[list[ReadPage], MadeRows | None]]:
        """Yield each batch with its rows, ``None`` where it feeds no table.

        DuckDB works on one batch, without the interpreter's lock, while the next one is read. It is idle, and may be
        asked, when a batch is yielded.
        """
        with ThreadPoolExecutor(1, "select") as thread:
            waiting: tuple[list[ReadPage], Future[MadeRows] | None] | None = None
            for batch in batches:
                if waiting is not None:
                    yield waiting[0], None if waiting[1] is None else waiting[1].result()
                table = batch[0].table
                waiting = batch, None if table is None else thread.submit(self.rows, table, batch)
            if waiting is not None:
                yield waiting[0], None if waiting[1] is None else waiting[1].result()

    def typed(self, type_name: str, values: Sequence[bytes]) -> Sequence[object]:
        self._session.connection.register("asked", pa.table({"list": [b"[" + b",".join(values) + b"]"]}, _ASKED))
        structure = json.dumps([type_name]).replace("'", "''")
        held = self._session.connection.sql(f"SELECT from_json(list, '{structure}') AS held FROM asked")  # noqa: S608
        return held.to_arrow_table()["held"][0].as_py()  # type: ignore[no-any-return]

    def _bisected(self, table: str, pages: Sequence[ReadPage], failures: dict[int, str]) -> list[pa.Table]:
        """Select from halves until a page that DuckDB refuses, and that fails its whole statement, is alone."""
        try:
            return [self._select(table, pages)]
        except duckdb.IOException:
            raise
        except duckdb.Error as error:
            self._reconnect()
            if len(pages) == 1:
                failures[pages[0].page.page_id] = " ".join(str(error).split("\n\nLINE")[0].split())[:500]
                return []
        middle = len(pages) // 2
        return self._bisected(table, pages[:middle], failures) + self._bisected(table, pages[middle:], failures)

    def _select(self, table: str, pages: Sequence[ReadPage]) -> pa.Table:
        return self._session.select(self._sql[table], input_table(pages, self._input))

    def _reconnect(self) -> None:
        """Open a new database: an internal error of DuckDB closes the old one permanently."""
        self._session.close()
        self._session = SelectSession(self._input)


class _Schemas(dict[str, pa.Schema]):
    """The schemas of tables, each computed on first use: a drain needs only those of the tables that it fills."""

    def __init__(self, tables: Mapping[str, TableSelect], cache: Path | None) -> None:
        super().__init__()
        self._tables, self._cache = tables, cache

    def __missing__(self, table: str) -> pa.Schema:
        asked = _PAGES if table == PAGES_TABLE else over_no_pages(self._tables[table])
        found = self[table] = _schema(schemas_of([asked], self._cache)[asked])
        return found


@cache
def _fragile(sql: str) -> tuple[Fragile, ...]:
    expected = expected_of(sql)
    if expected is None:
        return ()
    pages = PagesInput(_schema(schemas_of([_INPUT])[_INPUT]))
    with connect() as connection:
        connection.register("pages", pages)
        connection.execute(f"PREPARE tried AS {_as_json(bare_sql(sql))}")
        return fragile_values(expected.record, lambda records: _tried(connection, pages, records))


def _tried(
    connection: duckdb.DuckDBPyConnection, pages: PagesInput, records: Sequence[Json]
) -> list[Mapping[str, object] | None]:
    """Return the row that a SELECT makes of each record, alone on its page; ``None`` where it makes none, or fails."""
    made_up = {"page": 1, "parent_id": "1", "parameters": "{}"}
    asked = [{**made_up, "request_key": str(n), "records": as_json([each])} for n, each in enumerate(records)]
    pages.held = pa.Table.from_pylist(asked, pages.schema)
    try:
        rows = list(_plain(connection, "EXECUTE tried"))
    except duckdb.Error:
        if len(records) == 1:
            return [None]
        return [row for each in records for row in _tried(connection, pages, [each])]
    by_key = {row.get("request_key"): row for row in rows}
    return [by_key.get(str(n)) for n in range(len(records))]


def _as_json(rows: str) -> str:
    """Return a SELECT that gives each row of a relation as a JSON object."""
    return f"SELECT to_json(made)::VARCHAR AS made FROM ({rows}) AS made"  # noqa: S608


def _plain(connection: duckdb.DuckDBPyConnection, statement: str) -> Iterator[Mapping[str, object]]:
    """Yield the JSON objects that a statement gives."""
    for text in connection.sql(statement).to_arrow_table()["made"].to_pylist():
        row = decode(text.encode())
        if isinstance(row, Decoded) and isinstance(row.value, dict):
            yield row.value


def _schema(known: pa.Schema | duckdb.Error) -> pa.Schema:
    if isinstance(known, duckdb.Error):
        raise known
    return known


def input_table(pages: Sequence[ReadPage], schema: pa.Schema) -> pa.Table:
    """Return the relation that SELECTs read, in chunks of some pages: DuckDB parses the JSON of a chunk at once."""
    chunks = [pages[start : start + PAGES_AT_ONCE] for start in range(0, len(pages), PAGES_AT_ONCE)]
    return pa.Table.from_batches([_input(chunk, schema) for chunk in chunks], schema)


def _input(pages: Sequence[ReadPage], schema: pa.Schema) -> pa.RecordBatch:
    """Return rows of `core.tables.SELECT_INPUT`."""
    return pa.record_batch(
        [
            [read.page.vendor for read in pages],
            *_walk_columns(pages),
            [read.page.parameters for read in pages],
            [read.parent_id for read in pages],
            _joined([read.records for read in pages], pa.string()),
        ],
        schema=schema,
    )


def pages_table(pages: Sequence[ReadPage], failures: Mapping[int, str], schema: pa.Schema) -> pa.Table:
    """Return the rows of the raw table: `core.tables.PAGES_COLUMNS`."""
    return pa.table(
        [
            *_walk_columns(pages),
            [read.page.parameters for read in pages],
            [read.page.http_status for read in pages],
            [read.page.outcome.value for read in pages],
            [read.error or failures.get(read.page.page_id) for read in pages],
            _joined([read.page.body for read in pages], pa.binary()),
        ],
        schema=schema,
    )


def note_failures(pages: Sequence[ReadPage], failures: Mapping[int, str], watch: Watch) -> None:
    """Report to the watch the pages that no statement could read."""
    for read in pages:
        if (failure := failures.get(read.page.page_id)) is not None:
            watch.note(mark(read.page), DriftKind.UNREADABLE, failure)


def note_without_key(pages: Sequence[ReadPage], failures: Mapping[int, str], rows: pa.Table, watch: Watch) -> int:
    """Report to the watch the pages with records that lack a key; return the number of those records."""
    records = [read for read in pages if read.page.page_id not in failures]
    lacking = int(sum(read.count for read in records) - rows.num_rows)
    if lacking > 0 and {"endpoint", "request_key"} <= set(rows.column_names):
        made = Counter(zip(rows["endpoint"].to_pylist(), rows["request_key"].to_pylist(), strict=True))
        for read in records:
            found = mark(read.page)
            if (without := read.count - made[found.endpoint, found.request_key]) > 0:
                watch.note(found, DriftKind.WITHOUT_KEY, count=without)
    return lacking


def _joined(values: Sequence[bytes], type_: pa.DataType) -> pa.Array:
    """Return bytes as an array with one copy; pyarrow's own way grows it step by step (a tenth of a drain's time)."""
    offsets = array("i", accumulate(map(len, values), initial=0))
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(b"".join(values))]
    return pa.Array.from_buffers(type_, len(values), buffers)


def _walk_columns(pages: Sequence[ReadPage]) -> list[list[object]]:
    return [
        [read.page.endpoint for read in pages],
        [read.page.run_id for read in pages],
        [read.page.walk_id for read in pages],
        [read.page.request_key for read in pages],
        [read.page.snapshot_at for read in pages],
        [read.page.observed_at for read in pages],
        [read.page.country for read in pages],
        [read.page.period_days for read in pages],
        [read.page.page for read in pages],
    ]
