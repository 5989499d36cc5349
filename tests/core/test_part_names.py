"""Names of parts: what made a part, read from its name, whichever version wrote it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from scraper.core.part_names import (
    compacted_by,
    drained_by,
    drained_name,
    merged_name,
    merged_runs_name,
    run_name,
    run_of,
)
from tests.examples import examples

numbers = st.integers(1, 10**6)
tokens = st.one_of(st.just(""), st.text("0123456789abcdef", min_size=8, max_size=8))


@examples(50)
@given(numbers, st.integers(0, 99), tokens, tokens)
def test_a_part_tells_the_drain_or_the_compaction_that_made_it(number: int, place: int, token: str, other: str) -> None:
    drained, merged = drained_name(number, place, token), merged_name(number, place, token)
    assert (drained_by(drained), compacted_by(drained)) == (number, 0)
    assert (drained_by(merged), compacted_by(merged)) == (0, number)
    assert drained_by(drained, other) == (number if other == token else 0)
    assert compacted_by(merged_runs_name(number, token)) == number


def test_parts_of_older_versions_are_read_as_they_were_named() -> None:
    assert drained_name(17, 0) == "part-17-0.parquet"
    assert (drained_by("part-17-0.parquet"), compacted_by("part-c3-1.parquet")) == (17, 3)


def test_a_run_is_read_from_its_file_and_from_no_other() -> None:
    assert run_of(run_name("1-0-20261121T021500Z-1f3a")) == "1-0-20261121T021500Z-1f3a"
    assert run_of(merged_runs_name(4, "3fa94c21")) is None
    assert drained_by(run_name("part-1-0")) == 0
