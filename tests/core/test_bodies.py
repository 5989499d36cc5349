"""One decoder for every body."""

from __future__ import annotations

import json

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scraper.core.bodies import Decoded, Undecodable, at, decode

JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip


def test_sound_json_is_taken_as_it_came() -> None:
    assert decode('{"a": "é",  "b":1}'.encode()) == Decoded({"a": "é", "b": 1}, '{"a": "é",  "b":1}', repaired=False)


@pytest.mark.parametrize(
    ("body", "value"),
    [
        (b'{"a":"\\ud83d"}', {"a": "�"}),
        (b'{"a":"x\x01y"}', {"a": "x\x01y"}),
        (b'{"a":"\xff"}', {"a": "�"}),
        (b'\xef\xbb\xbf{"a":1}', {"a": 1}),
        (b'{"a":NaN,"b":-Infinity,"c":1e999}', {"a": None, "b": None, "c": None}),
    ],
    ids=["lone surrogate", "control character", "broken UTF-8", "BOM", "no numbers"],
)
def test_what_orjson_refuses_comes_out_as_the_nearest_sound_text(body: bytes, value: object) -> None:
    decoded = decode(body)
    assert isinstance(decoded, Decoded)
    assert (decoded.value, decoded.repaired) == (value, True)
    assert orjson.loads(decoded.text) == value


@pytest.mark.parametrize("body", [b"", b"<html></html>", b'{"a":', b"\x1f\x8b\x08", b"[" * 100_000, b"1" * 5_000])
def test_what_is_no_json_is_told_as_a_value(body: bytes) -> None:
    assert isinstance(decode(body), Undecodable)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=60) | JSON_VALUES.map(lambda value: json.dumps(value).encode()))
def test_decode_never_raises_and_its_text_is_its_value(body: bytes) -> None:
    decoded = decode(body)
    if isinstance(decoded, Decoded):
        assert orjson.loads(decoded.text) == decoded.value


def test_a_dotted_path_ends_in_none_wherever_a_step_is_missing() -> None:
    document = decode(b'{"a":{"b":{"c":0},"l":[{"c":1}]}}')
    assert isinstance(document, Decoded)
    steps = ("a.b.c", "a.b.d", "a.l.c", "a.b.c.d", "x")
    assert [at(document.value, path) for path in steps] == [0, None, None, None, None]
