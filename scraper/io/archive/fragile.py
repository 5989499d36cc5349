"""The values that a SELECT may turn into null, found once and kept beside the data.

Trying a SELECT out takes a third of a second, at the first drain of each run. The answer depends on the text of the
SELECT, on DuckDB and on the module that tries alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeAlias

import duckdb
import orjson

from scraper.io.archive import cache, lost_values
from scraper.io.archive.lost_values import Fragile

Found: TypeAlias = tuple[Fragile, ...]


def kept(directory: Path | None, sql: str, find: Callable[[str], Found]) -> Found:
    """Return a SELECT's cached values, else find and cache them; without a directory nothing is cached."""
    if directory is None:
        return find(sql)
    path = cache.place(directory, "fragile", Path(lost_values.__file__).read_bytes(), duckdb.__version__, sql)
    if (known := _read(cache.content(path))) is not None:
        return known
    found = find(sql)
    plain = [{"value": each.value, "type": each.type, "columns": each.columns} for each in found]
    cache.keep(path, orjson.dumps(plain))
    return found


def _read(stored: bytes | None) -> Found | None:
    if stored is None:
        return None
    try:
        return tuple(
            Fragile(_steps(each["value"]), str(each["type"]), tuple(map(_steps, each["columns"])))
            for each in orjson.loads(stored)
        )
    except (ValueError, TypeError, KeyError):
        return None


def _steps(stored: Sequence[str]) -> tuple[str, ...]:
    return tuple(map(str, stored))
