"""Calls that Linux and macOS name or carry out differently. Each is chosen by what is there, not by a system's name.

Tried on Linux; on macOS only through `tests.systems.macos`, which takes from Python what macOS lacks. Windows has no
fcntl: nothing that its commands load may import this module (CONTRIBUTING, *Platforms*).
"""

from __future__ import annotations

import fcntl
import os
from typing import Final

_ZEROS: Final = bytes(2**20)


def lock(descriptor: int, *, wait: bool) -> bool:
    """Takes the exclusive lock of an open file, which the kernel frees when its holder dies.

    False where another process holds it and nobody is to `wait`. OSError where the file system has no locks.
    """
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def sync(descriptor: int) -> None:
    """Makes a file's bytes, or a directory's names, durable on the drive.

    On macOS fsync(2) stops at the drive's own cache, and F_FULLFSYNC empties that too (its man page says so). A file
    system that refuses it gets an fsync, as SQLite does it.
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
    """Gives an empty file so many bytes that no other file can take; OSError where the disk has not got them.

    Zeros are written where there is no posix_fallocate, as on macOS.
    """
    if (fallocate := getattr(os, "posix_fallocate", None)) is not None:
        fallocate(descriptor, 0, size_bytes)
        return
    left = size_bytes
    while left > 0:
        left -= os.write(descriptor, _ZEROS[:left])
    os.fsync(descriptor)  # a file system may only now find that it has no room
