"""Rows on their way out: a table for people, JSON, NDJSON or CSV for programs.

Streams are text streams; a CSV's needs ``newline=""`` so that its line ends stay as RFC 4180 has them.
"""

from __future__ import annotations

import csv
import io
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from enum import StrEnum
from typing import TYPE_CHECKING, Any, TextIO

from scraper.cli.formatting import harmless
from scraper.cli.rows import Rows, json_text, sound, value_text

if TYPE_CHECKING:
    from rich.console import Console


class Format(StrEnum):
    """The values of ``--format``."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"
    NDJSON = "ndjson"


def default_format(stream: TextIO) -> Format:
    """A table on a terminal, JSON in a pipe or a file."""
    return Format.TABLE if stream.isatty() else Format.JSON


def write_rows(rows: Rows, format: Format, stream: TextIO, width: int | None = None) -> None:
    """Writes all rows; ends quietly where the reader of a pipe has had enough.

    A table is `width` columns wide (default: the terminal's) and cut both ways, saying so; nothing else is cut.
    """
    with until_closed(stream):
        match format:
            case Format.TABLE:
                from scraper.cli.tables import print_rows

                with console_on(stream, width) as console:
                    print_rows(rows, console)
            case Format.JSON:
                _write_json(rows, stream)
            case Format.NDJSON:
                for row in rows.tuples:
                    stream.write(_object(rows.columns, row) + "\n")
            case Format.CSV:
                _write_csv(rows, stream)


def write_object(value: Mapping[str, Any] | Sequence[Any], stream: TextIO) -> None:
    """One JSON value: indented on a terminal, on one line elsewhere."""
    with until_closed(stream):
        stream.write(json_text(value, indent=stream.isatty()) + "\n")


@contextmanager
def until_closed(stream: TextIO) -> Iterator[None]:
    """Writes and flushes; where the other end of the pipe is closed (``| head``), the rest goes nowhere, silently.

    The descriptor is turned to the null device, or the interpreter would complain when it flushes the stream at exit.
    """
    try:
        yield
        stream.flush()
    except BrokenPipeError:
        with suppress(OSError, ValueError):  # a stream without a descriptor has nothing to turn
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, stream.fileno())
            os.close(nowhere)


@contextmanager
def console_on(stream: TextIO, width: int | None = None) -> Iterator[Console]:
    """A rich console whose page goes to the stream when it is done: rich itself exits 1 where a pipe is closed."""
    from rich.console import Console

    width = width or shutil.get_terminal_size().columns
    page = io.StringIO()
    yield Console(file=page, width=width, force_terminal=stream.isatty(), highlight=False, markup=False)
    with until_closed(stream):
        stream.write(page.getvalue())


# --- formats ----------------------------------------------------------------------------------------------------------


def _write_json(rows: Rows, stream: TextIO) -> None:
    """An array, written row by row."""
    before = "["
    for row in rows.tuples:
        stream.write(f"{before}\n{_object(rows.columns, row)}")
        before = ","
    stream.write("[]\n" if before == "[" else "\n]\n")


def _object(columns: Sequence[str], row: Sequence[Any]) -> str:
    return json_text(dict(zip(columns, row, strict=True)))


def _write_csv(rows: Rows, stream: TextIO) -> None:
    """RFC 4180. On a terminal somebody reads it: there, control characters are made harmless."""
    shown = harmless if stream.isatty() else str
    writer = csv.writer(stream)
    writer.writerow([shown(sound(column)) for column in rows.columns])
    for row in rows.tuples:
        writer.writerow([shown(value_text(value)) for value in row])
