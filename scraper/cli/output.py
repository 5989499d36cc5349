"""Output formats: a table or Markdown for people, JSON, NDJSON or CSV for programs.

Streams are text streams; a CSV's needs ``newline=""``, so that its line ends stay those of RFC 4180. JSON is ASCII if
the stream is not UTF-8, since JSON in any other encoding is invalid.
"""

from __future__ import annotations

import csv
import io
import re
import shutil
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TextIO

from scraper.cli.formats import Format
from scraper.cli.formatting import harmless
from scraper.cli.options import opened, warn
from scraper.cli.rows import Rows, is_number, json_text, sound, value_text
from scraper.cli.streams import is_utf8

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["Format", "Rows", "console_on", "default_format", "write_object", "write_rows", "written"]

_FILE_WIDTH: Final = 400
"""Columns of a table in a file, where no terminal limits the width."""

_LOOKED_AT: Final = 1_000
"""Rows that decide whether a Markdown column is one of numbers; later rows are streamed."""

_MARKDOWN: Final = re.compile(r"[\\`*\[\]<>|~&]|(?<![^\W_])_|_(?![^\W_])")
"""Characters that are Markdown in a cell; a _ inside a word is text."""


def default_format(stream: TextIO) -> Format:
    """Return table for a terminal, JSON for a pipe or a file."""
    return Format.TABLE if stream.isatty() else Format.JSON


@contextmanager
def written(output: Path | None, format_name: str | None) -> Iterator[tuple[TextIO, Format]]:
    """Yield stdout or the file of -o, and the format that a command's result is written in."""
    with opened(output) as stream:
        yield stream, Format(format_name or default_format(stream))


def write_rows(rows: Rows, format: Format, stream: TextIO, width: int | None = None) -> None:
    """Write all rows.

    A table is `width` columns wide (default: the terminal's, in a file `_FILE_WIDTH`) and cut both ways, with a note;
    no other format is cut.
    """
    match format:
        case Format.TABLE:
            from scraper.cli.tables import print_rows

            in_file = stream is not sys.stdout and isinstance(stream, io.TextIOWrapper)
            with console_on(stream, width or (_FILE_WIDTH if in_file else None)) as console:
                print_rows(rows, console)
        case Format.JSON:
            _write_json(rows, stream)
        case Format.NDJSON:
            for row in _objects(rows, stream):
                stream.write(row + "\n")
        case Format.CSV:
            _write_csv(rows, stream)
        case Format.MARKDOWN:
            _write_markdown(rows, stream)


def write_object(value: Mapping[str, Any] | Sequence[Any], stream: TextIO) -> None:
    """Write one JSON value: indented on a terminal, on one line elsewhere."""
    stream.write(json_text(value, indent=stream.isatty(), ascii=not is_utf8(stream)) + "\n")


@contextmanager
def console_on(stream: TextIO, width: int | None = None) -> Iterator[Console]:
    """Yield a rich console whose page is written to the stream at the end: rich itself exits 1 on a closed pipe.

    The page is drawn for UTF-8; a stream of another encoding replaces characters one for one.
    """
    from rich.console import Console

    width = width or shutil.get_terminal_size().columns
    page = io.StringIO()
    yield Console(file=page, width=width, force_terminal=stream.isatty(), highlight=False, markup=False)
    stream.write(page.getvalue())


def _write_json(rows: Rows, stream: TextIO) -> None:
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
            f"{stream.encoding} lacks characters of these rows, and ? replaces them: "
            "-o FILE, --format json or PYTHONUTF8=1 keep them"
        )


def _write_markdown(rows: Rows, stream: TextIO) -> None:
    """Write a table for GitHub, pandoc and most other readers; columns of numbers are aligned right."""
    tuples = iter(rows.tuples)
    first = list(islice(tuples, _LOOKED_AT))
    known = [[row[place] for row in first if row[place] is not None] for place in range(len(rows.columns))]
    rules = ["---:" if values and all(map(is_number, values)) else "---" for values in known]
    _write_cells((_markdown(column) for column in rows.columns), stream)
    _write_cells(rules, stream)
    for row in chain(first, tuples):
        _write_cells((_markdown(value_text(value)) for value in row), stream)


def _write_cells(cells: Iterable[str], stream: TextIO) -> None:
    stream.write(f"| {' | '.join(cells)} |\n")


def _markdown(text: str) -> str:
    """Return text for a cell: on one line, with Markdown's characters escaped."""
    return _MARKDOWN.sub(r"\\\g<0>", harmless(text))
