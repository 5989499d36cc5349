"""Tables and labelled lines for people: as wide as the terminal, numbers whole and to the right, long text cut with …

A column is only shown if it has room for useful text: numbers are never cut, and columns that do not fit are named
below the table.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from rich import box
from rich.cells import cell_len
from rich.console import Console, JustifyMethod, OverflowMethod
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from scraper.cli.formatting import count, counted, harmless
from scraper.cli.rows import Rows, is_number, value_text

MOST_ROWS: Final = 1_000
"""Most rows on a terminal; larger results go to a file."""

MOST_PROSE: Final = 2_000
"""Characters of a sentence that is wrapped."""

_LABEL: Final = 11
"""Columns before the words of labelled lines."""

_GAP: Final = 2
_LEAST_TEXT: Final = 12
"""A text cut to less than this is useless: the column is left out."""

_LEAST_WORD: Final = 20
"""Ids (19 digits) and instants (20) are useless when they are cut."""

_SEPARATED_FROM: Final = 10_000
"""A column that reaches five digits gets thousands separators; years and ranks keep none."""


@dataclass(frozen=True, slots=True)
class _Column:
    name: str
    cells: Sequence[str]
    numbers: bool

    @property
    def natural(self) -> int:
        return max(cell_len(self.name), max(map(cell_len, self.cells), default=0), 1)

    @property
    def least(self) -> int:
        """The width below which it would be misleading."""
        if self.numbers:
            return max(max(map(cell_len, self.cells), default=0), min(cell_len(self.name), _LEAST_TEXT))
        prose = any(" " in cell for cell in self.cells)
        return min(self.natural, _LEAST_TEXT if prose else _LEAST_WORD)


def print_rows(rows: Rows, console: Console) -> None:
    """Print at most MOST_ROWS rows; a line below states what is not shown."""
    width = console.width
    tuples = list(itertools.islice(rows.tuples, MOST_ROWS + 1))
    more = len(tuples) > MOST_ROWS
    shown = tuples[:MOST_ROWS]
    columns = [
        _column(name, [row[place] for row in shown], MOST_PROSE if name == rows.prose else width)
        for place, name in enumerate(rows.columns)
    ]
    widths = _widths(columns, width)
    table = new_table()
    for column, column_width in zip(columns, widths, strict=False):
        justify: JustifyMethod = "right" if column.numbers else "left"
        title = Text(column.name, no_wrap=True, overflow="ellipsis")
        broken = column.name == rows.prose
        overflow: OverflowMethod = "fold" if broken else "ellipsis"
        table.add_column(title, width=column_width, no_wrap=not broken, overflow=overflow, justify=justify)
    for row in zip(*(column.cells for column in columns[: len(widths)]), strict=True):
        table.add_row(*(_cell(cell, broken=name == rows.prose) for name, cell in zip(rows.columns, row, strict=False)))
    console.print(table)
    for note in _notes(rows, len(shown), more, len(widths)):
        console.print(Text(note, style="dim"))


def _column(name: str, values: Sequence[Any], width: int) -> _Column:
    known = [value for value in values if value is not None]
    numbers = bool(known) and all(map(is_number, known))
    separated = numbers and any(abs(value) >= _SEPARATED_FROM for value in known)
    return _Column(harmless(name), [_shown(value, separated, width) for value in values], numbers)


def _shown(value: Any, separated: bool, width: int) -> str:  # noqa: ANN401
    if value is None:
        return "NULL"
    text = value_text(value)
    if separated:
        whole, point, fraction = text.partition(".")
        return f"{int(whole):,}{point}{fraction}" if whole.lstrip("-").isdecimal() else text
    # Nothing beyond the width can be seen: one character more makes rich put the … there.
    return harmless(text[: width + 1])


def _cell(text: str, *, broken: bool) -> Text:
    style = "dim" if text == "NULL" else ""
    return Text(text, style=style) if broken else Text(text, style=style, no_wrap=True, overflow="ellipsis")


def _widths(columns: Sequence[_Column], width: int) -> list[int]:
    """Return the widths of the columns that fit, from the left; spare width completes as many columns as it can."""
    widths: list[int] = []
    for column in columns:
        if widths and sum(widths) + column.least + _GAP * len(widths) > width:
            break
        widths.append(min(column.least, width))
    left = width - sum(widths) - _GAP * max(0, len(widths) - 1)
    wanting = sorted(range(len(widths)), key=lambda place: columns[place].natural - widths[place])
    for rank, place in enumerate(wanting):
        given = min(columns[place].natural - widths[place], left // (len(wanting) - rank))
        widths[place] += given
        left -= given
    return widths


def _notes(rows: Rows, shown: int, more: bool, fitting: int) -> list[str]:
    notes = []
    if not shown:
        notes.append("no rows")
    if more:
        notes.append(f"only the first {count(shown)} rows are shown: --format csv or json writes all")
    hidden = [harmless(name) for name in rows.columns[fitting:]]
    if hidden:
        notes.append(f"{counted(len(hidden), 'column')} not shown, the terminal is too narrow: {', '.join(hidden)}")
    return notes


def heading(console: Console, words: str) -> None:
    console.print()
    console.print(Text(harmless(words), style="bold"))


def new_table() -> Table:
    """Return a table without a frame: a rule below its titles and before a total."""
    return Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold")


def fits(table: Table, console: Console) -> bool:
    """Return whether a table has room for its unwrappable text; if not, labelled lines show the same."""
    return Measurement.get(console, console.options.update(max_width=10_000), table).minimum <= console.width


def print_notes(console: Console, label: str, notes: Iterable[str]) -> None:
    """Print one note per paragraph, after its label."""
    print_fields(console, ((label, harmless(note)) for note in notes), style="yellow")


def print_fields(console: Console, fields: Iterable[tuple[str, str]], style: str = "dim", indent: int = _LABEL) -> None:
    """Print labelled lines, wrapped; the text begins `indent` columns in, or past the labels."""
    told = list(fields)
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(width=max(indent - 2, *(cell_len(label) for label, _ in told), 0), no_wrap=True, style=style)
    grid.add_column(overflow="fold")
    for label, words in told:
        grid.add_row(Text(label), Text(words))
    if told:
        console.print(grid)
