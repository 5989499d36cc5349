"""The manifest of an archive on S3: the list of current objects, replaced with each commit and read by every reader.

::

    <prefix>/_manifest.json

    {"format": 1,
     "sequence": 412,                                    incremented at each replacement
     "written_at": "2026-11-29T02:15:00+00:00",
     "tables": {
       "hashtags": [
         {"path": "hashtags/vendor=crawlora/date=2026-11-29/part-12-0-3f2a.9c1e0b7d44aa51c2.parquet",
          "part": "hashtags/vendor=crawlora/date=2026-11-29/part-12-0-3f2a.parquet",
          "rows": 600, "size_bytes": 51234, "checksum": "9c1e0b7d44aa51c2…", "select_hash": "…"}]},
     "replaced": [
       {"path": "…", "replaced_at": "2026-11-29T02:15:00+00:00"}]}

`path` is an object's key below the prefix. An object never changes: its name contains the first 16 digits of its
SHA-256 (`checksum`). `part` is its name in the state, which a rebuilt part keeps. `replaced` are the objects that the
list no longer has: they are deleted `GRACE` after it dropped them, so that a reader with an older list finds what it
names. A slower reader gets ObjectMissingError, and starts over with the new list.

It is JSON, which every language reads without a library; 2,400 parts, a compacted year of ten tables, take 0.8 MB. It
is replaced under ``If-Match``: of two writers one wins, and the other adds its changes to the new list.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

import orjson

from scraper.core.errors import StorageError
from scraper.core.part_names import ENDING
from scraper.io.objects import ObjectMissingError, Objects

MANIFEST: Final = "_manifest.json"
GRACE: Final = timedelta(hours=1)
"""The time from dropping an object to deleting it: longer than any query or report takes, but no longer, as a plain
glob counts the rows of compacted parts twice until then."""

CHECKSUM_DIGITS: Final = 16
"""64 bits: two contents of a part collide by chance once in 10^19 times, and `create` detects it."""

_FORMAT: Final = 1
_CHECKSUM: Final = re.compile(rf"\.[0-9a-f]{{{CHECKSUM_DIGITS}}}{re.escape(ENDING)}$")


@dataclass(frozen=True, slots=True)
class ManifestPart:
    """A current object. `path`: its key below the prefix; `part`: its name in the state (`ports.Part.path`)."""

    path: str
    part: str
    rows: int
    size_bytes: int
    checksum: str
    select_hash: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """The list of current objects. `sequence` 0 and no version (`etag`): nothing has been written yet."""

    tables: Mapping[str, Sequence[ManifestPart]] = field(default_factory=dict)
    replaced: Mapping[str, datetime] = field(default_factory=dict)
    """Path → when the list dropped it."""
    sequence: int = 0
    written_at: datetime | None = None
    etag: str | None = None

    def parts(self) -> Iterable[ManifestPart]:
        return (part for parts in self.tables.values() for part in parts)


def object_path(part: str, checksum: str) -> str:
    """Return the path of a part's object: its name in the state with the beginning of its checksum."""
    return f"{part.removesuffix(ENDING)}.{checksum[:CHECKSUM_DIGITS]}{ENDING}"


def part_path(path: str) -> str:
    """Return the part, by its name in the state, that an object has."""
    return _CHECKSUM.sub(ENDING, path)


def read_manifest(objects: Objects, known: Manifest | None = None) -> Manifest:
    """Return the current manifest, empty if there is none yet. One conditional request, short if `known` is current."""
    try:
        found = objects.read_unless(MANIFEST, None if known is None else known.etag)
    except ObjectMissingError:
        return Manifest()
    if found is None and known is not None:
        return known
    content, etag = found or objects.read(MANIFEST)
    try:
        return _manifest(orjson.loads(content), etag)
    except (ValueError, TypeError, KeyError):
        raise StorageError(
            f"{objects.place}/{MANIFEST} cannot be read: it is not a manifest of this version. Nothing was changed. "
            "Update scraper; or delete it, if it is damaged: scraper check --repair then lists what the state knows."
        ) from None


def write_manifest(objects: Objects, manifest: Manifest) -> str:
    """Replace the version `manifest.etag`; return the new one. ObjectChangedError if another process did so first."""
    return objects.replace(MANIFEST, _content(manifest), manifest.etag)


def _manifest(stored: Any, etag: str) -> Manifest:  # noqa: ANN401 - JSON
    if stored["format"] != _FORMAT:
        raise ValueError(stored["format"])
    return Manifest(
        tables={
            str(table): tuple(ManifestPart(**{name: part[name] for name in ManifestPart.__slots__}) for part in parts)
            for table, parts in stored["tables"].items()
        },
        replaced={str(each["path"]): datetime.fromisoformat(each["replaced_at"]) for each in stored["replaced"]},
        sequence=int(stored["sequence"]),
        written_at=datetime.fromisoformat(stored["written_at"]),
        etag=etag,
    )


def _content(manifest: Manifest) -> bytes:
    plain = {
        "format": _FORMAT,
        "sequence": manifest.sequence,
        "written_at": manifest.written_at,
        "tables": manifest.tables,
        "replaced": [{"path": path, "replaced_at": at} for path, at in manifest.replaced.items()],
    }
    return orjson.dumps(plain, option=orjson.OPT_APPEND_NEWLINE)
