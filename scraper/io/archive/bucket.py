"""Parts in a bucket: uploaded under names that contain their checksum, then listed in the manifest in one step.

The manifest (`io.manifest`) is this archive's directory: a part exists if it is listed. Other objects are invisible to
readers: uploads that are not listed yet, and replaced objects in their grace period. A list is written only over the
version that it was made from; if another process has replaced that, its changes are kept and ours are added, unless
both touch the same parts, which the archive's lock prevents.
"""

from __future__ import annotations

import errno
import fnmatch
import os
import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from scraper.core.errors import ArchiveError
from scraper.io.archive.bucket_list import BucketList, Change, as_listed
from scraper.io.archive.disk import Disk
from scraper.io.archive.tree import NOTES, Places, is_note
from scraper.io.manifest import (
    GRACE,
    MANIFEST,
    ManifestPart,
    part_path,
    read_manifest,
)
from scraper.io.object_cache import ObjectCache
from scraper.io.objects import ObjectChangedError, ObjectExistsError, ObjectMissingError, Objects

if TYPE_CHECKING:
    from scraper.io.archive.tree import Staged
    from scraper.ports import Part

UPLOADS: Final = 8
"""Parts uploaded in parallel: a drain makes one for each table, vendor and day."""

TRIES: Final = 100
"""Attempts to replace the list. Each failure means that another process has succeeded."""

_INTENDED: Final = ".uploads-"
"""Prefix of the files beside unfinished parts that name the objects being uploaded."""

_PROBE: Final = f"{NOTES}/writable"


