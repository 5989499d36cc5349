"""Statistics of tables."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from scraper.core.errors import ArchiveError
from scraper.io.query.files import damaged, files_of

Sizes = Callable[[str], Mapping[str, tuple[int, int]]]
"""Table → path of a part, relative to the archive → its rows and bytes, as far as they are noted."""


@dataclass(frozen=True, slots=True)
class TableFacts:
    """A table's rows, files and bytes."""

    name: str
    rows: int
    files: int
    size_bytes: int


def table_facts(root: Path, tables: Collection[str], noted: Sizes) -> tuple[TableFacts, ...]:
    """Return the rows, files and bytes of tables in a directory.

    Rows are those that are noted of a file of that size, else those of its footer.
    """
    return tuple(_facts(root, name, noted(name)) for name in tables)


def _facts(root: Path, name: str, noted: Mapping[str, tuple[int, int]]) -> TableFacts:
    rows = files = size_bytes = 0
    try:
        for path, file in files_of(root, name):
            size = file.stat().st_size
            known_rows, known_size = noted.get(path, (0, None))
            rows += known_rows if known_size == size else _rows_of(file.path)
            files += 1
            size_bytes += size
    except (OSError, ValueError) as fault:
        raise ArchiveError(damaged(root / name, fault)) from fault
    return TableFacts(name, rows, files, size_bytes)


def _rows_of(path: str) -> int:
    """Return the rows that a file's footer states; raise ValueError for a damaged file."""
    import pyarrow.parquet as pq  # noqa: PLC0415 - a tenth of a second that noted files do without

    rows: int = pq.read_metadata(path).num_rows
    return rows
