"""The choice between an archive in a directory and one in a bucket."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from scraper.io.archive.disk import Disk
from scraper.io.archive.tree import DirectoryTree, Places, Tree
from scraper.io.objects import is_s3, open_objects

if TYPE_CHECKING:
    from scraper.io.archive.worker_pool import WorkerPool
    from scraper.ports import Compactor


def open_tree(
    places: Places,
    disk: Disk,
    archive: str | None = None,
    *,
    environment: Mapping[str, str] | None = None,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Tree:
    """Open an archive's parts, in a directory or at an ``s3://`` URL, without a request.

    `environment`: the AWS_* variables, by default those of this process. UsageError if they or the URL are unusable.
    """
    if archive is None or not is_s3(archive):
        return DirectoryTree(disk, places)
    from scraper.io.archive.bucket import BucketTree  # noqa: PLC0415 - a directory does without

    objects = open_objects(archive, os.environ if environment is None else environment)
    return BucketTree(objects, places, now, disk)


def open_compactor(tree: Tree, places: Places, disk: Disk, pool: WorkerPool) -> Compactor:
    if isinstance(tree, DirectoryTree):
        from scraper.io.archive.compact import PartitionCompactor  # noqa: PLC0415 - it loads pyarrow

        return PartitionCompactor(tree, places, disk, pool)
    from scraper.io.archive.bucket import BucketTree  # noqa: PLC0415 - a directory does without
    from scraper.io.archive.bucket_compact import BucketCompactor  # noqa: PLC0415 - as above

    assert isinstance(tree, BucketTree)  # noqa: S101 - there is no third
    return BucketCompactor(tree, places, disk, pool)
