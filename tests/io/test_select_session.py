"""A process keeps what its drains have planned, and nothing of their rows."""

from __future__ import annotations

import pyarrow as pa
import pytest

from scraper.io.archive.select_session import session
from scraper.io.archive.table_select import Selects
from tests.io.archive_fixtures import TABLES

INPUT = pa.schema([("n", pa.int64())])
TABLES_BY_NAME = {table.name: table for table in TABLES}


def test_a_session_that_was_kept_is_the_next_drains_and_reads_that_ones_pages() -> None:
    first = session(INPUT)
    assert first.select("SELECT n + 1 AS m FROM pages", pa.table({"n": [1]})).to_pylist() == [{"m": 2}]
    first.keep()
    again = session(INPUT)
    assert again is first
    assert again.pages.held.num_rows == 0
    assert again.select("SELECT n + 1 AS m FROM pages", pa.table({"n": [4, 5]})).to_pylist() == [{"m": 5}, {"m": 6}]
    assert session(INPUT) is not first, "one drain at a time has it"
    again.close()


def test_a_drain_that_fails_leaves_its_session_to_nobody() -> None:
    with pytest.raises(RuntimeError), Selects(TABLES_BY_NAME):
        raise RuntimeError
    with Selects(TABLES_BY_NAME) as ended:
        kept = ended._session
    with Selects(TABLES_BY_NAME) as following, Selects(TABLES_BY_NAME) as beside:
        assert following._session is kept
        assert beside._session is not kept
