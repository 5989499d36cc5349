"""What readers learn of parts from the state: what was noted, and nothing where it cannot be read."""

from __future__ import annotations

import asyncio
from pathlib import Path

from scraper.io.state import open_stores, state_url
from scraper.io.state.part_list import hashes_of_parts, sizes_of_parts
from scraper.ports import Part
from tests.clock import NOON

PARTS = (Part("posts", "posts/a", 1, 10, "one"), Part("posts", "posts/b", 2, 20, "two"), Part("pages", "p", 3, 30, "x"))


def test_noted_parts_are_read_by_table(tmp_path: Path) -> None:
    data = tmp_path / "a ? b#c"
    with open_stores(state_url(data), lambda: NOON, kind="real") as stores:
        asyncio.run(stores.journal.note_parts(PARTS))
        assert hashes_of_parts(data, "posts") == {"posts/a": "one", "posts/b": "two"}  # beside a writer too
    assert sizes_of_parts(data, "posts") == {"posts/a": (1, 10), "posts/b": (2, 20)}
    assert sizes_of_parts(data, "videos") == {}


def test_nothing_is_learnt_of_a_state_that_is_not_there_or_no_database(tmp_path: Path) -> None:
    assert hashes_of_parts(tmp_path, "posts") == {}
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "state.db").write_bytes(b"no database at all" * 100)
    assert (hashes_of_parts(tmp_path, "posts"), sizes_of_parts(tmp_path, "posts")) == ({}, {})
