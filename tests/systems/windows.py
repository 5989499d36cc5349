"""The program as on Windows: ``python -m tests.systems.windows ARGS… [--then ARGS…]``.

What Windows lacks goes: fcntl and the other modules of Unix, os.fork and its kin; and an event loop takes no signal
handlers.
"""

from __future__ import annotations

import asyncio
import os
import sys
from typing import Any, NoReturn

from tests.systems import carry_out, load_libraries

UNIX_MODULES = ("fcntl", "termios", "tty", "pty", "pwd", "grp", "resource", "syslog")
UNIX_CALLS = (
    *("fork", "forkpty", "getuid", "geteuid", "getpgid", "killpg", "chown", "mkfifo", "nice", "statvfs", "uname"),
    *("posix_fallocate", "pread", "pwrite", "sched_getaffinity"),
)


def become_windows() -> None:
    """Changes this process for good."""
    load_libraries()

    def no_handlers(*_: Any) -> NoReturn:
        raise NotImplementedError

    for name in UNIX_MODULES:
        sys.modules[name] = None  # type: ignore[assignment]
    for name in UNIX_CALLS:
        delattr(os, name)
    asyncio.AbstractEventLoop.add_signal_handler = no_handlers  # type: ignore[method-assign,assignment]
    asyncio.SelectorEventLoop.add_signal_handler = no_handlers  # type: ignore[method-assign,assignment]
    sys.platform = "win32"


def main() -> None:
    become_windows()
    carry_out(sys.argv[1:])


if __name__ == "__main__":
    main()
