"""Two directories change places in one step: ``renameat2`` with ``RENAME_EXCHANGE`` (Linux 3.15, glibc 2.28).

Python has no name for it.
"""

from __future__ import annotations

import ctypes
import errno
import os
from pathlib import Path
from typing import Final

_AT_FDCWD: Final = -100
_RENAME_EXCHANGE: Final = 2
_NOT_HERE: Final = frozenset({errno.ENOSYS, errno.EINVAL, errno.EOPNOTSUPP, errno.EXDEV})
"""What kernels and file systems say that cannot do it, or not between these two places."""


class CannotExchangeError(OSError):
    """This platform, this file system or these two places do not allow it."""


def exchange(one: Path, other: Path) -> None:
    """Both exist before and after, each under the other's name; nobody ever sees one missing.

    Raises CannotExchangeError where it is not to be had, OSError for everything else that a disk does.
    """
    renameat2 = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if renameat2 is None:
        raise CannotExchangeError(errno.ENOSYS, "this platform has no renameat2", str(one))
    done = renameat2(_AT_FDCWD, os.fsencode(one), _AT_FDCWD, os.fsencode(other), ctypes.c_uint(_RENAME_EXCHANGE))
    if done != 0:
        met = ctypes.get_errno()
        raise (CannotExchangeError if met in _NOT_HERE else OSError)(met, os.strerror(met), str(one), None, str(other))
