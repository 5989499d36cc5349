"""`BucketCompactor`: merges parts here, uploads them, and exchanges a partition's parts by one replacement of the list.

Readers of the manifest see the old parts or the new ones, of all tables, never both. Replaced objects stay for the
grace period, so that a reader of the old list finds what it names.
"""

from __future__ import annotations

from datetime import datetime

from scraper.io.archive.bucket import BucketTree
from scraper.io.archive.bucket_list import Change, as_listed
from scraper.io.archive.compact import PartitionCompactor
from scraper.io.archive.disk import Disk
from scraper.io.archive.errors import explained
from scraper.io.archive.tree import Places
from scraper.io.archive.worker_pool import WorkerPool
from scraper.ports import Compaction, Part


class BucketCompactor(PartitionCompactor):
    """The `Compactor` port over a bucket."""

    def __init__(self, tree: BucketTree, places: Places, disk: Disk, pool: WorkerPool) -> None:
        super().__init__(tree, places, disk, pool)
        self._bucket = tree

    def refuse_unless_exchangeable(self) -> None:
        """Do nothing: replacing the list is atomic where conditional writes are honoured, which every run checks."""

    def build(self, compaction: Compaction) -> tuple[Part, ...]:
        """See `Compactor.build`. The new parts are uploaded, so that any machine can finish from here."""
        built = super().build(compaction)
        with explained(f"{compaction.partition} cannot be compacted", safe="No row was touched."):
            place = self._place(compaction)
            new = [(place / part.table / part.name, part) for part in built if not self._is_listed(part)]
            self._bucket.upload(new)
        return built

    def exchange(self, compaction: Compaction, now: datetime) -> None:  # noqa: ARG002 - the bucket has its own clock
        """See `Compactor.exchange`. Does nothing if the new parts are listed already."""
        with explained(f"{compaction.partition} cannot be exchanged", safe="Every row is where it was, once."):
            new = {part.path: as_listed(part) for part in compaction.built or ()}
            merged = {
                f"{table}/{compaction.partition}/{source}"
                for table, merges in compaction.merges.items()
                for merge in merges
                for source in merge.sources
            }
            self._bucket.change(Change(new, merged - new.keys()))
            self._disk.remove_tree(self._place(compaction))

    def discard(self, compaction: Compaction) -> None:
        super().discard(compaction)
        with explained(f"{compaction.partition} cannot be compacted", safe="No row was touched."):
            for table, merges in compaction.merges.items():
                targets = {merge.target for merge in merges if not merge.kept}
                self._bucket.delete_unlisted(f"{table}/{compaction.partition}", targets)

    def sweep(self, now: datetime) -> None:
        super().sweep(now)
        with explained("replaced objects cannot be deleted", safe="Every current part is whole."):
            self._bucket.sweep(now)

    def _unchanged(self, path: str) -> Part | None:
        found = self._bucket.listed(path)
        table = path.partition("/")[0]
        return Part(table, path, found.rows, found.size_bytes, found.select_hash, found.checksum)

    def _is_listed(self, part: Part) -> bool:
        return self._bucket.exists(part.path) and self._bucket.listed(part.path).checksum == part.checksum
