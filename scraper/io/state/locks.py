"""One process per job: a file lock that the kernel releases when its holder dies."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from scraper.core.errors import HeldElsewhereError, StateError
from scraper.io import posix
from scraper.ports import HeldForGood
from scraper.ports.leases import WAIT_OR_STOP


class HeldFile(HeldForGood):
    """A locked file, which needs no fence."""

    fence = None


@contextmanager
def held(data: Path, job: str, holder: str, lock: Callable[..., bool] = posix.lock) -> Iterator[HeldFile]:
    """Hold the job's lock, under the name `holder`; HeldElsewhereError names another holder.

    StateError if it cannot be locked: the file belongs to another user, or its file system has no locks.
    """
    path = data / "locks" / f"{job}.lock"
    try:
        path.parent.mkdir(mode=0o700, exist_ok=True)
        file = path.open("a+", encoding="utf-8")
    except OSError as failure:
        raise StateError(f"{path} cannot be opened: {failure.strerror}. Nothing was spent.") from failure
    with file:
        if not _locked(file.fileno(), path, lock):
            file.seek(0)
            met = file.read().strip() or "another process"
            raise HeldElsewhereError(f"job {job} is already run by {met}", WAIT_OR_STOP)
        file.truncate(0)
        file.write(holder)
        file.flush()
        yield HeldFile()


def is_held(data: Path, job: str, lock: Callable[..., bool] = posix.lock) -> bool:
    """Return True if a living process holds the job's lock; False as well where that cannot be told."""
    try:
        with (data / "locks" / f"{job}.lock").open("r+b") as file:
            return not lock(file.fileno(), wait=False)
    except OSError:
        return False


def _locked(descriptor: int, path: Path, lock: Callable[..., bool]) -> bool:
    """Take the lock, retrying: another process holds it for a moment to test whether the job's process lives."""
    try:
        for _ in range(20):
            if lock(descriptor, wait=False):
                return True
            time.sleep(0.02)
    except OSError as failure:
        raise StateError(
            f"{path} cannot be locked: {failure.strerror}. Some network file systems have no locks, without "
            "which two processes could run the same job. Nothing was spent; use --data to name a directory on a local "
            "disk."
        ) from failure
    return False
