"""The noted parts of an archive, for readers: read with sqlite3 alone, which a query can afford to import.

Readers trust the directories for which files exist, as a state may be older than its archive. What is noted of a file
saves them reading its footer.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import quote

from scraper.io.state import STATE_FILE


def hashes_of_parts(data: Path, table: str) -> Mapping[str, str]:
    """Return path → `Part.select_hash` of a table's noted parts; empty if they cannot be read."""
    return dict(_noted(data, "path, select_hash", table))


def sizes_of_parts(data: Path, table: str) -> Mapping[str, tuple[int, int]]:
    """Return path → rows and bytes of a table's noted parts; empty if they cannot be read."""
    return {path: (rows, size_bytes) for path, rows, size_bytes in _noted(data, "path, rows, size_bytes", table)}


def _noted(data: Path, columns: str, table: str) -> list[Any]:
    """Return rows of `parts`: none of a database that is missing, locked, damaged or of another user."""
    database = data / STATE_FILE
    if not database.is_file():
        return []
    try:
        with closing(sqlite3.connect(f"file:{quote(str(database.absolute()))}?mode=ro", uri=True)) as connection:
            return connection.execute(f"SELECT {columns} FROM parts WHERE table_name = ?", [table]).fetchall()  # noqa: S608 - of the names above
    except sqlite3.Error:
        return []
