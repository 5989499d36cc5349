"""Archives in a bucket: in memory, where the store is obstore's own, or on a server; and what a reader finds there."""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from obstore.store import MemoryStore

from scraper.core.tables import TableSelect
from scraper.io.archive import Disk, ParquetArchive
from scraper.io.archive.bucket import BucketTree
from scraper.io.archive.tree import Places
from scraper.io.manifest import read_manifest
from scraper.io.objects import ObjectExistsError, Objects
from scraper.ports import Journal
from scraper.runs.resume import Opening
from scraper.wiring.files import load_job
from tests.core.builders import catalogue_of
from tests.databases import database_in
from tests.runs.harness import bench
from tests.runs.mortal import Life, ledger, lived
from tests.runs.upkeep import ENDPOINTS, TABLES, Found, Place, found_by_glob, noon_clock

_NAMES = itertools.count(1)


class MortalObjects(Objects):
    """Objects of a process that may end at any request that changes one."""

    def __init__(self, store: MemoryStore, place: str, life: Life) -> None:
        super().__init__(store, place)
        self._life = life

    def create(self, name: str, content: Path | bytes) -> None:
        refused = None
        with self._life.step("create_object"):
            try:
                super().create(name, content)
            except ObjectExistsError as fault:
                refused = fault
        if refused is not None:
            raise refused

    def replace(self, name: str, content: bytes, etag: str | None) -> str:
        with self._life.step("replace_object"):
            return super().replace(name, content, etag)

    def write(self, name: str, content: bytes) -> None:
        with self._life.step("write_object"):
            super().write(name, content)

    def delete(self, names: Sequence[str]) -> None:
        if names:
            with self._life.step("delete_objects"):
                super().delete(names)


@dataclass(slots=True)
class Bucket:
    """A bucket in memory, which outlives the processes that use it."""

    now: Callable[[], datetime]
    store: MemoryStore = field(default_factory=MemoryStore)
    url: str = field(default_factory=lambda: f"s3://in-memory/{next(_NAMES)}")

    @property
    def objects(self) -> Objects:
        return Objects(self.store, self.url)

    def tree(self, data: Path, life: Life | None = None) -> BucketTree:
        """The parts of an archive here, as a process with this data directory has them."""
        objects = self.objects if life is None else MortalObjects(self.store, self.url, life)
        return BucketTree(objects, Places.of(data), self.now)

    def unlisted(self, data: Path) -> list[str]:
        """The objects that no list has."""
        tree = self.tree(data)
        tree.files()
        return tree.unlisted()

    def listed(self) -> dict[str, str]:
        """The manifest's parts, and their checksums."""
        return {part.part: part.checksum for part in read_manifest(self.objects).parts()}


def download(objects: Objects, data: Path) -> Path:
    """What the manifest lists, as the archive of a data directory."""
    for part in read_manifest(objects).parts():
        objects.fetch(part.path, data / "archive" / part.part)
    return data


@dataclass(slots=True)
class BucketPlace(Place):
    """A data directory whose archive is in a bucket, and what a command finds there."""

    bucket: Bucket = field(default_factory=lambda: Bucket(noon_clock().now))

    @contextmanager
    def opened(self, disk: Disk | None = None, life: Life | None = None) -> Iterator[tuple[Journal, ParquetArchive]]:
        tree = self.bucket.tree(self.data, life)
        with lived(database_in(self.data), self.clock.now, life) as stores:
            yield stores.journal, ParquetArchive(self.data, self.tables, catalogue_of(ENDPOINTS), disk, tree=tree)

    def found(self, copy: Path) -> Found:
        """What a reader finds who goes by the manifest; `copy`: a directory for what it downloads."""
        return found_by_glob(download(self.bucket.objects, copy))

    def strange(self) -> list[object]:
        """What only one of state and manifest has, what is open, and what was left behind."""
        noted = set(ledger(self.data, "SELECT path, checksum FROM parts"))
        opened = ledger(self.data, "SELECT compaction_id FROM compactions WHERE finished_at IS NULL")
        opened += ledger(self.data, "SELECT table_name, source FROM rebuilds")
        left = [*self.bucket.unlisted(self.data), *map(str, (self.data / "tmp").rglob("*"))]
        return [*sorted(noted ^ set(self.bucket.listed().items())), *opened, *left]


async def make_bucket(directory: Path, job: str, runs: int, tables: Sequence[TableSelect] = TABLES) -> BucketPlace:
    """An archive in a bucket: so many runs of a job."""
    clock = noon_clock()
    place = BucketPlace(directory / "data", clock, tables, Bucket(clock.now))
    async with bench(directory, moment=clock.now()) as made:
        path = made.write_job(job)
        made.clock = clock
        for _ in range(runs):
            _, catalogue = load_job(path)
            archive = ParquetArchive(made.data, tables, catalogue, tree=place.bucket.tree(made.data))
            await made.run(path, opening=Opening.NEW, archive=archive)
    return place


def copy_of(place: BucketPlace, to: Path) -> BucketPlace:
    """A copy of the directory and of the bucket."""
    shutil.copytree(place.data, to)
    clock = noon_clock()
    bucket = Bucket(clock.now)
    for each in place.bucket.objects.list():
        bucket.objects.create(each.name, place.bucket.objects.read(each.name)[0])
    return BucketPlace(to, clock, place.tables, bucket)
