"""The latest runs of a data directory, read with sqlite3 alone: what shell completion can wait for."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

MOST = 50


def latest_runs(data: Path) -> list[tuple[str, str]]:
    """Return id and status of the latest runs, newest first; none if they cannot be read."""
    database = data / "state.db"
    if not database.is_file():
        return []
    try:
        with closing(sqlite3.connect(f"file:{quote(str(database.absolute()))}?mode=ro", uri=True)) as connection:
            found = "SELECT run_id, status FROM runs ORDER BY started_at DESC LIMIT ?"
            return connection.execute(found, [MOST]).fetchall()
    except sqlite3.Error:
        return []
