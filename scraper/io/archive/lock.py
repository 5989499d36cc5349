"""The archive's lock, a file beside it; and the local side of the lease that replaces it between machines.

A lease does not stop a process that has lost it, and a file system knows no epochs: a part that is renamed in late,
after another machine has compacted its partition, would duplicate its rows. So a process checks the clock right before
it shows a file to readers. So does the worker that writes for a run, even if the run's process is dead: a local file
tells it until when the lease is certain.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from scraper.core.errors import ArchiveLostError
from scraper.io.archive.disk import Disk, make_directories
from scraper.io.archive.errors import explained
from scraper.io.archive.tree import Places
from scraper.io.clock import since_boot_s
from scraper.io.permissions import require_readable
from scraper.ports import Holding

PATIENCE_S: Final = 2.0
"""With a lease, the lock only orders the processes of this machine: one that hangs is passed over."""
_LAPSED: Final = (
    "the lease of the archive has lapsed, as it was not renewed in time (this process was stopped, or cut off from the "
    "database), so another process may write it. Nothing more was written here; no page is lost: what is not in the "
    "archive is in the spool."
)


@contextmanager
def locked(disk: Disk, places: Places, hold: Holding | None = None) -> Iterator[int]:
    """Wait for and hold the lock; yield its descriptor, a copy of which holds the lock as well."""
    with explained("the archive cannot be locked", safe="Nothing was changed."):
        make_directories(disk, places.lock.parent)
        lock = places.lock
        descriptor = disk.lock(lock) if hold is None else disk.lock_if_free(lock, PATIENCE_S)
    try:
        with explained("the archive cannot be read", safe="Nothing was changed."):
            require_readable(places.root)
        with _guarded(disk, lease_file(places.data, os.getpid()), hold):
            yield descriptor
    finally:
        os.close(descriptor)


@contextmanager
def _guarded(disk: Disk, file: Path, hold: Holding | None) -> Iterator[None]:
    if hold is None:
        file.unlink(missing_ok=True)  # left by a killed process that had the same id
        yield
        return

    def guard() -> None:
        if not hold.is_certain:
            raise ArchiveLostError(_LAPSED)

    def note(ends_s: float) -> None:
        new = file.with_suffix(".new")
        with suppress(OSError):  # then the worker publishes nothing, and its work is repeated
            new.write_text(str(ends_s))
            new.replace(file)

    with explained("the archive cannot be locked", safe="Nothing was changed."):
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    hold.when_renewed(note)
    disk.guard = guard
    try:
        yield
    finally:
        del disk.guard
        hold.when_renewed(lambda _: None)
        file.unlink(missing_ok=True)


def lease_file(data: Path, process: int) -> Path:
    """Return the file that tells the workers of a process until when its lease of the archive is certain."""
    return data / "locks" / f"archive-{process}.lease"


def refuse_if_lapsed(file: Path) -> None:
    """Raise ArchiveLostError if the process that keeps such a file has lost its lease, or is dead."""
    try:
        ends_s = float(file.read_text())
    except FileNotFoundError:
        return  # without leases
    if since_boot_s() >= ends_s:
        raise ArchiveLostError(_LAPSED)
