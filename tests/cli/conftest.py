"""A directory with a job, as the tests of the command line start in."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.runs.harness import ACCOUNTS

JOB = f"""
name = "night"
budget = 40
{ACCOUNTS}
[[crawl]]
endpoint = "crawlora.hashtags"
params = {{ country_code = "US" }}
max_pages = 1
"""


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs" / "night.toml").write_text(JOB)
    return tmp_path
