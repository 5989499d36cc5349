"""An archive on S3 over a real server: several writers, readers, the worker, and what goes wrong."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from scraper.core.errors import StorageError
from scraper.core.events import RunResult, RunStatus
from scraper.io.manifest import read_manifest
from scraper.io.objects import open_objects
from scraper.wiring.files import load_job
from scraper.wiring.run import APART_FROM, RunOrder, run_job
from scraper.wiring.settings import Settings
from tests.fleet.appending import AT_A_TIME, ROWS_A_PAGE
from tests.fleet.bucket_readers import compact_while_reading, wrong
from tests.fleet.buckets import download
from tests.fleet.object_server import KEY_ID, SECRET, ObjectServer
from tests.plain_duckdb import plain_duckdb
from tests.runs.harness import Bench, Heard, on_bench
from tests.runs.upkeep import found_by_glob

JOB = """
[[crawl]]
endpoint = "crawlora.hashtags"
params = { country_code = ["US", "GB"] }
max_pages = 1
"""
PARTS = 2 * AT_A_TIME
"""That each process appends."""


def settings_at(made: Bench, url: str, server: ObjectServer, **changed: str) -> Settings:
    return replace(
        made.settings, archive=url, environment={**made.settings.environment, **server.environment, **changed}
    )


async def run_at(made: Bench, settings: Settings, *, most_requests: int = 0) -> RunResult:
    """The job's run with these settings; of many requests, its archive is behind a worker."""
    path = made.write_job(JOB)
    job, catalogue = load_job(path)
    order = RunOrder(job, catalogue, path.parent, command="scraper run JOB", most_requests=most_requests)
    return await run_job(order, settings, Heard(), lambda _: None)


def in_a_bucket(url: str, server: ObjectServer, to: Path) -> Path:
    """A directory with what the manifest lists."""
    return download(open_objects(url, server.environment), to)


def test_two_processes_append_parts_at_once_and_all_are_current(object_server: ObjectServer, tmp_path: Path) -> None:
    """A hundred each: ``python -m tests.fleet.reading_under_compaction``."""
    url = object_server.new_place()
    command = [sys.executable, "-m", "tests.fleet.appending", url]
    environment = {**os.environ, **object_server.environment}
    appending = [subprocess.Popen([*command, str(tmp_path / name), str(PARTS)], env=environment) for name in "ab"]
    assert [process.wait() for process in appending] == [0, 0]
    objects = open_objects(url, object_server.environment)
    manifest = read_manifest(objects)
    assert len(manifest.tables["hashtags"]) == 2 * PARTS
    assert manifest.sequence == 2 * PARTS / AT_A_TIME
    assert {part.path for part in manifest.parts()} == {found.name for found in objects.list("hashtags/")}
    files = f"{download(objects, tmp_path / 'copy')}/archive/hashtags/**/*.parquet"
    with plain_duckdb() as connection:
        [counted] = connection.execute(
            "SELECT count(*), count(DISTINCT (writer, number)) FROM read_parquet(?)", [files]
        ).fetchall()
    assert counted == (2 * PARTS * ROWS_A_PAGE, 2 * PARTS)


def test_readers_count_right_during_compactions(object_server: ObjectServer, tmp_path: Path) -> None:
    url = object_server.new_place()
    reading = asyncio.run(compact_while_reading(tmp_path, url, object_server.environment, compactions=2, readers=2))
    assert wrong(reading) == []
    assert all(len(reader.counts) > 2 for reader in reading)


def test_a_run_with_a_worker_writes_the_rows_to_a_bucket_that_it_writes_to_a_directory(
    object_server: ObjectServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = object_server.new_place()
    for name, value in object_server.environment.items():
        monkeypatch.setenv(name, value)  # a worker has those of its process

    async def used(made: Bench) -> None:
        result = await run_at(made, settings_at(made, url, object_server), most_requests=APART_FROM)
        assert result.status is RunStatus.COMPLETE
        assert not (made.data / "archive").exists()
        copy = in_a_bucket(url, object_server, tmp_path / "copy")
        beside = replace(made, directory=made.directory / "beside")
        await beside.run(beside.write_job(JOB))
        assert found_by_glob(copy).keys() == found_by_glob(beside.data).keys()
        assert {table: rows for table, (rows, _) in found_by_glob(copy).items()} == {
            table: rows for table, (rows, _) in found_by_glob(beside.data).items()
        }
        written = b"".join(path.read_bytes() for path in made.directory.rglob("*") if path.is_file())
        assert not any(secret.encode() in written for secret in (KEY_ID, SECRET)), "neither state nor cache has a key"

    on_bench(tmp_path, used)


@pytest.mark.parametrize(
    ("place", "variable", "value", "said"),
    [
        ("s3://no-such-bucket/a", "AWS_REGION", "us-east-1", "there is no such bucket"),
        ("s3://archives/a", "AWS_SECRET_ACCESS_KEY", "another-secret", "does not accept the key"),
        ("s3://archives/a", "AWS_ENDPOINT_URL", "http://127.0.0.1:1", "the store does not answer"),
    ],
)
def test_a_bucket_that_cannot_be_used_is_found_before_anything_is_spent(
    object_server: ObjectServer, tmp_path: Path, place: str, variable: str, value: str, said: str
) -> None:
    async def used(made: Bench) -> None:
        with pytest.raises(StorageError, match=said) as met:
            await run_at(made, settings_at(made, place, object_server, **{variable: value}))
        assert "Nothing was spent or changed" in str(met.value)
        assert not any(secret in str(met.value) for secret in (KEY_ID, SECRET, "another-secret"))
        assert made.hits == {}

    on_bench(tmp_path, used)
