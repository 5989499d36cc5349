"""What the interpreter still searches for cycles as a process ends."""

from __future__ import annotations

import subprocess
import sys

import pytest

ENDS = "from scraper.io.collection import leave_all_to_the_exit; leave_all_to_the_exit(); print(gc.get_freeze_count())"


@pytest.mark.parametrize(
    ("begins", "is_left"),
    [("import gc; ", True), ("import duckdb, gc; kept = duckdb.connect(); kept.sql('SELECT 1'); ", False)],
)
def test_objects_are_left_to_the_exit_unless_duckdb_would_complain_of_them(begins: str, is_left: bool) -> None:
    ended = subprocess.run([sys.executable, "-c", begins + ENDS], capture_output=True, text=True, check=True)
    assert (int(ended.stdout) > 0) is is_left
    assert ended.stderr == ""
