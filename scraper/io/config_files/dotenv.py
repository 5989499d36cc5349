"""The ``.env`` file beside the job files, with keys that are not in the environment.

It is parsed here and not by a library: a line that cannot be parsed is reported by number without its content,
and nothing may enter the environment that child processes inherit.
"""

from __future__ import annotations

import re
import stat
from collections.abc import Mapping
from pathlib import Path

from scraper.core.errors import ConfigurationError, Fault
from scraper.io.config_files.text import read_text

DOTENV_FILE = ".env"
_LINE = re.compile(
    r"""\s*(?:(?:export\s+)?(?P<name>[A-Za-z_][A-Za-z0-9_]*)\s*=\s*
    (?:"(?P<double>[^"]*)"|'(?P<single>[^']*)'|(?P<bare>[^\s"'\#][^\s"']*)?)\s*)?(?:(?<!\S)\#.*)?""",
    re.VERBOSE,
)


def read_dotenv(directory: Path) -> Mapping[str, str]:
    """Return the variables of ``.env`` in this directory, if present. Raises ConfigurationError with all faults.

    A line is ``NAME=value``, with ``export`` before it or not, the value in quotes or not, a ``#`` comment, or empty.
    Nothing is expanded; of two lines for a name the last one counts.
    """
    path = directory / DOTENV_FILE
    if not path.exists():
        return {}
    text = read_text(path, "utf-8-sig")
    values, faults = {}, []
    for number, line in enumerate(text.split("\n"), start=1):
        found = _LINE.fullmatch(line.rstrip("\r"))
        if found is None:
            faults.append(
                Fault(
                    f"{path}: line {number}", "is not of the form NAME=value; a value of several words stands in quotes"
                )
            )
        elif found["name"]:
            values[found["name"]] = found["double"] or found["single"] or found["bare"] or ""
    if faults:
        raise ConfigurationError(faults)
    return values


def dotenv_warning(directory: Path) -> str | None:
    """Return a warning if other users can read ``.env`` in this directory."""
    path = directory / DOTENV_FILE
    try:
        mode = path.stat().st_mode
    except OSError:
        return None
    if not mode & (stat.S_IRWXG | stat.S_IRWXO):
        return None
    return f"{path} can be read by other users of this machine: chmod 600 {path}"
