"""What vendors tell of the requests that remain, understood or left alone."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scraper.core.rate_headers import LONGEST_TOLD_S, RateHeaders, Told, told
from tests.core.builders import NOON
from tests.examples import examples

NAMES = RateHeaders("x-ratelimit-remaining", "x-ratelimit-reset")
EPOCH = int((NOON + timedelta(seconds=30)).timestamp())


@pytest.mark.parametrize(
    ("remaining", "resets", "expected"),
    [
        ("12", "30", Told(12, 30.0)),
        (" 0 ", "1.5", Told(0, 1.5)),
        ("0\x1f", "\x1c30\x85", Told(0, 30.0)),  # white space to a text, not to a number
        ("12", str(EPOCH), Told(12, 30.0)),
        ("12", f"{EPOCH}000", Told(12, 30.0)),
        ("12", "1000000001", Told(12, 0.0)),  # an instant that is past
        ("0", "86400", Told(0, LONGEST_TOLD_S)),
        ("0", "9" * 18, Told(0, LONGEST_TOLD_S)),
        ("9" * 18, "60", None),
        ("-1", "60", None),
        ("many", "60", None),
        ("12", "soon", None),
        ("12", "", None),
        ("", "60", None),
        ("9" * 5000, "60", None),
    ],
)
def test_two_headers(remaining: str, resets: str, expected: Told | None) -> None:
    assert told(NAMES, {"x-ratelimit-remaining": remaining, "x-ratelimit-reset": resets}, NOON) == expected


@pytest.mark.parametrize(
    "header", ['"default";r=12;t=30', "limit=60, remaining=12, reset=30", '"a";r=50;t=99, "b"; r=12; t=30']
)
def test_one_header_with_both_numbers(header: str) -> None:
    assert told(RateHeaders("ratelimit", "ratelimit"), {"ratelimit": header}, NOON) == Told(12, 30.0)


def test_a_vendor_that_names_no_headers_tells_nothing() -> None:
    assert told(None, {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "60"}, NOON) is None


@examples(100)
@given(st.text(), st.text())
def test_no_value_does_more_than_slow_down_for_a_bounded_time(remaining: str, resets: str) -> None:
    heard = told(NAMES, {"x-ratelimit-remaining": remaining, "x-ratelimit-reset": resets}, NOON)
    assert heard is None or (heard.remaining >= 0 and 0 <= heard.resets_in_s <= LONGEST_TOLD_S)
