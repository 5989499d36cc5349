"""A process that ends with the one that started it: the hidden option `--attended`, for supervisors such as a worker.

The supervisor holds the other end of standard input and writes nothing. The system closes that end when the supervisor
dies, by whatever signal; this process then gets the SIGTERM that stops a run in order.
"""

from __future__ import annotations

import os
import signal
import sys
from contextlib import suppress
from threading import Thread

_STDIN = 0


def stop_when_alone() -> None:
    """Watch standard input in a thread; nothing else may read it from now on."""
    watched = os.dup(_STDIN)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, _STDIN)
    os.close(nothing)
    Thread(target=_watch, args=(watched,), daemon=True).start()


def _watch(descriptor: int) -> None:
    with suppress(OSError):
        while os.read(descriptor, 4096):
            pass
    try:
        sys.stderr.write("the process that started this one is gone: stopping in order\n")
    finally:  # stderr may have lost its reader too
        os.kill(os.getpid(), signal.SIGTERM)
