"""Whether parts can be renamed into an archive; found out before anything is paid for, without pyarrow."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator
from pathlib import Path

from scraper.io.archive.disk import Disk, make_directories
from scraper.io.archive.errors import explained
from scraper.io.permissions import require_readable


def refuse_unless_writable(disk: Disk, data: Path) -> None:
    """See `Archive.refuse_unless_writable`."""
    with explained("the archive cannot be written", safe="Nothing was spent or changed."):
        _require_writable(disk, data)


def _require_writable(disk: Disk, data: Path) -> None:
    """Raise OSError where parts could not be renamed in from the staging directory; the names say where.

    Tried with an empty directory, as only that shows a file system of its own, a bind mount and a right that is
    lacking; below the archive's root the directories are only looked at.
    """
    staging, root = data / "tmp", data / "archive"
    require_readable(root)
    make_staging_directory(disk, staging)
    make_directories(disk, root)
    disk.try_rename(staging, root)
    device = staging.stat().st_dev
    for directory in _written_to(root):
        if directory.stat().st_dev != device:
            raise OSError(errno.EXDEV, os.strerror(errno.EXDEV), str(directory))
        if not os.access(directory, os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(directory))


def _written_to(root: Path) -> Iterator[Path]:
    """Yield the directories that a drain of today writes to: of tables, vendors and each vendor's last day."""
    for vendor in sorted(root.glob("*/vendor=*")):
        yield from (vendor.parent, vendor, *sorted(vendor.glob("date=*"))[-1:])


def make_staging_directory(disk: Disk, directory: Path) -> None:
    """Make the directory of unfinished files, for its owner only."""
    make_directories(disk, directory)
    with contextlib.suppress(PermissionError):  # another's directory, that we may write to
        directory.chmod(0o700)
