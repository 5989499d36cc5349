"""The archive's own record of its ledger: its identity, and the marks of runs.

::

    <data>/archive/_ledger/archive.json     the identity that the state has as well
    <data>/archive/_ledger/<run>.json       the mark of a run: what it may have committed

Readers of Parquet directories skip names that begin with an underscore.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import orjson

from scraper.core.adopt import Identity
from scraper.core.errors import ArchiveError
from scraper.io.archive.disk import Disk, make_directories, remove_files
from scraper.io.archive.errors import explained
from scraper.ports import SpendMark

LEDGER_DIRECTORY: Final = "_ledger"
UNREAD: Final = "Nothing was spent or changed."
_IDENTITY: Final = "archive.json"


class LedgerFiles:
    """The part of `ArchiveLedger` that reads no Parquet, over a data directory."""

    def __init__(self, data: Path, disk: Disk) -> None:
        self._root = data / "archive"
        self._directory = self._root / LEDGER_DIRECTORY
        self._disk = disk

    def identity(self) -> tuple[Identity, str] | None:
        return read_identity(self._root.parent)

    def write_identity(self, identity: Identity, kind: str) -> None:
        plain = {"archive": identity.archive_id, "kind": kind, "epoch": identity.epoch, "lineage": identity.lineage}
        self._write(_IDENTITY, plain)

    def marks(self) -> list[SpendMark]:
        found = []
        with explained("the marks of runs cannot be read", safe=UNREAD):
            for path in sorted(self._directory.glob("*.json")):
                if path.name != _IDENTITY and (stored := _json(path)) is not None:
                    found.append(_mark(stored))
        return found

    def write_mark(self, mark: SpendMark) -> None:
        plain = {name: getattr(mark, name) for name in SpendMark.__slots__}
        self._write(f"{mark.run_id}.json", plain)

    def remove_marks(self, run_ids: Sequence[str]) -> None:
        with explained("marks of runs cannot be removed", safe="The archive is whole."):
            remove_files(self._disk, [self._directory / f"{run_id}.json" for run_id in run_ids])

    def _write(self, name: str, plain: Mapping[str, Any]) -> None:
        beside = self._directory / f".{name}.{os.getpid()}"
        with explained(
            f"{self._directory / name} cannot be written", safe="What was paid is kept, and nothing more is spent."
        ):
            make_directories(self._disk, self._directory)
            with self._disk.create(beside) as file:
                file.write(orjson.dumps(plain, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
            self._disk.sync(beside)
            self._disk.replace(beside, self._directory / name)
            self._disk.sync(self._directory)

    def paths(self) -> list[str]:
        with explained("the archive cannot be read", safe=UNREAD):
            found = self._root.glob("*/vendor=*/date=*/*.parquet")
            return sorted(path.relative_to(self._root).as_posix() for path in found)


def read_identity(data: Path) -> tuple[Identity, str] | None:
    """Return the identity and the kind of a data directory's archive; ``None`` if it was never stamped."""
    with explained("the archive's identity cannot be read", safe=UNREAD):
        stored = _json(data / "archive" / LEDGER_DIRECTORY / _IDENTITY)
    if stored is None:
        return None
    return Identity(stored["archive"], stored["epoch"], stored["lineage"]), stored["kind"]


def is_ledger_file(place: str) -> bool:
    """Return whether a path inside the archive is of this module, unfinished files left out."""
    directory, _, name = place.partition("/")
    return directory == LEDGER_DIRECTORY and name.endswith(".json") and not name.startswith(".")


def _json(path: Path) -> dict[str, Any] | None:
    try:
        stored = orjson.loads(path.read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        return None
    except orjson.JSONDecodeError as fault:
        raise ArchiveError(
            f"{path} is damaged: {fault}. {UNREAD} Restore it from a backup, or remove it: the next run then compares "
            "the ledger with all files."
        ) from fault
    return dict(stored)


def _mark(stored: Mapping[str, Any]) -> SpendMark:
    instants = {name: datetime.fromisoformat(stored[name]) for name in ("started_at", "marked_at")}
    return SpendMark(**{**stored, **instants})
