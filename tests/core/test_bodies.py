"""One decoder for every body."""

from __future__ import annotations

import json

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scraper.core.bodies import DEEPEST, Decoded, Undecodable, at, decode, decode_exactly
from tests.examples import examples

JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip


def test_sound_json_is_taken_as_it_came() -> None:
    assert decode('{"a": "é",  "b":1}'.encode()) == Decoded({"a": "é", "b": 1}, repaired=False)


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


@pytest.mark.parametrize("body", [b"", b"<html></html>", b'{"a":', b"\x1f\x8b\x08", b"[" * 100_000, b'["\\"' * 50_000])
def test_what_is_no_json_is_told_as_a_value(body: bytes) -> None:
    assert isinstance(decode(body), Undecodable)


@examples(80)
@given(st.binary(max_size=60) | JSON_VALUES.map(lambda value: json.dumps(value).encode()))
def test_decode_never_raises_and_what_it_gives_can_be_written(body: bytes) -> None:
    decoded = decode(body)
    if isinstance(decoded, Decoded):
        assert orjson.loads(orjson.dumps(decoded.value)) == decoded.value


@examples(80)
@given(JSON_VALUES)
def test_sound_json_is_what_the_standard_library_reads_in_both_decoders(value: object) -> None:
    body = json.dumps(value).encode()
    assert decode(body) == Decoded(json.loads(body), repaired=False)
    assert decode_exactly(body) == Decoded(json.loads(body), repaired=True)


NESTED = st.recursive(
    st.none() | st.text('[]{}"\\,:a', max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text('[]{}"\\', max_size=3), inner, max_size=3),
    max_leaves=8,
)


@examples(50)
@given(NESTED, st.integers(0, DEEPEST), st.integers(0, 3_000))
def test_what_lies_too_deep_is_null_and_all_around_it_is_as_it_came(value: object, shallow: int, deep: int) -> None:
    def wrapped(inner: str, levels: int) -> str:
        return "[" * levels + inner + "]" * levels

    shallow = min(shallow, DEEPEST - 20)
    text = f'{{"before": {json.dumps(value)}, "deep": {wrapped("1", 1_100 + deep)}, "after": {json.dumps(value)}}}'
    decoded = decode(wrapped(text, shallow).encode())
    expected = json.loads(wrapped(f'{{"before": {json.dumps(value)}, "deep": {wrapped("null", DEEPEST - shallow - 1)}, '
                                  f'"after": {json.dumps(value)}}}', shallow))  # fmt: skip
    assert decoded == Decoded(expected, repaired=True)


def test_of_a_key_that_comes_twice_the_last_value_counts_in_both_decoders() -> None:
    body = b'{"a":1,"b":0,"a":2}'
    assert decode(body) == Decoded({"a": 2, "b": 0}, repaired=False)
    assert decode_exactly(body) == Decoded({"a": 2, "b": 0}, repaired=True)


def test_whole_numbers_past_64_bits_are_exact_where_that_is_asked_for() -> None:
    body = b'{"id":123456789012345678901234567890,"long":' + b"9" * 5_000 + b"}"
    decoded = decode_exactly(body)
    assert decoded == Decoded({"id": 123456789012345678901234567890, "long": None}, repaired=True)
    assert decode(b"[18446744073709551615]") == Decoded([2**64 - 1], repaired=False)


def test_a_dotted_path_ends_in_none_wherever_a_step_is_missing() -> None:
    document = decode(b'{"a":{"b":{"c":0},"l":[{"c":1}]}}')
    assert isinstance(document, Decoded)
    steps = ("a.b.c", "a.b.d", "a.l.c", "a.b.c.d", "x")
    assert [at(document.value, path) for path in steps] == [0, None, None, None, None]
