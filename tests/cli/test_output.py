"""Rows on their way out: what comes back from each format, and what a terminal gets."""

from __future__ import annotations

import csv
import io
import json
import math
import os
import subprocess
import sys
from datetime import UTC, date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from scraper.cli.output import Format, console_on, default_format, write_object, write_rows
from scraper.cli.rows import Rows, json_text, rows_of_objects, rows_of_reader, value_text
from scraper.io.query import query
from tests.cli.examples import UNSAFE

pytestmark = pytest.mark.own_instant


class Terminal(io.StringIO):
    """A stream that somebody looks at."""

    def isatty(self) -> bool:
        return True


def written(rows: Rows, format: Format, width: int = 80) -> str:
    stream = io.StringIO(newline="")
    write_rows(rows, format, stream, width)
    return stream.getvalue()


def of_query(sql: str) -> Rows:
    return rows_of_reader(query(duckdb.connect(), sql))


texts = st.text(st.characters())
sound_texts = st.text(st.characters(exclude_categories=["Cs"]))
scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | sound_texts
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(sound_texts, inner, max_size=3), max_leaves=6
)
tables = st.integers(1, 4).flatmap(
    lambda width: st.tuples(
        st.lists(sound_texts, min_size=width, max_size=width, unique=True),
        st.lists(st.lists(values, min_size=width, max_size=width), max_size=4),
    )
)


@given(tables)
def test_json_reads_back_as_the_values(table: tuple[list[str], list[list[Any]]]) -> None:
    columns, rows = table
    expected = [dict(zip(columns, row, strict=True)) for row in rows]
    assert json.loads(written(Rows(tuple(columns), rows), Format.JSON)) == expected
    lines = written(Rows(tuple(columns), rows), Format.NDJSON).split("\n")
    assert ([json.loads(line) for line in lines[:-1]], lines[-1]) == (expected, "")


@given(tables)
def test_csv_reads_back_as_the_texts_of_the_values(table: tuple[list[str], list[list[Any]]]) -> None:
    columns, rows = table
    read = list(csv.reader(io.StringIO(written(Rows(tuple(columns), rows), Format.CSV), newline="")))
    assert read == [columns, *([value_text(value) for value in row] for row in rows)]


@settings(deadline=None)  # four formats a case
@given(tables=tables, strange=texts, width=st.integers(1, 200))
def test_no_control_character_reaches_a_terminal_in_any_format(
    tables: tuple[list[str], list[list[Any]]], strange: str, width: int
) -> None:
    columns, rows = [*tables[0], strange + "_"], [[*row, {strange: [strange]}] for row in tables[1]]
    for format in Format:
        stream = io.StringIO(newline="")
        terminal = Terminal(newline="")
        write_rows(Rows(tuple(columns), rows), format, stream, width)
        stream.getvalue().encode()
        if format is not Format.TABLE:  # a table has colours of its own there
            write_rows(Rows(tuple(columns), rows), format, terminal, width)
        shown = stream.getvalue() if format is Format.TABLE else terminal.getvalue()
        met = set(shown.replace("\r\n", "\n") if format is Format.CSV else shown) & set(UNSAFE)
        assert not met, (format, met)


@given(tables, st.integers(20, 120))
def test_a_table_is_never_wider_than_it_may_be(table: tuple[list[str], list[list[Any]]], width: int) -> None:
    shown = written(Rows(tuple(table[0]), table[1]), Format.TABLE, width)
    assert all(cell_len(line) <= width for line in shown.split("\n"))


def test_every_type_of_a_query_has_its_text_in_json() -> None:
    rows = of_query(
        "SELECT sum(x::BIGINT) AS total, 1.50::DECIMAL(5, 2) AS price, 170141183460469231731687303715884105727::HUGEINT"
        " AS huge, 18446744073709551615::UBIGINT AS large, '0071'::VARCHAR AS id, TIMESTAMP '2026-11-21 02:15:00' AS at"
        ", TIMESTAMPTZ '2026-11-21 02:15:00.5+01' AS there, DATE '2026-11-21' AS day, TIME '10:20:30' AS clock,"
        " INTERVAL '14 months 1 day 4:05:06.5' AS span, 'NaN'::DOUBLE AS nan, '-inf'::DOUBLE AS inf, '\\xC3\\x28'::BLOB"
        " AS bytes, {'list': [1, 2], 'none': NULL} AS nested, MAP {'k': 1.5::DECIMAL(3, 1)} AS map, true AS flag"
        " FROM range(3) AS r(x)"
    )
    assert written(rows, Format.JSON) == (
        '[\n{"total":3,"price":1.50,"huge":170141183460469231731687303715884105727,"large":18446744073709551615,'
        '"id":"0071","at":"2026-11-21T02:15:00Z","there":"2026-11-21T01:15:00.500000Z","day":"2026-11-21",'
        '"clock":"10:20:30","span":"14 months 1 day 04:05:06.5","nan":null,"inf":null,"bytes":"�(",'
        '"nested":{"list":[1,2],"none":null},"map":{"k":1.5},"flag":true}\n]\n'
    )


