"""A process that appends parts to an archive in a bucket, a few at a time, and shares no lock with anybody.

``python -m tests.fleet.appending URL DIRECTORY PARTS``
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq

from scraper.io.archive import Disk
from scraper.io.archive.disk import checksum
from scraper.io.archive.storage import open_tree
from scraper.io.archive.tree import Places, Staged
from scraper.ports import Part, SpooledPage
from tests.io.archive_fixtures import SNAPSHOT, board, hashtag, page

ROWS_A_PAGE: Final = 2
AT_A_TIME: Final = 10


def pages_of(drain: int) -> Sequence[SpooledPage]:
    """A page of `ROWS_A_PAGE` hashtags."""
    body = board(*(hashtag(number) for number in range(ROWS_A_PAGE)))
    return [page("crawlora.hashtags", body, page_id=drain, snapshot_at=SNAPSHOT)]


def staged_part(directory: Path, number: int) -> Staged:
    """A part of `ROWS_A_PAGE` rows that is ready to be published; each has other bytes."""
    file = directory / f".part-{number}"
    pq.write_table(pa.table({"writer": [os.getpid()] * ROWS_A_PAGE, "number": [number] * ROWS_A_PAGE}), file)
    day = (SNAPSHOT + timedelta(days=number)).date()
    path = f"hashtags/vendor=crawlora/date={day}/part-{number}-0-{os.getpid():08x}.parquet"
    return Staged(file, Part("hashtags", path, ROWS_A_PAGE, file.stat().st_size, "1", checksum(file)))


def main(url: str, directory: str, parts: str) -> int:
    places = Places.of(Path(directory))
    places.staging.mkdir(parents=True)
    tree = open_tree(places, Disk(), url, now=lambda: datetime.now(UTC))
    for first in range(0, int(parts), AT_A_TIME):
        tree.publish([staged_part(places.staging, number) for number in range(first, first + AT_A_TIME)])
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
