"""Unreadable directories. A glob skips what it may not list, so a query's answer would silently lack rows."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Final

_INSIDE: Final = ("vendor=", "date=")
"""Prefixes of the directories below a table's."""


def require_readable(root: Path) -> None:
    """Raise PermissionError for the first directory of an archive's tree that this user may not list.

    Directories that cannot be a table's (``lost+found``, ``.Trash-1000``) are skipped; a missing tree is fine.
    """
    for table in _directories(root, ""):
        if table.name.isidentifier():
            for vendor in _directories(Path(table.path), _INSIDE[0]):
                for date in _directories(Path(vendor.path), _INSIDE[1]):
                    if not os.access(date.path, os.R_OK | os.X_OK) and Path(date.path).exists():
                        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), date.path)


def _directories(parent: Path, prefix: str) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(parent) as entries:
            return [entry for entry in entries if entry.name.startswith(prefix) and entry.is_dir()]
    except (FileNotFoundError, NotADirectoryError):
        return []
