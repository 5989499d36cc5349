"""Archives in a bucket: in memory, where the store is obstore's own, or on a server; and what a reader finds there."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from obstore.store import MemoryStore

from scraper.io.archive.bucket import BucketTree
from scraper.io.archive.tree import Places
from scraper.io.manifest import read_manifest
from scraper.io.objects import Objects
from tests.runs.mortal import Life

_NAMES = itertools.count(1)


class MortalObjects(Objects):
    """Objects of a process that may end at any request that changes one."""

    def __init__(self, store: MemoryStore, place: str, life: Life) -> None:
        super().__init__(store, place)
        self._life = life

    def create(self, name: str, content: Path | bytes) -> None:
        with self._life.step("create_object"):
            super().create(name, content)

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

    def listed(self) -> dict[str, str]:
        """The manifest's parts, and their checksums."""
        return {part.part: part.checksum for part in read_manifest(self.objects).parts()}


def download(objects: Objects, data: Path) -> Path:
    """What the manifest lists, as the archive of a data directory."""
    for part in read_manifest(objects).parts():
        objects.fetch(part.path, data / "archive" / part.part)
    return data


@contextmanager
def steps_of(life: Life, names: Collection[str]) -> Iterator[None]:
    """Fails the test that expected other steps."""
    yield
    assert set(life.steps) & set(names) == set(names)
