"""The atomic exchange of two directories, by the system's C library, as Python has no function for it.

Linux 3.15 with glibc 2.28 has ``renameat2`` with ``RENAME_EXCHANGE``; macOS 10.12 has ``renamex_np`` with
``RENAME_SWAP`` (rename(2) there), tried only through a simulator.
"""

from __future__ import annotations

import ctypes
import errno
import os
from pathlib import Path
from typing import Any, Final

_AT_FDCWD: Final = -100
_RENAME_EXCHANGE: Final = 2
_RENAME_SWAP: Final = 2
_NOT_HERE: Final = frozenset({errno.ENOSYS, errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EXDEV})
"""Errors meaning that the kernel or the file system does not support it, or not between these two paths."""


class CannotExchangeError(OSError):
    """The platform, the file system or these two paths do not support it."""


def exchange(one: Path, other: Path) -> None:
    """Exchange two existing directories; no reader ever sees either missing.

    Raises CannotExchangeError where that is not supported, OSError for any other disk error.
    """
    library = ctypes.CDLL(None, use_errno=True)
    if _called(library, os.fsencode(one), os.fsencode(other)) != 0:
        met = ctypes.get_errno()
        raise (CannotExchangeError if met in _NOT_HERE else OSError)(met, os.strerror(met), str(one), None, str(other))


def _called(library: ctypes.CDLL, one: bytes, other: bytes) -> Any:  # noqa: ANN401 - what ctypes gives: a C int
    """Return 0 on success; otherwise errno has the cause."""
    if (renameat2 := getattr(library, "renameat2", None)) is not None:
        return renameat2(_AT_FDCWD, one, _AT_FDCWD, other, ctypes.c_uint(_RENAME_EXCHANGE))
    if (renamex_np := getattr(library, "renamex_np", None)) is not None:
        return renamex_np(one, other, ctypes.c_uint(_RENAME_SWAP))
    raise CannotExchangeError(errno.ENOSYS, "this platform cannot exchange two directories", os.fsdecode(one))
