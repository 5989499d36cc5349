"""The archive's own record of its ledger: its identity, and the marks of runs.

::

    <data>/archive/_ledger/archive.json     the identity that the state has as well
    <data>/archive/_ledger/<run>.json       the mark of a run: what it may have committed
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import orjson

from scraper.core.adopt import Identity
from scraper.core.errors import ArchiveError
from scraper.io.archive.errors import explained
from scraper.io.archive.tree import NOTES, Tree
from scraper.ports import SpendMark

UNREAD: Final = "Nothing was spent or changed."
IDENTITY: Final = "archive.json"


class LedgerFiles:
    """The part of `ArchiveLedger` that reads no Parquet, over an archive's notes."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree

    def identity(self) -> tuple[Identity, str] | None:
        return read_identity(self._tree)

    def write_identity(self, identity: Identity, kind: str) -> None:
        plain = {"archive": identity.archive_id, "kind": kind, "epoch": identity.epoch, "lineage": identity.lineage}
        self._write(IDENTITY, plain)

    def marks(self) -> list[SpendMark]:
        found = []
        with explained("the marks of runs cannot be read", safe=UNREAD):
            for name in self._tree.notes():
                if name != IDENTITY and (stored := _json(self._tree, name)) is not None:
                    found.append(_mark(stored))
        return found

    def write_mark(self, mark: SpendMark) -> None:
        plain = {name: getattr(mark, name) for name in SpendMark.__slots__}
        self._write(f"{mark.run_id}.json", plain)

    def remove_marks(self, run_ids: Sequence[str]) -> None:
        with explained("marks of runs cannot be removed", safe="The archive is whole."):
            self._tree.remove_notes([f"{run_id}.json" for run_id in run_ids])

    def _write(self, name: str, plain: Mapping[str, Any]) -> None:
        what = f"{self._tree.place}/{NOTES}/{name} cannot be written"
        with explained(what, safe="What was paid is kept, and nothing more is spent."):
            self._tree.write_note(name, orjson.dumps(plain, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))

    def is_empty(self) -> bool:
        with explained("the archive cannot be read", safe=UNREAD):
            self._tree.refresh()
            return next(iter(self._tree.each_name("*")), None) is None

    def paths(self) -> list[str]:
        with explained("the archive cannot be read", safe=UNREAD):
            self._tree.refresh()
            return self._tree.paths()


def read_identity(tree: Tree) -> tuple[Identity, str] | None:
    """Return the identity and the kind of an archive; ``None`` if it was never stamped."""
    with explained("the archive's identity cannot be read", safe=UNREAD):
        stored = _json(tree, IDENTITY)
    if stored is None:
        return None
    return Identity(stored["archive"], stored["epoch"], stored["lineage"]), stored["kind"]


def _json(tree: Tree, name: str) -> dict[str, Any] | None:
    content = tree.note(name)
    if content is None:
        return None
    try:
        return dict(orjson.loads(content))
    except orjson.JSONDecodeError as fault:
        raise ArchiveError(
            f"{tree.place}/{NOTES}/{name} is damaged: {fault}. {UNREAD} Restore it from a backup, or remove it: the "
            "next run then compares the ledger with all files."
        ) from fault


def _mark(stored: Mapping[str, Any]) -> SpendMark:
    instants = {name: datetime.fromisoformat(stored[name]) for name in ("started_at", "marked_at")}
    return SpendMark(**{**stored, **instants})
