"""Output formats: a table for people, JSON, NDJSON or CSV for programs.

Streams are text streams; a CSV's needs ``newline=""`` so that its line ends stay as RFC 4180 has them. JSON is ASCII
where the stream is not UTF-8: in any other encoding it would be no JSON.
"""

from __future__ import annotations

import csv
import io
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from enum import StrEnum
from typing import TYPE_CHECKING, Any, TextIO

from scraper.cli.formatting import harmless
from scraper.cli.options import warn
from scraper.cli.rows import Rows, json_text, sound, value_text
from scraper.cli.streams import is_utf8

if TYPE_CHECKING:
    from rich.console import Console


class Format(StrEnum):
    """The values of ``--format``."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"
    NDJSON = "ndjson"


def default_format(stream: TextIO) -> Format:
    """Return table for a terminal, JSON for a pipe or a file."""
    return Format.TABLE if stream.isatty() else Format.JSON


def write_rows(rows: Rows, format: Format, stream: TextIO, width: int | None = None) -> None:
    """Write all rows.

    A table is `width` columns wide (default: the terminal's) and cut both ways, saying so; nothing else is cut.
    """
    match format:
        case Format.TABLE:
            from scraper.cli.tables import print_rows

            with console_on(stream, width) as console:
                print_rows(rows, console)
        case Format.JSON:
            _write_json(rows, stream)
        case Format.NDJSON:
            for row in _objects(rows, stream):
                stream.write(row + "\n")
        case Format.CSV:
            _write_csv(rows, stream)


def write_object(value: Mapping[str, Any] | Sequence[Any], stream: TextIO) -> None:
    """Write one JSON value: indented on a terminal, on one line elsewhere."""
    stream.write(json_text(value, indent=stream.isatty(), ascii=not is_utf8(stream)) + "\n")


@contextmanager
def console_on(stream: TextIO, width: int | None = None) -> Iterator[Console]:
    """Yield a rich console whose page is written to the stream at the end: rich itself exits 1 on a closed pipe.

    The page is drawn as for UTF-8; a stream of another encoding replaces signs column for column.
    """
    from rich.console import Console

    width = width or shutil.get_terminal_size().columns
    page = io.StringIO()
    yield Console(file=page, width=width, force_terminal=stream.isatty(), highlight=False, markup=False)
    stream.write(page.getvalue())


# --- formats ----------------------------------------------------------------------------------------------------------


def _write_json(rows: Rows, stream: TextIO) -> None:
    """Write an array, row by row."""
    before = "["
    for row in _objects(rows, stream):
        stream.write(f"{before}\n{row}")
        before = ","
    stream.write("[]\n" if before == "[" else "\n]\n")


def _objects(rows: Rows, stream: TextIO) -> Iterator[str]:
    ascii = not is_utf8(stream)
    return (json_text(dict(zip(rows.columns, row, strict=True)), ascii=ascii) for row in rows.tuples)


def _write_csv(rows: Rows, stream: TextIO) -> None:
    """Write RFC 4180; on a terminal, control characters are replaced."""
    shown = harmless if stream.isatty() else str
    writer = csv.writer(stream)
    writer.writerow([shown(sound(column)) for column in rows.columns])
    for row in rows.tuples:
        writer.writerow([shown(value_text(value)) for value in row])
    if getattr(stream, "replaced", False):
        warn(
            f"{stream.encoding} lacks characters of these rows, and ? stands in their place: "
            "-o FILE, --format json or PYTHONUTF8=1 keep them"
        )