class BucketTree:
    """The `Tree` of an archive on S3. Usable from several threads."""

    def __init__(self, objects: Objects, places: Places, now: Callable[[], datetime], disk: Disk | None = None) -> None:
        self.objects = objects
        self.disk = disk or Disk()
        self._now = now
        self._cache = ObjectCache(objects, places.data)
        self._staging = places.staging
        self._intended = places.staging / f"{_INTENDED}{os.getpid()}"
        self._listed: BucketList | None = None
        self._gathering: Change | None = None
        self._read_at = now()
        """The time just before the list was read by `refresh`."""
        self._seen: Mapping[str, int] = {}
        """The objects of the last listing, and their sizes."""
        self._verified = set[str]()
        """The objects whose local files have been compared with their checksums."""
        self._pruned = False
        self._turn = threading.RLock()
        """Held while the list is read or replaced."""

    @property
    def place(self) -> str:
        return self.objects.place

    # --- reading ------------------------------------------------------------------------------------------------------

    def refresh(self) -> None:
        with self._turn:
            known = None if self._listed is None else self._listed.manifest
            self._read_at = self._now()
            self._listed = BucketList.of(read_manifest(self.objects, known))

    @property
    def _list(self) -> BucketList:
        with self._turn:
            if self._listed is None:
                self.refresh()
                assert self._listed is not None  # noqa: S101 - as refresh sets it
            return self._listed

    def paths(self, table: str = "*", name: str = "*.parquet") -> list[str]:
        pattern = f"{table}/vendor=*/date=*/{name}"
        return sorted(path for path in self._list.parts if fnmatch.fnmatchcase(path, pattern))

    def each_name(self, table: str) -> Iterator[str]:
        in_table = "" if table == "*" else f"{table}/"
        return (path.rpartition("/")[2] for path in self._list.parts if path.startswith(in_table))

    def names(self, directory: str) -> list[str]:
        return sorted(name for at, _, name in (path.rpartition("/") for path in self._list.parts) if at == directory)

    def exists(self, path: str) -> bool:
        return path in self._list.parts

    def local(self, path: str) -> Path:
        listed = self.listed(path)
        if listed.path in self._verified:
            return self._cache.local(listed)
        file = self._cache.verified(listed)
        self._verified.add(listed.path)
        return file

    def fresh(self, path: str, *, quick: bool = False) -> Path:
        listed = self.listed(path)
        if not quick:
            return self._cache.fetch(listed)
        if self._seen.get(listed.path) != listed.size_bytes:
            raise FileNotFoundError(errno.ENOENT, "its object is missing or truncated", f"{self.place}/{listed.path}")
        return self._cache.local(listed)

    def size_bytes(self, path: str) -> int:
        return self.listed(path).size_bytes

    def checksum(self, path: str) -> str:
        return self.listed(path).checksum

    def select_hash(self, path: str) -> str | None:
        found = self._list.parts.get(path)
        return None if found is None else found.select_hash

    def listed(self, path: str) -> ManifestPart:
        """Return a part's entry in the list; FileNotFoundError if there is none."""
        try:
            return self._list.parts[path]
        except KeyError:
            raise FileNotFoundError(errno.ENOENT, "the manifest does not list it", f"{self.place}/{path}") from None

    @property
    def _known(self) -> set[str]:
        """The objects in the list, replaced ones included."""
        manifest = self._list.manifest
        return {*manifest.replaced, *(part.path for part in manifest.parts())}

    def files(self) -> list[str]:
        self._seen = {found.name: found.size_bytes for found in self.objects.list()}  # one request for a thousand
        return sorted(self._list.parts)

    def unlisted(self) -> list[str]:
        known = {MANIFEST, _PROBE, *self._known}
        return sorted(name for name in self._seen if name not in known and not is_note(name))

    def forgotten(self, known: Iterable[Part]) -> Mapping[str, str]:
        """See `Tree.forgotten`. The state knows only parts that were listed: the list was deleted or is an old copy.

        An object is recognised by its name, which contains the checksum of its bytes.
        """
        objects = {
            each.path: as_listed(each) for each in known if each.checksum is not None and not self.exists(each.path)
        }
        return {path: each.path for path, each in objects.items() if self._seen.get(each.path) == each.size_bytes}

    def relist(self, parts: Sequence[Part]) -> None:
        self.change(Change({part.path: as_listed(part) for part in parts}))

    # --- writing ------------------------------------------------------------------------------------------------------

    @contextmanager
    def together(self) -> Iterator[None]:
        """Replace the list once, when the block ends; after an error not at all."""
        self._gathering = Change()
        try:
            yield
            gathered, self._gathering = self._gathering, None
            self.change(gathered)
        finally:
            self._gathering = None

    def publish(self, staged: Sequence[Staged], gone: Collection[str] = ()) -> tuple[Part, ...]:
        """Upload parts, then list them. What a crash leaves unlisted is listed when the work is repeated."""
        self._intend([as_listed(each.part).path for each in staged])
        self.change(Change(self.upload([(each.file, each.part) for each in staged]), set(gone)))
        return tuple(each.part for each in staged)

    def upload(self, files: Sequence[tuple[Path, Part]]) -> dict[str, ManifestPart]:
        """Upload files and move them into the cache; return their entries for the list."""
        parts = [as_listed(part) for _, part in files]
        with ThreadPoolExecutor(max(1, min(len(files), UPLOADS)), "upload") as threads:
            list(threads.map(self._create, (file for file, _ in files), parts))
        for (file, _), part in zip(files, parts, strict=True):
            self._cache.keep(part, file)
        return {part.part: part for part in parts}

    def change(self, change: Change) -> None:
        """Replace the list with one that has these changes."""
        with self._turn:
            if self._gathering is not None:
                self._gathering.add(change)
                return
            for _ in range(TRIES):
                base = self._list
                try:
                    if (after := base.changed(change, self._now())) is not None:
                        self.disk.guard()
                        self._listed = after.written(self.objects)
                except ObjectChangedError:
                    self._listed = BucketList.of(read_manifest(self.objects))
                    self._refuse_conflict(change, base, self._listed)
                else:
                    self._note_listed()
                    return
            raise ArchiveError(
                f"{self.place}/{MANIFEST} could not be replaced: other processes replaced it first {TRIES} times. What "
                "they wrote is whole. Run the same command again."
            )

    def sweep(self, now: datetime) -> None:
        """Delete the objects whose grace period is over, and those that a crash of this machine has left unlisted.

        Idempotent. Needs the archive's lock.
        """
        with self._turn:
            known = self._known
            for left in self._staging.glob(f"{_INTENDED}*"):
                self.objects.delete([path for path in left.read_text().splitlines() if path not in known])
                left.unlink()
            if not self._pruned:
                self._cache.prune(known)
                self._pruned = True
            due = [path for path, replaced_at in self._list.manifest.replaced.items() if now - replaced_at > GRACE]
            if due:
                self.disk.guard()
                self.objects.delete(due)
                self._cache.forget(due)
                self.change(Change(deleted=set(due)))

    def _intend(self, paths: Sequence[str]) -> None:
        """Record on this machine which objects are about to be uploaded, until they are listed."""
        with self._turn:
            self._staging.mkdir(parents=True, exist_ok=True)
            with self._intended.open("a") as note:
                note.writelines(f"{path}\n" for path in paths)

    def _note_listed(self) -> None:
        """Forget the uploads that are listed by now; those that an error has left are recorded until they are swept."""
        if self._intended.exists():
            known = self._known
            left = [path for path in self._intended.read_text().splitlines() if path not in known]
            if left:
                self._intended.write_text("".join(f"{path}\n" for path in left))
            else:
                self._intended.unlink()

    def set_aside(self, path: str, target: Path) -> None:
        """Copy a part or an object to the trash of this machine, then unlist the part or delete the object."""
        listed = self._list.parts.get(path)
        try:
            self.objects.fetch(path if listed is None else listed.path, target)
        except ObjectMissingError:
            if listed is None:
                return
        if listed is None:
            self.objects.delete([path])
        else:
            self.change(Change(gone={path}))

    def delete_unlisted(self, directory: str, names: Collection[str]) -> None:
        """Delete objects that were uploaded under these parts' names and never listed."""
        known = self._known
        found = [each.name for each in self.objects.list(f"{directory}/") if each.name not in known]
        self.objects.delete([name for name in found if part_path(name).rpartition("/")[2] in names])

    def require_writable(self) -> None:
        """Create an object twice: a store that accepts the second one would let two writers overwrite each other."""
        for _ in range(2):
            try:
                self.objects.create(_PROBE, b"")
            except ObjectExistsError:
                self.refresh()
                return
        raise ArchiveError(
            f"{self.place} cannot be used: the store ignores If-None-Match and overwrites an existing object, so that "
            "one writer could replace what another one has paid for. Nothing was spent or changed. Use a store that "
            "honours conditional writes, as S3 and SeaweedFS do."
        )

    def _create(self, file: Path, part: ManifestPart) -> None:
        """Upload a file under a name that contains its checksum: an object of that name must have the same content.

        A damaged object of this archive is replaced.
        """
        try:
            self.objects.create(part.path, file)
        except ObjectExistsError:
            there = self.objects.digest(part.path)
            if there.sha256 == part.checksum:
                return
            if part.path not in self._known:
                raise ArchiveError(
                    f"{self.place}/{part.path} exists with other content, and this archive does not list it. It was "
                    "left as it is, and nothing was listed. Find out who else writes to that prefix, move the object "
                    "away, then run the same command again."
                ) from None
            self.objects.replace(part.path, file.read_bytes(), there.etag)

    def _refuse_conflict(self, change: Change, base: BucketList, now: BucketList) -> None:
        """Raise ArchiveError if another process has changed the same parts since the list `base` was read."""
        path = now.conflict(change, base)
        if path is None and self._now() - self._read_at > GRACE:  # what was replaced meanwhile may be forgotten by now
            path = MANIFEST
        if path is not None:
            raise ArchiveError(
                f"{self.place}/{path} was changed by another process since this one took the archive's lock, which was "
                "lost, or is not shared with that process. Its changes were kept, and none of ours were listed. Run "
                "the same command again; if this happens again, look for two projects that use this place."
            )

    # --- notes --------------------------------------------------------------------------------------------------------

    def notes(self) -> list[str]:
        return sorted(found.name.rpartition("/")[2] for found in self.objects.list(f"{NOTES}/") if is_note(found.name))

    def note(self, name: str) -> bytes | None:
        try:
            return self.objects.read(f"{NOTES}/{name}")[0]
        except ObjectMissingError:
            return None

    def write_note(self, name: str, content: bytes) -> None:
        self.objects.write(f"{NOTES}/{name}", content)

    def remove_notes(self, names: Sequence[str]) -> None:
        self.objects.delete([f"{NOTES}/{name}" for name in names])
