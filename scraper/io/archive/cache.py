"""A cache of facts about SELECTs that take long to find, beside the data; it may be deleted at any time.

A file is named by a hash of all that its answer depends on, and begins with a hash of its content. One that is missing
or damaged is written again; on a disk that cannot be written the fact is found anew each time.
"""

from __future__ import annotations

import contextlib
import os
from hashlib import sha256
from pathlib import Path
from typing import Final

CACHE_DIRECTORY: Final = "cache"

_SEAL_BYTES: Final = 32


def place(directory: Path, kind: str, *depends_on: bytes | str) -> Path:
    """Return the file of an answer."""
    found = sha256()
    for each in depends_on:
        found.update(each.encode() if isinstance(each, str) else each)
        found.update(b"\n")
    return directory / f"{kind}-{found.hexdigest()[:16]}"


def content(path: Path) -> bytes | None:
    """Return the content of a file; ``None`` if it is missing or damaged."""
    try:
        stored = path.read_bytes()
    except OSError:
        return None
    seal, kept = stored[:_SEAL_BYTES], stored[_SEAL_BYTES:]
    return kept if seal == sha256(kept).digest() else None


def keep(path: Path, kept: bytes) -> None:
    """Write a file atomically. The cache is created only in an existing data directory."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    with contextlib.suppress(OSError):
        path.parent.mkdir(mode=0o700, exist_ok=True)
        try:
            beside.write_bytes(sha256(kept).digest() + kept)
            beside.replace(path)
        except OSError:
            beside.unlink(missing_ok=True)
