"""The one archive of a worker process (`io.worker`), opened by its first order."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from scraper.core.catalogue import Catalogue
from scraper.core.tables import TableSelect

if TYPE_CHECKING:
    from scraper.io.archive import ParquetArchive

_OPENED: Final[list[ParquetArchive]] = []


def open_archive(data: Path, tables: Sequence[TableSelect], catalogue: Catalogue, archive: str | None = None) -> None:
    """Open the archive that later orders work on."""
    sys.modules.setdefault("numpy", None)  # type: ignore[arg-type]  # pyarrow does without: 12 MB and 0.1 s
    from scraper.io.archive import Disk, ParquetArchive  # noqa: PLC0415 - not before numpy is out of the way
    from scraper.io.archive.lock import lease_file, refuse_if_lapsed  # noqa: PLC0415

    disk = Disk()
    disk.guard = partial(refuse_if_lapsed, lease_file(data, os.getppid()))
    _OPENED[:] = [ParquetArchive(data, tables, catalogue, disk, archive=archive)]


def opened_archive() -> ParquetArchive:
    """Return the archive as it is now; `open_archive` must have been called in this process."""
    _OPENED[0].refresh()
    return _OPENED[0]
