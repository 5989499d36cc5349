"""System calls that differ between Linux and macOS, chosen by availability, not by the system's name.

Tested on Linux; macOS only through `tests.systems.macos`, which removes from Python what macOS lacks. Windows has no
fcntl: no module that its commands load may import this one (CONTRIBUTING, *Platforms*).
"""

from __future__ import annotations

import fcntl
import os
from typing import Final

_ZEROS: Final = bytes(2**20)


def lock(descriptor: int, *, wait: bool) -> bool:
    """Take the exclusive lock of an open file, which the kernel releases when its holder dies.

    Returns False if another process holds it and `wait` is False. OSError if the file system has no locks.
    """
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def sync(descriptor: int) -> None:
    """Make a file's bytes, or a directory's entries, durable on the drive.

    On macOS fsync(2) stops at the drive's cache, which F_FULLFSYNC flushes too (its man page says so). If the file
    system refuses that, fsync is called, as SQLite does.
    """
    if (full := getattr(fcntl, "F_FULLFSYNC", None)) is not None:
        try:
            fcntl.fcntl(descriptor, full)
        except OSError:
            pass
        else:
            return
    os.fsync(descriptor)


def allocate(descriptor: int, size_bytes: int) -> None:
    """Reserve disk space for an empty file; OSError if the disk lacks it.

    Without posix_fallocate, as on macOS, zeros are written.
    """
    if (fallocate := getattr(os, "posix_fallocate", None)) is not None:
        fallocate(descriptor, 0, size_bytes)
        return
    left = size_bytes
    while left > 0:
        left -= os.write(descriptor, _ZEROS[:left])
    os.fsync(descriptor)  # a file system may find only now that it is full
