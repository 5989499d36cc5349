"""`io.objects` over a real S3 server."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from scraper.core.errors import UsageError
from scraper.io.objects import (
    ObjectChangedError,
    ObjectExistsError,
    ObjectMissingError,
    Objects,
    ObjectStoreError,
    open_objects,
    s3_place,
)
from tests.fleet.object_server import KEY_ID, SECRET, ObjectServer


@pytest.fixture
def objects(object_server: ObjectServer) -> Objects:
    return open_objects(object_server.new_place(), object_server.environment)


def test_an_object_comes_back_whole(objects: Objects, tmp_path: Path) -> None:
    objects.create("hashtags/a", b"hello")
    objects.fetch("hashtags/a", tmp_path / "deep/a")
    assert objects.read("hashtags/a")[0] == (tmp_path / "deep/a").read_bytes() == b"hello"
    assert [(each.name, each.size_bytes) for each in objects.list("hashtags/")] == [("hashtags/a", 5)]


def test_a_second_create_of_a_name_is_refused_and_changes_nothing(objects: Objects) -> None:
    objects.create("a", b"first")
    with pytest.raises(ObjectExistsError, match=r"/a exists already\. No object was changed\."):
        objects.create("a", b"second")
    assert objects.read("a")[0] == b"first"


def test_a_replacement_needs_the_version_that_was_read(objects: Objects) -> None:
    first = objects.replace("list", b"1", None)
    second = objects.replace("list", b"2", first)
    for stale in (None, first):
        with pytest.raises(ObjectChangedError):
            objects.replace("list", b"3", stale)
    assert objects.read("list") == (b"2", second)


def test_what_is_missing_is_told_from_what_fails(objects: Objects, tmp_path: Path) -> None:
    for read in (lambda: objects.read("a"), lambda: objects.fetch("a", tmp_path / "a")):
        with pytest.raises(ObjectMissingError, match="/a is missing"):
            read()
    assert list(tmp_path.iterdir()) == []
    objects.delete(["a", "b"])


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("AWS_SECRET_ACCESS_KEY", "wrong-secret", "does not accept the key (SignatureDoesNotMatch)"),
        ("AWS_ACCESS_KEY_ID", "wrong-key-id", "does not accept the key (InvalidAccessKeyId)"),
        ("AWS_ENDPOINT_URL", "http://127.0.0.1:1", "the store does not answer"),
    ],
)
def test_a_refusal_names_its_reason_and_no_key(
    object_server: ObjectServer, variable: str, value: str, said: str
) -> None:
    wrong = open_objects(object_server.new_place(), {**object_server.environment, variable: value}, retries=0)
    with pytest.raises(ObjectStoreError) as met:
        wrong.create("a", b"")
    assert said in str(met.value)
    whole = f"{met.value!r} {met.value.__cause__!r} {met.value.__context__!r}"
    assert not any(secret in whole for secret in (KEY_ID, SECRET, "wrong"))


def test_a_missing_bucket_is_said(object_server: ObjectServer) -> None:
    objects = open_objects("s3://no-such-bucket/a", object_server.environment)
    for read in (lambda: objects.read("a"), lambda: list(objects.list())):
        with pytest.raises(ObjectStoreError, match="there is no such bucket"):
            read()


def test_a_url_names_a_bucket_and_a_prefix() -> None:
    assert str(s3_place("s3://bucket/a/b/")) == "s3://bucket/a/b"
    assert str(s3_place("s3://bucket")) == "s3://bucket"


@pytest.mark.parametrize("url", ["s3://", "s3://B", "s3://key:secret@bucket/a", "s3://bucket/../a", "s3://bucket/a?b"])
def test_a_url_that_names_no_place_is_refused_without_being_repeated(url: str) -> None:
    with pytest.raises(UsageError) as met:
        s3_place(url)
    assert url.removeprefix("s3://") not in str(met.value) or url == "s3://"


@pytest.mark.parametrize("endpoint", ["http://example.com", "https://key:secret@example.com", "example.com"])
def test_an_endpoint_elsewhere_needs_https_and_no_user(endpoint: str) -> None:
    with pytest.raises(UsageError, match="AWS_ENDPOINT_URL") as met:
        open_objects("s3://bucket/a", {"AWS_ENDPOINT_URL": endpoint})
    assert endpoint not in str(met.value)


def test_without_the_extra_a_sentence_says_how_to_install_it() -> None:
    code = (
        "import sys; sys.modules['obstore'] = None\n"
        "from scraper.core.errors import UsageError\n"
        "from scraper.io.objects import open_objects\n"
        "try: open_objects('s3://bucket/a', {})\n"
        "except UsageError as fault: print(fault)"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said == "an archive on S3 needs obstore, which is not installed: pip install 'metered-scraper[s3]'.\n"


def test_an_archive_in_a_directory_imports_none_of_it() -> None:
    code = (
        "import sys; import scraper.cli.main, scraper.wiring.run, scraper.wiring.upkeep\n"
        "from scraper.io.archive.parquet import ParquetArchive; from scraper.io.archive.apart import ArchiveApart\n"
        "from scraper.core.catalogue import Catalogue; from pathlib import Path\n"
        "ParquetArchive(Path('nowhere'), [], Catalogue())\n"
        "print([name for name in sys.modules if name.startswith(('obstore', 'scraper.io.archive.bucket'))])"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said == "[]\n"
