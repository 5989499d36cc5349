"""Statistics of tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from scraper.core.errors import ArchiveError
from scraper.io.query.relations import PARTS, archive_root, damaged


@dataclass(frozen=True, slots=True)
class TableFacts:
    """A table's rows, files and bytes."""

    name: str
    rows: int
    files: int
    size_bytes: int


def table_facts(data: Path, tables: Sequence[str]) -> tuple[TableFacts, ...]:
    """Return the rows, files and bytes of tables, from the footers of their files."""
    root = archive_root(data)
    return tuple(_facts(name, sorted((root / name).glob(PARTS))) for name in tables)


def _facts(name: str, files: Sequence[Path]) -> TableFacts:
    try:
        rows = sum(pq.read_metadata(file).num_rows for file in files)
        return TableFacts(name, rows, len(files), sum(file.stat().st_size for file in files))
    except (OSError, pa.ArrowInvalid) as fault:
        raise ArchiveError(damaged(files[0].parent, fault)) from fault