def test_csv_has_a_header_rfc_line_ends_json_in_cells_and_nothing_for_null() -> None:
    rows = of_query("""SELECT 'a "quoted", text' AS said, NULL AS nothing, [1, 2] AS list, 2.0::DECIMAL(9, 1) AS n""")
    assert written(rows, Format.CSV) == 'said,nothing,list,n\r\n"a ""quoted"", text",,"[1,2]",2\r\n'


def test_no_rows_are_an_empty_array_a_header_alone_or_no_line() -> None:
    assert [written(Rows(("a", "b"), ()), format) for format in (Format.JSON, Format.CSV, Format.NDJSON)] == [
        "[]\n",
        "a,b\r\n",
        "",
    ]


def test_columns_of_one_name_are_all_there_under_names_of_their_own() -> None:
    assert written(of_query("SELECT 1 AS a, 2 AS a_1, 3 AS a, 4 AS a"), Format.NDJSON) == (
        '{"a":1,"a_1":2,"a_2":3,"a_3":4}\n'
    )


def test_a_value_that_python_cannot_hold_comes_as_text_and_stops_nothing() -> None:
    row = json.loads(written(of_query("SELECT 'infinity'::TIMESTAMP AS at, 7 AS n"), Format.NDJSON))
    assert row["n"] == 7
    assert isinstance(row["at"], str)


def test_rows_of_all_batches_are_written_in_order() -> None:
    numbers = map(str, range(25_000))
    assert written(of_query("SELECT range AS n FROM range(25_000)"), Format.CSV).split() == ["n", *numbers]


def test_batches_are_asked_for_as_they_are_written() -> None:
    asked = []

    def batches() -> Any:
        for number in range(10_000):
            asked.append(number)
            yield pa.record_batch({"n": [number]})

    reader = pa.RecordBatchReader.from_batches(pa.schema([("n", pa.int64())]), batches())
    written(rows_of_reader(reader), Format.TABLE)
    assert len(asked) == 1_001


def test_halves_of_surrogate_pairs_become_a_sign_that_streams_can_write() -> None:
    assert json_text({"\ud83d\ude00": "\ud800"}) == '{"😀":"�"}'


@given(st.decimals(allow_nan=False, allow_infinity=False, places=6))
def test_a_decimal_keeps_its_value_to_the_digit(number: Decimal) -> None:
    read = json.loads(json_text([number]), parse_float=Decimal, parse_int=Decimal)
    assert read == [number]


@given(st.integers())
def test_a_whole_number_of_any_size_is_exact(number: int) -> None:
    assert json.loads(json_text([number, Decimal(number)])) == [number, number]


def test_values_that_json_has_no_type_for() -> None:
    moments = [datetime(2026, 11, 21, 2, 15), datetime(2026, 11, 21, tzinfo=UTC), date(2026, 11, 21), time(1, 2)]  # noqa: DTZ001 - naive is UTC in the archive
    assert json_text([*moments, b"\xff", math.nan, Decimal("NaN"), (1, 2)]) == (
        '["2026-11-21T02:15:00Z","2026-11-21T00:00:00Z","2026-11-21","01:02:00","�",null,null,[1,2]]'
    )


def test_a_list_of_objects_has_every_key_as_a_column() -> None:
    rows = rows_of_objects([{"a": 1}, {"b": {"c": 2}}])
    assert written(rows, Format.CSV) == 'a,b\r\n1,\r\n,"{""c"":2}"\r\n'


def test_a_terminal_gets_a_table_and_anything_else_json() -> None:
    assert (default_format(Terminal()), default_format(io.StringIO())) == (Format.TABLE, Format.JSON)


def test_one_object_is_a_line_in_a_pipe_and_indented_on_a_terminal() -> None:
    pipe, terminal = io.StringIO(), Terminal()
    write_object({"a": [1]}, pipe)
    write_object({"a": [1]}, terminal)
    assert (pipe.getvalue(), terminal.getvalue()) == ('{"a":[1]}\n', '{\n  "a": [\n    1\n  ]\n}\n')


def test_a_console_writes_its_page_when_it_is_done() -> None:
    stream = io.StringIO()
    with console_on(stream, 40) as console:
        console.print("[bold]as it is[/]")
        assert stream.getvalue() == ""
    assert stream.getvalue() == "[bold]as it is[/]\n"


@pytest.mark.parametrize("format", list(Format))
def test_a_reader_that_has_had_enough_ends_it_quietly(format: Format) -> None:
    program = (
        "from scraper.cli.options import opened\n"
        "from scraper.cli.output import *\n"
        "from scraper.cli.streams import program_streams\n"
        "with program_streams(), opened(None) as stream:\n"
        f"    write_rows(Rows(('n',), ([n] for n in range(200_000))), Format.{format.name}, stream, 80)\n"
        "print('more', flush=True)\n"
    )
    reading, writing = os.pipe()
    os.close(reading)
    root = Path(__file__).parents[2]
    ended = subprocess.run(
        [sys.executable, "-c", program], stdout=writing, stderr=subprocess.PIPE, cwd=root, check=False, text=True
    )
    os.close(writing)
    assert (ended.returncode, ended.stderr) == (0, "")


def test_nothing_heavy_is_imported_for_json() -> None:
    program = "import sys, scraper.cli.output; print(*{'rich', 'pyarrow', 'duckdb'} & set(sys.modules))"
    root = Path(__file__).parents[2]
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, cwd=root, check=True, text=True)
    assert ended.stdout.strip() == ""
