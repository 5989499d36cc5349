"""The list of an archive in a bucket, and changes to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING

from scraper.io.manifest import Manifest, ManifestPart, object_path, write_manifest
from scraper.io.objects import Objects

if TYPE_CHECKING:
    from scraper.ports import Part


@dataclass(slots=True)
class Change:
    """A change to the list."""

    parts: dict[str, ManifestPart] = field(default_factory=dict)
    gone: set[str] = field(default_factory=set)
    """Parts that leave the list, by their names in the state."""
    deleted: set[str] = field(default_factory=set)
    """Replaced objects that have been deleted."""

    @property
    def touched(self) -> set[str]:
        return self.gone | self.parts.keys()

    def add(self, later: Change) -> None:
        self.parts = {path: part for path, part in self.parts.items() if path not in later.gone} | later.parts
        self.gone = (self.gone - later.parts.keys()) | later.gone
        self.deleted |= later.deleted


@dataclass(frozen=True, slots=True)
class BucketList:
    """A manifest, and its parts by their names in the state."""

    manifest: Manifest
    parts: Mapping[str, ManifestPart]

    @classmethod
    def of(cls, manifest: Manifest) -> BucketList:
        return cls(manifest, {part.part: part for part in manifest.parts()})

    def changed(self, change: Change, now: datetime) -> BucketList | None:
        """Return the next list; ``None`` if it would be the same."""
        parts = {path: part for path, part in self.parts.items() if path not in change.gone} | change.parts
        listed = {part.path for part in parts.values()}
        left = {part.path for part in self.parts.values()} - listed
        before = self.manifest.replaced
        replaced = {path: at for path, at in before.items() if path not in listed and path not in change.deleted}
        replaced |= dict.fromkeys(sorted(left), now)
        if parts == self.parts and replaced == before and self.manifest.sequence:
            return None
        tables: dict[str, list[ManifestPart]] = {}
        for path in sorted(parts):
            tables.setdefault(path.partition("/")[0], []).append(parts[path])
        sequence = self.manifest.sequence + 1
        return BucketList(Manifest(tables, replaced, sequence, now, self.manifest.etag), parts)

    def conflict(self, change: Change, base: BucketList) -> str | None:
        """Return the first of a change's parts that another process has changed since `base` was read.

        An object that has been replaced since counts: a process that was stopped while another one repeated its work,
        and then compacted it, would list rows a second time.
        """
        for path in sorted(change.touched):
            if self.parts.get(path) not in {base.parts.get(path), change.parts.get(path)}:
                return path
        replaced = self.manifest.replaced.keys() - base.manifest.replaced.keys()
        return next((path for path, part in change.parts.items() if part.path in replaced), None)

    def written(self, objects: Objects) -> BucketList:
        """Write the list over its predecessor; return it with its new version."""
        return replace(self, manifest=replace(self.manifest, etag=write_manifest(objects, self.manifest)))


def as_listed(part: Part) -> ManifestPart:
    """Return a part's entry for the list."""
    if part.checksum is None:
        raise AssertionError(f"{part.path} has no checksum")
    path = object_path(part.path, part.checksum)
    return ManifestPart(path, part.path, part.rows, part.size_bytes, part.checksum, part.select_hash)
