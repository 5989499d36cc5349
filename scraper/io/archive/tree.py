"""The parts of an archive, in a directory or in a bucket (`bucket`).

A part is named as in the state: ``hashtags/vendor=crawlora/date=2026-11-29/part-12-0-3fa94c21.parquet``. Its bytes are
always read from a local file. Nothing here imports pyarrow, which identity and marks do not need.
"""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

from scraper.io.archive.disk import Disk, checksum, make_directories, remove_files
from scraper.io.archive.errors import explained
from scraper.io.objects import is_s3
from scraper.io.permissions import require_readable

if TYPE_CHECKING:
    from scraper.ports import Part

NOTES: Final = "_ledger"
"""The archive's directory of notes; readers of Parquet directories skip names that begin with an underscore."""


@dataclass(frozen=True, slots=True)
class Places:
    """The directories of an archive on this machine, all on one file system."""

    data: Path
    root: Path
    """The parent of the tables' directories, if the archive is a directory."""
    staging: Path
    """Unfinished files."""
    trash: Path
    lock: Path

    @classmethod
    def of(cls, data: Path, archive: str | None = None) -> Places:
        """Return the places of a data directory, or of an archive that is a directory elsewhere."""
        inside = data / "archive"
        if archive is None or is_s3(archive) or Path(archive).absolute() == inside.absolute():
            return cls(data, inside, data / "tmp", data / "trash", data / "archive.lock")
        root = Path(archive)
        return cls(data, root, *(root.with_name(f"{root.name}.{kind}") for kind in ("tmp", "trash", "lock")))

    def shown(self, path: Path) -> str:
        """Return a file's name for display: ``archive/…``, ``tmp/…``."""
        for name, place in self._named.items():
            if path.is_relative_to(place):
                return f"{name}/{path.relative_to(place).as_posix()}"
        return str(path)

    def file(self, shown: str) -> Path:
        """Return the file that `shown` gave this name."""
        name, _, rest = shown.partition("/")
        return self._named.get(name, self.data / name) / rest

    @property
    def _named(self) -> Mapping[str, Path]:
        return {"archive": self.root, "tmp": self.staging, "trash": self.trash}


@dataclass(frozen=True, slots=True)
class Staged:
    """A finished, durable file that no reader sees yet."""

    file: Path
    part: Part


class Tree(Protocol):
    """The parts of an archive, and its notes. Every method blocks, and raises OSError or ObjectStoreError."""

    @property
    def place(self) -> str:
        """The archive's directory, or its URL of bucket and prefix."""

    @property
    def disk(self) -> Disk:
        """The disk of this machine, whose guard is called before parts are published."""

    def refresh(self) -> None:
        """Pick up the changes of other processes; called once the lock is held."""

    def paths(self, table: str = "*", name: str = "*.parquet") -> list[str]:
        """Return the parts of a table whose file name matches."""

    def each_name(self, table: str) -> Iterator[str]:
        """Yield the file names of a table's parts (``*``: of all tables) lazily, in any order."""

    def names(self, directory: str) -> list[str]:
        """Return the file names in a table's partition: ``hashtags/vendor=crawlora/date=2026-11-29``."""

    def exists(self, path: str) -> bool:
        """Return whether there is such a part."""

    def local(self, path: str) -> Path:
        """Return a file with the part's bytes, for reading; FileNotFoundError if there is none."""

    def fresh(self, path: str, *, quick: bool = False) -> Path:
        """Return a file with the part's bytes as they are in the archive now, not a cached copy.

        `quick`: a cached copy suffices if the part is still there. Call `files` first.
        """

    def size_bytes(self, path: str) -> int:
        """Return the part's size."""

    def checksum(self, path: str) -> str:
        """Return the SHA-256 of the part's bytes."""

    def select_hash(self, path: str) -> str | None:
        """Return the hash of the SELECT that made the part; ``None`` if the part is missing or unreadable."""

    def together(self) -> AbstractContextManager[None]:
        """Batch what is published inside the block; all of it is visible when the block ends."""

    def publish(self, staged: Sequence[Staged], gone: Collection[str] = ()) -> tuple[Part, ...]:
        """Show parts to readers, replacing any of the same name, and remove others. The staged files are moved."""

    def set_aside(self, path: str, target: Path) -> None:
        """Move a file to the trash, by its path in the archive, if it exists."""

    def files(self) -> list[str]:
        """Return all files that a reader of the whole archive sees."""

    def unlisted(self) -> list[str]:
        """Return the objects that were there when `files` was called, and that the list does not name."""

    def forgotten(self, known: Iterable[Part]) -> Mapping[str, str]:
        """Return part → object of these parts that the list lacks, but that were there when `files` was called."""

    def relist(self, parts: Sequence[Part]) -> None:
        """Show forgotten parts to readers again."""

    def require_writable(self) -> None:
        """Raise an error if publishing would fail."""

    def notes(self) -> list[str]:
        """Return the names of the notes."""

    def note(self, name: str) -> bytes | None:
        """Return a note; ``None`` if there is none."""

    def write_note(self, name: str, content: bytes) -> None:
        """Write a note, durably and in one step."""

    def remove_notes(self, names: Sequence[str]) -> None:
        """Remove notes."""


