"""Keys are found however they are spelled, and nothing else is touched."""

from __future__ import annotations

import base64
import json
import string
from collections.abc import Callable
from urllib.parse import quote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from scraper.core.masking import LONGEST_KEY, MARK, SHORTEST_REST, Mask, key_fault

KEY = "sk_live_4f/1dA9z+Qm7Kp=2&xT8v"
KEYS = st.text(st.sampled_from(string.ascii_letters + string.digits + "-_.~+/=&:"), min_size=8, max_size=40).filter(
    lambda key: key_fault(key) is None and key != MARK
)

SPELLINGS: dict[str, Callable[[str], str]] = {
    "plain": lambda key: key,
    "in JSON": lambda key: json.dumps(key)[1:-1],
    "in JSON of PHP": lambda key: key.replace("/", r"\/"),
    "in JSON of PHP within JSON": lambda key: json.dumps(key.replace("/", r"\/"))[1:-1],
    "in JSON of .NET": lambda key: escaped(key, "\\u{:04X}"),
    "in JSON of Gson": lambda key: escaped(key, "\\u{:04x}"),
    "in JSON of .NET within JSON": lambda key: escaped(key, "\\\\u{:04X}"),
    "in a URL": lambda key: quote(key, safe=""),
    "in a URL, in lower case": lambda key: escaped(key, "%{:02x}"),
    "in a URL, as a path": quote,
    "in a URL within a URL": lambda key: quote(quote(key, safe=""), safe=""),
}


def escaped(key: str, form: str) -> str:
    return "".join(c if c.isalnum() or c in "-_.~" else form.format(ord(c)) for c in key)


@pytest.mark.parametrize("spelling", SPELLINGS)
@given(KEYS, KEYS)
@example(KEY, "another-key-1")
def test_a_key_is_found_in_every_spelling(spelling: str, key: str, other: str) -> None:
    spelled = SPELLINGS[spelling](key)
    mask = Mask([key, other])
    for before, after in (("", ""), ('{"a":"', '"}'), ("x", "y"), ("\\\\", "\\\\"), ("é%", "%é")):
        masked = mask.text(before + spelled + after)
        assert spelled not in masked
        assert MARK in masked
        assert mask.text(masked) == masked


@given(KEYS, st.binary(max_size=7), st.binary(max_size=7))
def test_a_key_is_found_within_base64(key: str, before: bytes, after: bytes) -> None:
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        text = encode(before + key.encode() + after)
        masked = Mask([key]).body(text)
        # What is left on either side are the neighbours' characters.
        left, _, right = masked.partition(MARK.encode())
        assert masked != text
        assert len(left) <= -(-len(before) * 8 // 6) + 1
        assert len(right) <= -(-len(after) * 8 // 6) + 4


@given(st.binary(max_size=200))
def test_bytes_without_a_key_come_through_as_they_are(body: bytes) -> None:
    assert Mask([KEY]).body(body) == body
    assert Mask([]).body(body, cut_off=True) == body


TEXTS = st.text(max_size=8) | st.sampled_from(["\\", "\\\\", "\\\\\\u0073", "\x08" + KEY[1:], '"', "\u0073k_live", KEY])


@given(
    st.recursive(TEXTS | st.integers() | st.none(), lambda inner: st.lists(inner) | st.dictionaries(TEXTS, inner)),
    st.booleans(),
)
@example(["\\" + KEY], True)
@example([json.dumps(json.dumps([KEY + "\n"]))], True)
def test_json_stays_json(document: object, ascii_only: bool) -> None:
    key = "b" + KEY  # \b and what follows looks like it, and is none
    for text in (json.dumps(document, ensure_ascii=ascii_only), json.dumps(["\b" + KEY], ensure_ascii=ascii_only)):
        json.loads(Mask([KEY, key]).text(text))


@given(KEYS, st.sampled_from(sorted(SPELLINGS)), st.data())
def test_what_is_cut_off_holds_no_more_than_the_first_characters_of_a_key(
    key: str, spelling: str, data: st.DataObject
) -> None:
    spelled = SPELLINGS[spelling](key)
    cut = data.draw(st.integers(0, len(spelled)))
    masked = Mask([key]).text(f"<{spelled}")[1:] if cut == len(spelled) else ""
    body = b"<" + spelled[:cut].encode()
    kept = Mask([key]).body(body, cut_off=True)
    begun = [n for n in range(SHORTEST_REST, len(key)) if len(SPELLINGS[spelling](key[:n])) <= cut]
    assert kept in ({b"<" + MARK.encode(), b"<" + masked.encode()} if begun else {body, b"<" + MARK.encode()})


@pytest.mark.parametrize(
    ("key", "said"),
    [
        ("short", "has 5 characters, and a key has at least 8"),
        ("k" * (LONGEST_KEY + 1), "at most 1024"),
        ("key with a blank", "contains a space, a line break"),
        ("key-\r\nX-Evil: 1", "contains a space, a line break"),
        ("schlüssel-1", "another character that no key has"),
        ('"quoted-key"', "seems to be quoted twice"),
        ("12345678901", "contains only digits"),
        (KEY, None),
    ],
)
def test_a_key_that_cannot_be_one_is_told_of_without_telling_it(key: str, said: str | None) -> None:
    fault = key_fault(key)
    assert (fault is None) == (said is None)
    if fault is not None and said is not None:
        assert said in fault
        assert key not in fault
