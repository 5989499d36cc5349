"""The environment of the tests: the same in every shell, whatever the one that starts them has set.

`tests/conftest.py` calls `scrub` before anything reads a variable; what the tests start inherits it.
"""

from __future__ import annotations

import os
import re
import signal
import sys
import time
from collections.abc import MutableMapping

_FIXED = {"TERM": "xterm-256color", "TZ": "UTC", "LC_ALL": "C.UTF-8", "XDG_CONFIG_HOME": "/nobody/config"}
_DROPPED = re.compile(
    r"SCRAPER_.*"
    r"|FORCE_COLOR|NO_COLOR|CLICOLOR.*|COLORTERM|COLUMNS|LINES|TTY_.*|JUPYTER_.*"  # rich, click, argparse
    r"|TZDIR|LANG|LANGUAGE|LC_.*|PYTHONIOENCODING|PYTHONUTF8|PYTHONLEGACY.*|PYTHONUNBUFFERED"
    r"|PYTHONWARNINGS|PYTHONDEVMODE|PYTHONASYNCIODEBUG|PYTHONOPTIMIZE"
    r"|PAGER|BROWSER|DUCKDB_.*"
    r"|(?:HTTPS?|FTP|ALL|NO)_PROXY"
    r"|.*(?:KEY|TOKEN|SECRET|PASS).*",  # the value of one is masked in what the program says
    re.IGNORECASE,
)


def scrub(environment: MutableMapping[str, str]) -> None:
    """Takes out what the program, or a library that it writes with, may read, and sets what must be there."""
    for name in [name for name in environment if _DROPPED.fullmatch(name)]:
        del environment[name]
    environment.update(_FIXED)


def hear_hangups() -> None:
    """Undo what nohup does: a SIGHUP that is ignored here would be ignored in every process that the tests start."""
    if hasattr(signal, "SIGHUP"):
        signal.signal(signal.SIGHUP, signal.SIG_DFL)


def set_zone(zone: str) -> None:
    """The local time of this process and of what it starts."""
    os.environ["TZ"] = zone
    if sys.platform != "win32":
        time.tzset()