class DirectoryTree:
    """Parts in a directory: written beside it, then renamed in."""

    def __init__(self, disk: Disk, places: Places) -> None:
        self._disk, self._places, self._root = disk, places, places.root

    @property
    def place(self) -> str:
        return str(self._root)

    @property
    def disk(self) -> Disk:
        return self._disk

    def refresh(self) -> None:
        """Do nothing: the directories are read each time."""

    def paths(self, table: str = "*", name: str = "*.parquet") -> list[str]:
        return sorted("/".join(path.parts[-4:]) for path in self._root.glob(f"{table}/vendor=*/date=*/{name}"))

    def each_name(self, table: str) -> Iterator[str]:
        return (path.name for path in self._root.glob(f"{table}/vendor=*/date=*/*.parquet"))

    def names(self, directory: str) -> list[str]:
        place = self._root / directory
        return sorted(path.name for path in place.iterdir()) if place.is_dir() else []

    def exists(self, path: str) -> bool:
        return (self._root / path).exists()

    def local(self, path: str) -> Path:
        return self._root / path

    def fresh(self, path: str, *, quick: bool = False) -> Path:  # noqa: ARG002 - nothing is cheaper than the file
        return self._root / path

    def size_bytes(self, path: str) -> int:
        return (self._root / path).stat().st_size

    def checksum(self, path: str) -> str:
        return checksum(self._root / path)

    def select_hash(self, path: str) -> str | None:
        from scraper.io.archive.files import stored_hash  # noqa: PLC0415 - it loads pyarrow

        return stored_hash(self._root / path)

    def together(self) -> AbstractContextManager[None]:
        return contextlib.nullcontext()

    def publish(self, staged: Sequence[Staged], gone: Collection[str] = ()) -> tuple[Part, ...]:
        """Rename parts in, and flush the directories to the disk; then remove the others."""
        targets = [self._root / each.part.path for each in staged]
        for each, target in zip(staged, targets, strict=True):
            make_directories(self._disk, target.parent)
            self._disk.guard()
            self._disk.replace(each.file, target)
        for directory in sorted({target.parent for target in targets}):
            self._disk.sync(directory)
        remove_files(self._disk, [self._root / path for path in gone])
        return tuple(each.part for each in staged)

    def set_aside(self, path: str, target: Path) -> None:
        move_aside(self._disk, self._root / path, target)

    def forgotten(self, known: Iterable[Part]) -> Mapping[str, str]:  # noqa: ARG002 - there is no list
        return {}

    def relist(self, parts: Sequence[Part]) -> None:
        """Do nothing: there is no list."""

    def unlisted(self) -> list[str]:
        return []

    def files(self) -> list[str]:
        files = (path for path in sorted(self._root.rglob("*")) if not path.is_dir())
        return [path.relative_to(self._root).as_posix() for path in files]

    def require_writable(self) -> None:
        require_writable(self._disk, self._places)

    def notes(self) -> list[str]:
        return sorted(path.name for path in (self._root / NOTES).glob("*.json"))

    def note(self, name: str) -> bytes | None:
        try:
            return (self._root / NOTES / name).read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return None

    def write_note(self, name: str, content: bytes) -> None:
        directory = self._root / NOTES
        beside = directory / f".{name}.{os.getpid()}"
        make_directories(self._disk, directory)
        with self._disk.create(beside) as file:
            file.write(content)
        self._disk.sync(beside)
        self._disk.replace(beside, directory / name)
        self._disk.sync(directory)

    def remove_notes(self, names: Sequence[str]) -> None:
        remove_files(self._disk, [self._root / NOTES / name for name in names])


def is_note(place: str) -> bool:
    """Return whether a path inside the archive is a finished note."""
    directory, _, name = place.partition("/")
    return directory == NOTES and name.endswith(".json") and not name.startswith(".")


def move_aside(disk: Disk, file: Path, target: Path) -> None:
    """Move a file of this machine, if it exists."""
    if not file.exists():
        return
    make_directories(disk, target.parent)
    disk.replace(file, target)
    disk.sync(target.parent)
    disk.sync(file.parent)


def sweep_staged(disk: Disk, places: Places) -> None:
    """Remove the staged files that a crash has left; needs the archive's lock."""
    remove_files(disk, places.staging.glob(".part-*"))


def refuse_unless_writable(tree: Tree) -> None:
    """See `Archive.refuse_unless_writable`."""
    with explained("the archive cannot be written", safe="Nothing was spent or changed."):
        tree.require_writable()


def require_writable(disk: Disk, places: Places) -> None:
    """Raise OSError where parts could not be renamed in from the staging directory; the names say where.

    An empty directory is renamed, as only that reveals another file system, a bind mount or a missing right; below the
    archive's root the directories are only inspected.
    """
    staging, root = places.staging, places.root
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
    """Create the staging directory, for this user alone."""
    make_directories(disk, directory)
    with contextlib.suppress(PermissionError):  # another's directory, that we may write to
        directory.chmod(0o700)
