"""The program as on macOS: ``python -m tests.systems.macos [--counting FILE] ARGS… [--then ARGS…]``.

Taken away: `os.posix_fallocate` and the C library's ``renameat2``. Put in: ``renamex_np`` with RENAME_SWAP, carried out
by the kernel underneath, until a command begins with ``--without-swap``; and F_FULLFSYNC, which is counted to FILE
beside plain fsyncs.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from tests.systems import carry_out, load_libraries

_AT_FDCWD = -100
_F_FULLFSYNC = 51
WITHOUT_SWAP = "--without-swap"


class Library:
    """The C library of a macOS, looked up as ctypes does it."""

    swaps = True

    def __init__(self, real: ctypes.CDLL) -> None:
        self._real = real

    def __getattr__(self, name: str) -> Any:
        if name == "renamex_np" and Library.swaps:
            return self._renamex_np
        if name in {"renameat2", "renamex_np"}:
            raise AttributeError(f"dlsym(RTLD_DEFAULT, {name}): symbol not found")
        return getattr(self._real, name)

    def _renamex_np(self, one: bytes, other: bytes, flags: ctypes.c_uint) -> int:
        """RENAME_SWAP is 2 there, as RENAME_EXCHANGE is here: anything else is refused."""
        if flags.value != 2:
            ctypes.set_errno(errno.EINVAL)
            return -1
        return int(self._real.renameat2(_AT_FDCWD, one, _AT_FDCWD, other, ctypes.c_uint(2)))


def become_macos() -> Counter[str]:
    """Changes this process for good; gives the calls that made something durable, as they come."""
    load_libraries()
    synced: Counter[str] = Counter()
    real_library, real_fcntl, real_fsync = ctypes.CDLL, fcntl.fcntl, os.fsync

    def library(name: str | None, *args: Any, **named: Any) -> Any:
        found = real_library(name, *args, **named)
        return Library(found) if name is None else found

    def controlled(descriptor: int, command: int, *args: Any) -> Any:
        if command != _F_FULLFSYNC:
            return real_fcntl(descriptor, command, *args)
        synced["full"] += 1
        return real_fsync(descriptor)

    def flushed(descriptor: int) -> None:
        synced["plain"] += 1
        real_fsync(descriptor)

    sys.platform = "darwin"
    del os.posix_fallocate
    ctypes.CDLL = library  # type: ignore[assignment,misc]
    fcntl.F_FULLFSYNC = _F_FULLFSYNC  # type: ignore[attr-defined]
    fcntl.fcntl = controlled  # type: ignore[assignment]
    os.fsync = flushed  # type: ignore[assignment]
    return synced


def main() -> None:
    words = sys.argv[1:]
    counting = Path(words[1]) if words[:1] == ["--counting"] else None
    words = words[2:] if counting else words
    synced = become_macos()
    swapping = words.index(WITHOUT_SWAP) if WITHOUT_SWAP in words else len(words)
    carry_out(words[:swapping])
    Library.swaps = False
    carry_out(words[swapping + 1 :])
    if counting is not None:
        counting.write_text(f"{synced['full']} {synced['plain']}")


if __name__ == "__main__":
    main()
