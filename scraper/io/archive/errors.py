"""Errors of disks, files and buckets as sentences."""

from __future__ import annotations

import contextlib
import errno
import sys
from collections.abc import Iterator
from typing import Final

from scraper.core.errors import ArchiveError
from scraper.io.objects import ObjectStoreError

_OF_LIBRARIES: Final = (("pyarrow", "ArrowException"), ("duckdb", "Error"))
"""Module → the base of its errors."""


@contextlib.contextmanager
def explained(what: str, *, safe: str) -> Iterator[None]:
    """Turn every disk, file or bucket error into an ArchiveError: the cause, what stays true and what to do."""
    try:
        yield
    except ObjectStoreError as fault:
        raise ArchiveError(f"{what}: {fault.met}. {safe} {fault.advice}") from fault
    except _faults() as fault:
        raise ArchiveError(f"{what}: {_met(fault)}. {safe} {_advice(fault)}") from fault


def _faults() -> tuple[type[Exception], ...]:
    """Return the errors of files and of the imported libraries; others cannot have raised one."""
    used = [(sys.modules[name], base) for name, base in _OF_LIBRARIES if name in sys.modules]
    return OSError, *(getattr(module, base) for module, base in used)


def _met(fault: Exception) -> str:
    if isinstance(fault, OSError) and fault.strerror:
        return f"{fault.strerror} ({fault.filename})" if fault.filename else fault.strerror
    return " ".join(str(fault).split()).rstrip(".")


def _advice(fault: Exception) -> str:
    match fault:
        case OSError(errno=errno.ENOSPC | errno.EDQUOT):
            return "Free some space on that disk and run the same command again."
        case OSError(errno=errno.EROFS | errno.EACCES | errno.EPERM):
            return (
                "Make the data directory readable and writable for this user, or name another one with --data, and run "
                "the same command again."
            )
        case OSError(errno=errno.EXDEV):
            return (
                "Parts are renamed into the archive, so that all of it and DATA/tmp must lie on one file system: move "
                "the whole data directory and link that, or name it with --data, and run the same command again."
            )
        case OSError(errno=errno.ENOLCK | errno.ENOTSUP | errno.EOPNOTSUPP | errno.ENOSYS):
            return (
                "This file system cannot do that, as some network file systems cannot: name a directory on a disk of "
                "this machine with --data."
            )
        case _:
            return "Check the disk, then run the same command again; restore a damaged file from a backup."
