"""The environment of the tests: the same in every shell, whatever the one that starts them has set.

`tests/conftest.py` calls `scrub` before anything reads a variable; what the tests start inherits it.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import MutableMapping
from pathlib import Path

_FIXED = {"TERM": "xterm-256color", "TZ": "UTC", "LC_ALL": "C.UTF-8", "XDG_CONFIG_HOME": "/nobody/config"}
_DROPPED = re.compile(
    r"SCRAPER_.*"
    r"|FORCE_COLOR|NO_COLOR|CLICOLOR.*|COLORTERM|COLUMNS|LINES|TTY_.*|JUPYTER_.*"  # rich, click, argparse
    r"|TZDIR|LANG|LANGUAGE|LC_.*|PYTHONIOENCODING|PYTHONUTF8|PYTHONLEGACY.*|PYTHONUNBUFFERED"
    r"|PYTHONWARNINGS|PYTHONDEVMODE|PYTHONASYNCIODEBUG|PYTHONOPTIMIZE"
    r"|PYTHONDONTWRITEBYTECODE"  # each process that the tests start would compile the program again
    r"|PAGER|BROWSER|DUCKDB_.*"
    r"|(?:HTTPS?|FTP|ALL|NO)_PROXY"
    r"|.*(?:KEY|TOKEN|SECRET|PASS).*",  # the value of one is masked in what the program says
    re.IGNORECASE,
)


_MEMORY = Path("/dev/shm")  # noqa: S108 - the parent of temporary directories that have names of their own
_ENOUGH = 4 << 30
"""Bytes; a container may have 64 MB there."""


def scrub(environment: MutableMapping[str, str]) -> None:
    """Takes out what the program, or a library that it writes with, may read, and sets what must be there."""
    for name in [name for name in environment if _DROPPED.fullmatch(name)]:
        del environment[name]
    environment.update(_FIXED)


def prefer_memory(environment: MutableMapping[str, str]) -> None:
    """Name a file system in memory for temporary directories, where there is one and nobody has named another.

    No test depends on it: a killed process loses nothing that it has written, on any file system.
    """
    if "TMPDIR" not in environment and _MEMORY.is_dir() and shutil.disk_usage(_MEMORY).free >= _ENOUGH:
        environment["TMPDIR"] = str(_MEMORY)
        tempfile.tempdir = None  # pytest has asked before, to capture what is written


def keep_bytecode() -> None:
    """Compile modules once, the tests' own with their rewritten assertions too: half of the time of their import."""
    sys.dont_write_bytecode = False


def hear_hangups() -> None:
    """Undo what nohup does: a SIGHUP that is ignored here would be ignored in every process that the tests start."""
    if hasattr(signal, "SIGHUP"):
        signal.signal(signal.SIGHUP, signal.SIG_DFL)


def set_zone(zone: str) -> None:
    """The local time of this process and of what it starts."""
    os.environ["TZ"] = zone
    if sys.platform != "win32":
        time.tzset()
