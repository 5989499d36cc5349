"""Taking keys out of what strangers say: a vendor that echoes a key must not make us keep it.

Found are a key as it is; with characters percent-encoded or escaped as in JSON or HTML, escaped again or not; and in
Base64. What is found becomes `MARK`. What encrypts, compresses, hashes or respells a key is beyond this.
"""

from __future__ import annotations

import re
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Iterable, Iterator
from functools import cache, cached_property

MARK = "redacted"
"""Safe wherever a key may stand. It begins with a letter that JSON allows behind a backslash: where bytes that look
like a key begin in the middle of an escape, what is left is JSON all the same."""

SHORTEST_KEY = 8
"""Shorter ones stand in innocent text by chance; neither vendor hands out any."""
LONGEST_KEY = 1024
"""Longer headers are refused by servers."""

SHORTEST_REST = 4
"""At the end of a body that is cut off, fewer characters of a key than this tell nothing."""

_CUT_OFF_ESCAPE = re.compile(rb"(?:%(?:25)*[0-9A-Fa-f]?|\\{1,8}(?:u[0-9A-Fa-f]{0,3})?|&(?:#[xX]?[0-9A-Fa-f]*|am?p?)?)?")
_LONGEST_ESCAPE = 16


def key_fault(key: str) -> str | None:
    """What is wrong with a key, in words that do not tell it; ``None``: it can be used."""
    if not all("!" <= character <= "~" for character in key):
        return "holds a space, a line break or another character that no key has"
    if '"' in key or "\\" in key:
        return "holds a quotation mark or a backslash: it seems to be quoted twice"
    if len(key) < SHORTEST_KEY:
        return f"holds {len(key)} characters, and a key has at least {SHORTEST_KEY}"
    if len(key) > LONGEST_KEY:
        return f"holds {len(key)} characters, and a key has at most {LONGEST_KEY}"
    if key.isdecimal():
        return "holds digits only: one could not tell it from an id"
    return None


class Mask:
    """Takes the keys of one process out of bytes and texts."""

    def __init__(self, keys: Iterable[str]) -> None:
        """Every key is one that `key_fault` has nothing against."""
        self._keys = sorted({key.encode() for key in keys})
        self._plain = tuple(dict.fromkeys(spelling for key in self._keys for spelling in (key, *_in_base64(key))))
        # Bodies that hold no escape of any character of a key, as most do, are not searched for escaped keys.
        self._escape = re.compile(_any_escape(b"".join(self._keys))) if self._keys else None

    @cached_property
    def _escaped(self) -> re.Pattern[bytes]:
        return re.compile(b"|".join(b"".join(_way(character).pattern for character in key) for key in self._keys))

    def body(self, body: bytes, cut_off: bool = False) -> bytes:
        """The bytes without keys; `cut_off`: more was to come, so a key may have begun at their end."""
        for spelling in self._plain:
            if spelling in body:
                body = body.replace(spelling, MARK.encode())
        if self._escape is not None and self._escape.search(body):
            body = self._escaped.sub(MARK.encode(), body)
        return self._without_beginning(body) if cut_off else body

    def text(self, text: str) -> str:
        """A text without keys."""
        return self.body(text.encode("utf-8", "surrogatepass")).decode("utf-8", "surrogatepass")

    def _without_beginning(self, body: bytes) -> bytes:
        """The bytes without the beginning of a key at their end."""
        begins_at = min((*self._plain_beginnings(body), *self._escaped_beginnings(body)), default=len(body))
        return body if begins_at == len(body) else body[:begins_at] + MARK.encode()

    def _plain_beginnings(self, body: bytes) -> Iterator[int]:
        for spelling in self._plain:
            lengths = range(len(spelling) - 1, SHORTEST_REST - 1, -1)
            yield from (len(body) - n for n in lengths if body.endswith(spelling[:n]))

    def _escaped_beginnings(self, body: bytes) -> Iterator[int]:
        for key in self._keys:
            for start in range(max(0, len(body) - _LONGEST_ESCAPE * len(key)), len(body)):
                place = start
                for matched, character in enumerate(key):
                    if matched >= SHORTEST_REST and _CUT_OFF_ESCAPE.fullmatch(body, place):
                        yield start
                        break
                    if (found := _way(character).match(body, place)) is None:
                        break
                    place = found.end()


def _in_base64(key: bytes) -> Iterator[bytes]:
    """What Base64 makes of a key wherever it begins in a group of three bytes, but for what its neighbours share."""
    for encode in (b64encode, urlsafe_b64encode):
        for before in range(3):
            text = encode(bytes(before) + key)[(before * 8 + 5) // 6 : (before + len(key)) * 8 // 6]
            yield text
            yield text.replace(b"/", rb"\/")
            yield text.replace(b"/", b"%2F").replace(b"+", b"%2B")


def _code(character: int) -> bytes:
    """Two hexadecimal digits, as a pattern."""
    return b"".join(b"%c" % digit if digit < 0x41 else b"[%c%c]" % (digit, digit - 32) for digit in b"%02x" % character)


def _escapes(character: int) -> Iterator[bytes]:
    """One character, escaped, as patterns. Backslashes and zeros are counted: a body full of them costs no more."""
    code = _code(character)
    yield b"%(?:25){0,2}" + code
    yield rb"\\{1,8}u00" + code
    yield b"&#(?:0{0,5}%d|[xX]0{0,5}%b);" % (character, code)
    if character == 0x2F:  # some JSON writers put a backslash before it
        yield rb"\\{1,8}/"
    if character == 0x26:
        yield b"&amp;"


def _any_escape(characters: bytes) -> bytes:
    """What stands in every spelling that escapes one of these characters; quick to look for."""
    codes = b"|".join(sorted({_code(character) for character in characters}))
    return rb"%%(?:25){0,2}(?:%b)|\\(?:u00(?:%b)%b)|&(?:#|amp;)" % (codes, codes, b"|/" if b"/" in characters else b"")


@cache
def _way(character: int) -> re.Pattern[bytes]:
    """One character of a key, escaped or not."""
    # The escapes first: an ampersand is the beginning of its own.
    return re.compile(b"(?:%b)" % b"|".join((*_escapes(character), re.escape(b"%c" % character))))
