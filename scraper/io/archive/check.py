"""A survey of every file in a data directory: its kind, its metadata and its checksum."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import pyarrow as pa

from scraper.core.tables import PAGES_TABLE
from scraper.io.archive.adopt import is_ledger_file
from scraper.io.archive.files import HASH_KEY, checksum, open_part
from scraper.ports import FoundPart, Part, Survey

_PLACE: Final = re.compile(r"[^/]+/vendor=[^/]+/date=\d{4}-\d\d-\d\d/(?:part|runs?)-[^/]+\.parquet")
_QUERY: Final = re.compile(r"sql-(\d+)")
_KEY: Final = ("run_id", "request_key")
_BATCH_ROWS: Final = 64
"""Answers of up to 700 KB each."""


def survey(data: Path, known: Mapping[str, Part], quick: bool) -> Survey:
    root = data / "archive"
    files = {path.relative_to(root).as_posix(): path for path in sorted(root.rglob("*")) if not path.is_dir()}
    places = [place for place in files if _PLACE.fullmatch(place)]
    leftovers = [path for path in sorted((data / "tmp").glob("*")) if not _in_use(path)]
    return Survey(
        parts=[_found(files[place], place, known.get(place), quick) for place in places],
        strays=[f"archive/{place}" for place in files if not _PLACE.fullmatch(place) and not is_ledger_file(place)],
        leftovers=[path.relative_to(data).as_posix() for path in leftovers],
    )


def _found(path: Path, place: str, known: Part | None, quick: bool) -> FoundPart:
    """Read a file; its columns only where its checksum does not prove them intact."""
    table, size_bytes, keys = place.partition("/")[0], path.stat().st_size, Counter[tuple[str, str]]()
    try:
        digest = None if quick else checksum(path)
        as_written = known is not None and digest is not None and digest == known.checksum
        with open_part(path) as file:
            select_hash = (file.schema_arrow.metadata or {}).get(HASH_KEY, b"").decode()
            part = Part(table, place, file.metadata.num_rows, size_bytes, select_hash, digest)
            columns = list(_KEY) if table == PAGES_TABLE else []
            if columns or not (quick or as_written):
                wanted = columns if quick or as_written else None
                for batch in file.iter_batches(_BATCH_ROWS, columns=wanted, use_threads=False):
                    if columns:
                        keys.update(zip(*(batch.column(key).to_pylist() for key in columns), strict=True))
    except (OSError, pa.ArrowException, KeyError) as fault:
        return FoundPart(Part(table, place, 0, size_bytes, ""), " ".join(str(fault).split())[:300])
    if known is not None and known.checksum not in {None, digest} and not quick and known.size_bytes == size_bytes:
        return FoundPart(part, "its checksum has changed", keys)
    return FoundPart(part, None, keys)


def _in_use(path: Path) -> bool:
    """Return whether it is the spill directory of a running query."""
    query = _QUERY.fullmatch(path.name)
    if query is None:
        return False
    try:
        os.kill(int(query[1]), 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
