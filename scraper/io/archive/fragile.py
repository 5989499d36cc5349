"""The values that a SELECT may turn into null, found once and kept beside the data.

Trying a SELECT out takes a third of a second, at the first drain of each run. The answer depends on the text of the
SELECT, on DuckDB and on the module that tries alone, which name its file. A file that is missing or cannot be read is
made again.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Final, TypeAlias

import duckdb
import orjson

from scraper.io.archive import lost_values
from scraper.io.archive.lost_values import Fragile

CACHE_DIRECTORY: Final = "cache"

Found: TypeAlias = tuple[Fragile, ...]


def kept(directory: Path | None, sql: str, find: Callable[[str], Found]) -> Found:
    """Return a SELECT's cached values, else find and cache them; without a directory nothing is cached."""
    if directory is None:
        return find(sql)
    path = directory / f"fragile-{_digest(sql)}.json"
    if (known := _read(path)) is not None:
        return known
    found = find(sql)
    with contextlib.suppress(OSError):  # a full or a foreign disk: it is found again the next time
        _write(path, found)
    return found


def _digest(sql: str) -> str:
    made_by = sha256(Path(lost_values.__file__).read_bytes())
    made_by.update(f"\n{duckdb.__version__}\n{sql}".encode())
    return made_by.hexdigest()[:16]


def _read(path: Path) -> Found | None:
    try:
        stored = orjson.loads(path.read_bytes())
        return tuple(
            Fragile(_steps(each["value"]), str(each["type"]), tuple(map(_steps, each["columns"]))) for each in stored
        )
    except (OSError, ValueError, TypeError, KeyError):
        return None


def _steps(stored: Sequence[str]) -> tuple[str, ...]:
    return tuple(map(str, stored))


def _write(path: Path, found: Found) -> None:
    path.parent.mkdir(mode=0o700, exist_ok=True)
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    plain = [{"value": each.value, "type": each.type, "columns": each.columns} for each in found]
    try:
        beside.write_bytes(orjson.dumps(plain))
        beside.replace(path)
    except OSError:
        beside.unlink(missing_ok=True)
        raise
