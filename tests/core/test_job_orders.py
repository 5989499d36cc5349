"""Keys of a job that choose what a night reads, and what can be wrong with them."""

from __future__ import annotations

from tests.core.test_jobs import Read, faults, read

__all__ = ["read"]


def test_an_order_by_nights_and_a_delta_need_nights(read: Read) -> None:
    one_off = """
    name = "week"
    budget = 8
    order = "changes"
    max_staleness = "7d"
    [[crawl]]
    endpoint = "keyapi.hashtags"
    delta = "new_to_top_100"
    """
    assert faults(read, one_off) == [
        'week.toml: order: "changes" compares nights, and a one-off job has none: state every = "day", or leave it out',
        "week.toml: crawl[0].delta: reads a board whole once in seven nights, and a one-off job has none: "
        'state every = "day"',
    ]
    repeated = one_off.replace("budget = 8", 'budget = 8\n    every = "2d"').replace('"7d"', '"1d"')
    assert faults(read, repeated) == [
        'week.toml: max_staleness: is shorter than every = "2d", and no board is read more often than once a night',
    ]
    by_value = repeated.replace('"changes"', '"value"').replace("new_to_top_100", "new_to_top")
    assert faults(read, by_value) == [
        "week.toml: crawl[0].delta: keyapi.hashtags has no parameter 'new_to_top' that requests only new entries; did "
        "you mean 'new_to_top_100'?; keyapi.hashtags (new_to_top_100) has one",
        'week.toml: max_staleness: goes with order = "changes"; any other order reads the stalest boards first by '
        "itself",
    ]
