"""A run whose archive is in a bucket stops around uploads, lists and commits, and another one goes on: the same rows.

All of them: ``python -m tests.fleet.bucket_crash_points``.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.fleet.bucket_crash_points import JOURNAL_STEPS, OBJECT_STEPS, stopped_and_gone_on, whole_run
from tests.runs.mortal import Instant

pytestmark = pytest.mark.own_instant

JOB = """
[[crawl]]
endpoint = "keyapi.videos"
params = { region = "GB" }
max_pages = 1
"""
DEATHS = [
    Instant("create_object", 5, after=True),
    Instant("replace_object", 1, after=False),
    Instant("replace_object", 1, after=True),
]
"""Of a drain: when some of its parts are uploaded, when all are, and when they are listed."""


def test_a_run_that_died_around_an_upload_or_a_list_resumes_to_the_same_rows(tmp_path: Path) -> None:
    whole = asyncio.run(whole_run(tmp_path / "whole", JOB))
    assert set(OBJECT_STEPS) - set(whole.steps) == {"delete_objects"}, "as nothing is replaced in one run"
    assert set(JOURNAL_STEPS) < set(whole.steps)
    stopped_and_gone_on(tmp_path, JOB, DEATHS, whole)
