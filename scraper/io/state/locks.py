"""One process a job: a file lock that the kernel frees when its holder dies."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from scraper.core.errors import StateError, UsageError
from scraper.io import posix


@contextmanager
def held(data: Path, job: str, holder: str, lock: Callable[..., bool] = posix.lock) -> Iterator[None]:
    """Holds the job's lock; UsageError names who holds it otherwise. `holder` is what others are told of us.

    StateError where it cannot be had: the file belongs to another user, or its file system has no locks.
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
            raise UsageError(f"job {job} is being run by {met}: wait for it, or stop it. Nothing was spent.")
        file.truncate(0)
        file.write(holder)
        file.flush()
        yield


def _locked(descriptor: int, path: Path, lock: Callable[..., bool]) -> bool:
    """Takes the lock; another process may hold it for a moment, only to see whether the job's own process lives."""
    try:
        for _ in range(20):
            if lock(descriptor, wait=False):
                return True
            time.sleep(0.02)
    except OSError as failure:
        raise StateError(
            f"{path} cannot be locked: {failure.strerror}. Some network file systems have no locks, and without them "
            "two processes could run the same job. Nothing was spent; name a directory on a disk of this machine with "
            "--data."
        ) from failure
    return False
