"""The archive's lock: a file beside it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from scraper.io.archive.disk import Disk, make_directories
from scraper.io.archive.errors import explained
from scraper.io.archive.tree import Places
from scraper.io.permissions import require_readable


@contextmanager
def locked(disk: Disk, places: Places) -> Iterator[int]:
    """Wait for and hold the lock; yield its descriptor. Whoever else has a copy of that holds the lock as well."""
    with explained("the archive cannot be locked", safe="Nothing was changed."):
        make_directories(disk, places.lock.parent)
        descriptor = disk.lock(places.lock)
    try:
        with explained("the archive cannot be read", safe="Nothing was changed."):
            require_readable(places.root)
        yield descriptor
    finally:
        os.close(descriptor)
