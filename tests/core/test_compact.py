"""Which parts become one: nothing is lost, nothing is merged twice, and tables keep step with their pages."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from scraper.core.compact import NEARLY, Merge, groups, merges

LARGE = 1_000
sizes_of_parts = st.dictionaries(
    st.builds("part-{}{}-{}.parquet".format, st.sampled_from(["", "c"]), st.integers(1, 400), st.integers(0, 3)),
    st.integers(0, 3 * LARGE),
    max_size=40,
)


@given(sizes_of_parts)
def test_every_part_is_in_one_group(sizes: dict[str, int]) -> None:
    assert sorted(name for group in groups(sizes, LARGE) for name in group) == sorted(sizes)


@given(sizes_of_parts)
def test_at_most_one_group_stays_small_and_none_takes_in_more_than_it_needs(sizes: dict[str, int]) -> None:
    totals = [sum(sizes[name] for name in group) for group in groups(sizes, LARGE)]
    assert sum(total < NEARLY * LARGE for total in totals) <= 1
    for group in groups(sizes, LARGE):
        assert len(group) == 1 or sum(sizes[name] for name in group[:-1]) < LARGE


@given(sizes_of_parts, st.floats(NEARLY, 1))
def test_what_was_merged_is_not_merged_again_though_it_is_told_smaller(sizes: dict[str, int], told: float) -> None:
    after = {}
    for number, group in enumerate(groups(sizes, LARGE)):
        size = sum(map(sizes.__getitem__, group))
        after[f"part-c{number}-0.parquet"] = size if len(group) == 1 else math.ceil(told * size)
    assert all(len(group) == 1 for group in groups(after, LARGE))


def test_parts_of_an_ordinary_day_become_one_the_oldest_first() -> None:
    day = {f"part-{drain}-0.parquet": 8 << 20 for drain in (10, 9, 100)} | {"part-c3-0.parquet": 50 << 20}
    assert groups(day) == (("part-c3-0.parquet", "part-9-0.parquet", "part-10-0.parquet", "part-100-0.parquet"),)


def test_tables_take_the_names_that_their_pages_take() -> None:
    tables = {
        "pages": ["part-1-0.parquet", "part-2-0.parquet", "part-3-0.parquet"],
        "hashtags": ["part-1-0.parquet", "part-2-0.parquet", "part-3-0.parquet"],
        "posts": ["part-2-0.parquet"],
        "videos": ["part-3-0.parquet"],
        "creators": ["part-0-0.parquet"],  # its pages are gone
    }
    grouped = [("part-1-0.parquet", "part-2-0.parquet"), ("part-3-0.parquet",)]
    both = Merge("part-c7-0.parquet", ("part-1-0.parquet", "part-2-0.parquet"))
    third = Merge("part-3-0.parquet", ("part-3-0.parquet",))
    assert merges(7, grouped, tables, {}) == {
        "pages": (both, third),
        "hashtags": (both, third),
        "posts": (Merge("part-c7-0.parquet", ("part-2-0.parquet",)),),
    }


def test_runs_of_a_day_become_one_file_beside_those_that_stay() -> None:
    tables = {"pages": ["part-1-0.parquet"], "coverage": ["run-b.parquet", "run-a.parquet", "run-old.parquet"]}
    runs = {"coverage": ["run-a.parquet", "run-b.parquet"], "requests": ["run-a.parquet"]}
    assert merges(7, [("part-1-0.parquet",)], tables, runs, "3fa94c21") == {
        "coverage": (
            Merge("runs-c7-0-3fa94c21.parquet", ("run-a.parquet", "run-b.parquet")),
            Merge("run-old.parquet", ("run-old.parquet",)),
        )
    }
