"""A bucket that fails: the pages stay in the spool, the run says so, and the next one finishes the drain."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from scraper.core.errors import ArchiveError, ArchiveLostError
from scraper.core.events import RunStatus
from scraper.io.archive import Disk, ParquetArchive
from scraper.io.archive.bucket import BucketTree
from scraper.io.archive.tree import DirectoryTree, Places
from scraper.io.objects import Objects, ObjectStoreError, open_objects
from scraper.ports.leases import HeldForGood
from scraper.wiring.files import load_job, load_tables
from tests.core.builders import catalogue_of
from tests.fleet.appending import pages_of, staged_part
from tests.fleet.buckets import Bucket, download
from tests.io.archive_fixtures import ENDPOINTS, TABLES
from tests.runs.harness import Bench, on_bench
from tests.runs.upkeep import found_by_glob

JOB = """
[[crawl]]
endpoint = "crawlora.hashtags"
params = { country_code = ["US", "GB"] }
max_pages = 1
"""
KEY_ID, SECRET = "AKIA-of-a-test", "secret-of-a-test"


class FailingObjects(Objects):
    """Objects of which so many can be created before the credentials expire."""

    def __init__(self, bucket: Bucket, room: int) -> None:
        super().__init__(bucket.store, bucket.url)
        self._left = itertools.count(room, -1)

    def create(self, name: str, content: Path | bytes) -> None:
        if next(self._left) <= 0:
            raise ObjectStoreError(f"{self.place} cannot be used: the credentials have expired", "Get new ones.")
        super().create(name, content)


def test_a_bucket_that_fails_during_a_drain_ends_the_run_as_an_error_and_the_next_one_archives_what_was_paid(
    tmp_path: Path,
) -> None:
    """The first two creations are those that try the store, the third is a part of the drain."""

    async def use(made: Bench) -> None:
        path = made.write_job(JOB)
        _, catalogue = load_job(path)
        bucket, places = Bucket(made.clock.now), Places.of(made.data)
        failing = BucketTree(FailingObjects(bucket, 3), places, made.clock.now)
        result = await made.run(path, archive=ParquetArchive(made.data, load_tables(None), catalogue, tree=failing))
        assert result.status is RunStatus.ERROR
        assert "the credentials have expired" in result.message
        assert "The paid pages stay in the spool. Get new ones." in result.message
        assert bucket.listed() == {}
        hits, archive = (
            dict(made.hits),
            ParquetArchive(made.data, load_tables(None), catalogue, tree=bucket.tree(made.data)),
        )
        again = await made.run(path, archive=archive)
        assert again.status is RunStatus.COMPLETE
        assert again.run_id == result.run_id
        assert made.hits == hits, "nothing was bought again"
        found = found_by_glob(download(bucket.objects, tmp_path / "copy"))
        assert found["pages"][0] == 2
        assert bucket.unlisted(made.data) == []

    on_bench(tmp_path, use)


def test_a_store_that_writes_over_objects_is_refused_before_anything_is_spent(tmp_path: Path) -> None:
    class Overwriting(Objects):
        def create(self, name: str, content: Path | bytes) -> None:
            self.write(name, content if isinstance(content, bytes) else content.read_bytes())

    bucket = Bucket(lambda: datetime(2026, 11, 29, tzinfo=UTC))
    tree = BucketTree(Overwriting(bucket.store, bucket.url), Places.of(tmp_path), bucket.now)
    with pytest.raises(ArchiveError, match=r"overwrites an existing object, .* Nothing was spent or changed"):
        tree.require_writable()


def test_an_object_of_somebody_else_under_a_parts_name_is_left_and_said(tmp_path: Path) -> None:
    bucket = Bucket(lambda: datetime(2026, 11, 29, tzinfo=UTC))
    tree = bucket.tree(tmp_path)
    staged = staged_part(tmp_path, 1)
    taken = f"{staged.part.path.removesuffix('.parquet')}.{(staged.part.checksum or '')[:16]}.parquet"
    bucket.objects.create(taken, b"theirs")
    with pytest.raises(ArchiveError, match="exists with other content"):
        tree.publish([staged])
    assert bucket.objects.read(taken)[0] == b"theirs"
    assert bucket.listed() == {}


def test_whoever_was_stopped_while_its_work_was_repeated_and_merged_lists_nothing_twice(tmp_path: Path) -> None:
    """A drain is repeated by another machine, and compacted there, before its list is replaced here."""
    now = datetime(2026, 11, 29, tzinfo=UTC)
    bucket = Bucket(lambda: now)
    stopped, other = bucket.tree(tmp_path / "stopped"), bucket.tree(tmp_path / "other")
    stopped.refresh()
    theirs = staged_part(directory(tmp_path / "other"), 1)
    other.publish([theirs])
    other.publish([staged_part(directory(tmp_path / "other"), 2)], [theirs.part.path])
    with pytest.raises(ArchiveError, match="was changed by another process since this one took the archive's lock"):
        stopped.publish([staged_part(directory(tmp_path / "stopped"), 1)])
    assert [path.rpartition("/")[2].split("-")[1] for path in bucket.listed()] == ["2"]


def test_a_list_that_is_older_than_what_is_remembered_of_replaced_objects_is_not_built_on(tmp_path: Path) -> None:
    times = iter([datetime(2026, 11, 29, tzinfo=UTC) + hour * timedelta(hours=1) for hour in range(9)])
    bucket = Bucket(lambda: next(times))
    stopped = bucket.tree(tmp_path / "stopped")
    stopped.refresh()
    bucket.tree(tmp_path / "other").publish([staged_part(directory(tmp_path / "other"), 2)])
    with pytest.raises(ArchiveError, match="was changed by another process"):
        stopped.publish([staged_part(directory(tmp_path / "stopped"), 1)])


class Lapsed(HeldForGood):
    """A lease that was not renewed in time."""

    @property
    def is_certain(self) -> bool:
        return False


@pytest.mark.parametrize("in_a_bucket", [True, False])
def test_nothing_is_shown_once_the_lease_has_lapsed(tmp_path: Path, in_a_bucket: bool) -> None:
    """The parts are opened apart from the archive, as the wiring does."""
    bucket = Bucket(lambda: datetime(2026, 11, 29, tzinfo=UTC))
    tree = bucket.tree(tmp_path) if in_a_bucket else DirectoryTree(Disk(), Places.of(tmp_path))
    archive = ParquetArchive(tmp_path, TABLES[:1], catalogue_of(ENDPOINTS), tree=tree)
    with archive.lock(Lapsed()), pytest.raises(ArchiveLostError):
        archive.write(1, pages_of(1))
    tree.refresh()
    assert tree.paths() == []


def directory(place: Path) -> Path:
    (place / "tmp").mkdir(parents=True, exist_ok=True)
    return place / "tmp"


ANSWERS = {
    "ExpiredToken": "the credentials have expired (ExpiredToken)",
    "InvalidAccessKeyId": "does not accept the key (InvalidAccessKeyId)",
    "AccessDenied": "does not permit it (AccessDenied)",
    "SlowDown": "the store answered SlowDown",
}


@pytest.mark.parametrize("code", ANSWERS)
def test_a_refusal_is_a_sentence_without_what_the_store_repeats(code: str) -> None:
    with answering(
        503 if code == "SlowDown" else 403,
        f"<Error><Code>{code}</Code><AWSAccessKeyId>{KEY_ID}</AWSAccessKeyId></Error>",
    ) as endpoint:
        environment = {"AWS_ACCESS_KEY_ID": KEY_ID, "AWS_SECRET_ACCESS_KEY": SECRET, "AWS_ENDPOINT_URL": endpoint}
        objects = open_objects("s3://bucket/a", environment, retries=0)
        with pytest.raises(ObjectStoreError) as met:
            objects.create("part", b"")
    assert ANSWERS[code] in str(met.value)
    whole = f"{met.value!r} {met.value.__cause__!r}"
    assert KEY_ID not in whole
    assert SECRET not in whole


@contextmanager
def answering(status: int, body: str) -> Iterator[str]:
    """A server on loopback that gives one answer to everything."""

    class Handler(BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *_: object) -> None:
            """Quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=[0.01])
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()
