"""A set of texts in one flat array."""

from __future__ import annotations

import tracemalloc

from hypothesis import given
from hypothesis import strategies as st

from scraper.core.fingerprints import Fingerprints


@given(st.lists(st.text(max_size=4) | st.integers(0, 300).map(str), max_size=300))
def test_a_text_is_new_once(texts: list[str]) -> None:
    fingerprints, known = Fingerprints(), set[str]()
    for text in texts:
        assert fingerprints.add(text) is (text not in known)
        known.add(text)
    assert len(fingerprints) == len(known)


def test_the_ids_of_a_long_walk_take_a_few_bytes_each() -> None:
    tracemalloc.start()
    fingerprints = Fingerprints()
    for number in range(20_000):
        fingerprints.add(f"7{number:018}")
    held_bytes, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert held_bytes < 30 * 20_000
