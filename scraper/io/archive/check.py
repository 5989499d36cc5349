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
from scraper.io.archive.files import HASH_KEY, checksum, open_part
from scraper.io.archive.tree import Places, Tree, is_note
from scraper.ports import FoundPart, Part, Survey

_PLACE: Final = re.compile(r"[^/]+/vendor=[^/]+/date=\d{4}-\d\d-\d\d/(?:part|runs?)-[^/]+\.parquet")
_QUERY: Final = re.compile(r"sql-(\d+)")
_KEY: Final = ("run_id", "request_key")
_BATCH_ROWS: Final = 64
"""Answers of up to 700 KB each."""


def survey(tree: Tree, places: Places, known: Mapping[str, Part], quick: bool) -> Survey:
    files = tree.files()
    forgotten = tree.forgotten(known.values())
    parts = [place for place in files if _PLACE.fullmatch(place)]
    leftovers = [path for path in sorted(places.staging.glob("*")) if not _in_use(path)]
    kept = set(forgotten.values())
    return Survey(
        parts=[_found(tree, place, known.get(place), quick) for place in parts],
        strays=[f"archive/{place}" for place in files if not _PLACE.fullmatch(place) and not is_note(place)],
        leftovers=[
            *map(places.shown, leftovers),
            *(f"archive/{place}" for place in tree.unlisted() if place not in kept),
        ],
        forgotten=sorted(forgotten),
    )


def _found(tree: Tree, place: str, known: Part | None, quick: bool) -> FoundPart:
    """Read a file; its columns only where its checksum does not prove them intact."""
    table, size_bytes, keys = place.partition("/")[0], tree.size_bytes(place), Counter[tuple[str, str]]()
    try:
        path = tree.fresh(place, quick=quick)
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
