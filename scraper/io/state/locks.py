"""One process a job: a file lock that the kernel frees when its holder dies."""

from __future__ import annotations

import fcntl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from scraper.core.errors import StateError, UsageError


@contextmanager
def held(data: Path, job: str, holder: str) -> Iterator[None]:
    """Holds the job's lock; UsageError names who holds it otherwise. `holder` is what others are told of us."""
    path = data / "locks" / f"{job}.lock"
    try:
        path.parent.mkdir(mode=0o700, exist_ok=True)
        file = path.open("a+", encoding="utf-8")
    except OSError as failure:
        raise StateError(f"{path} cannot be opened: {failure.strerror}. Nothing was spent.") from failure
    with file:
        if not _locked(file):
            file.seek(0)
            met = file.read().strip() or "another process"
            raise UsageError(f"job {job} is being run by {met}: wait for it, or stop it. Nothing was spent.")
        file.truncate(0)
        file.write(holder)
        file.flush()
        yield


def _locked(file: IO[str]) -> bool:
    """Takes the lock; another process may hold it for a moment, only to see whether the job's own process lives."""
    for _ in range(20):
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(0.02)
        else:
            return True
    return False
