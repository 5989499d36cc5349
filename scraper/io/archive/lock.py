"""The archive's lock: a file beside it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from scraper.io.archive.disk import Disk, make_directories
from scraper.io.archive.errors import explained
from scraper.io.permissions import require_readable


@contextmanager
def locked(disk: Disk, data: Path) -> Iterator[int]:
    """Wait for and hold the lock; yield its descriptor. Whoever else has a copy of that holds the lock as well."""
    with explained("the archive cannot be locked", safe="Nothing was changed."):
        make_directories(disk, data)
        descriptor = disk.lock(data / "archive.lock")
    try:
        with explained("the archive cannot be read", safe="Nothing was changed."):
            require_readable(data / "archive")
        yield descriptor
    finally:
        os.close(descriptor)
