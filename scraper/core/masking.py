"""Masks API keys in answers: a key that a vendor echoes must not be stored.

Finds a key verbatim, escaped as in JSON and URLs (all characters except letters, digits and ``-._~``; also twice, as
JSON within JSON), and in Base64, as gateways dump requests. Each match is replaced by `MARK`. Keys whose letters are
escaped, and keys that are encrypted, compressed or hashed, are not found.
"""

from __future__ import annotations

import re
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Iterable, Iterator
from functools import cache

MARK = "redacted"
"""Safe wherever a key may appear. It begins with a letter that JSON allows after a backslash: if the match begins in an
escape sequence, the result is still valid JSON."""

SHORTEST_KEY = 8
"""Shorter keys match unrelated text by chance; neither vendor issues any."""
LONGEST_KEY = 1024
"""Servers refuse longer headers."""

SHORTEST_REST = 4
"""Fewer characters of a key at the end of a truncated body reveal nothing."""

_CUT_OFF_ESCAPE = re.compile(rb"(?:%(?:25)?[0-9A-Fa-f]?|\\{1,3}(?:u[0-9A-Fa-f]{0,3})?)?")
_LONGEST_ESCAPE = 8
_NEVER_ESCAPED = re.compile(rb"[A-Za-z0-9._~-]*")


def key_fault(key: str) -> str | None:
    """Describe what is wrong with a key without revealing it; ``None``: it can be used."""
    if not all("!" <= character <= "~" for character in key):
        return "contains a space, a line break or another character that no key has"
    if '"' in key or "\\" in key:
        return "contains a quotation mark or a backslash: it seems to be quoted twice"
    if len(key) < SHORTEST_KEY:
        return f"has {len(key)} characters, and a key has at least {SHORTEST_KEY}"
    if len(key) > LONGEST_KEY:
        return f"has {len(key)} characters, and a key has at most {LONGEST_KEY}"
    if key.isdecimal():
        return "contains only digits: it could not be distinguished from an id"
    return None


class Mask:
    """Masks the keys of one process in bytes and text."""

    def __init__(self, keys: Iterable[str]) -> None:
        """`key_fault` returns ``None`` for every key."""
        self._keys = sorted({key.encode() for key in keys}, key=len, reverse=True)
        self._spelled = [(_signature(key), re.compile(b"".join(map(_way, key)))) for key in self._keys]
        self._base64 = tuple(dict.fromkeys(spelling for key in self._keys for spelling in _in_base64(key)))

    def body(self, body: bytes, cut_off: bool = False) -> bytes:
        """Return the bytes without keys; `cut_off`: truncated, so that a key may begin at their end."""
        for signature, spelled in self._spelled:
            if signature in body:
                body = spelled.sub(MARK.encode(), body)
        for spelling in self._base64:
            if spelling in body:
                body = body.replace(spelling, MARK.encode())
        return self._without_beginning(body) if cut_off else body

    def text(self, text: str) -> str:
        return self.body(text.encode("utf-8", "surrogatepass")).decode("utf-8", "surrogatepass")

    def _without_beginning(self, body: bytes) -> bytes:
        """Remove the beginning of a key at the end of the bytes."""
        begins_at = min((*self._base64_beginnings(body), *self._beginnings(body)), default=len(body))
        return body if begins_at == len(body) else body[:begins_at] + MARK.encode()

    def _base64_beginnings(self, body: bytes) -> Iterator[int]:
        for spelling in self._base64:
            lengths = range(len(spelling) - 1, SHORTEST_REST - 1, -1)
            yield from (len(body) - n for n in lengths if body.endswith(spelling[:n]))

    def _beginnings(self, body: bytes) -> Iterator[int]:
        for key in self._keys:
            for start in range(max(0, len(body) - _LONGEST_ESCAPE * len(key)), len(body)):
                place = start
                for matched, character in enumerate(key):
                    if matched >= SHORTEST_REST and _CUT_OFF_ESCAPE.fullmatch(body, place):
                        yield start
                        break
                    if (found := _one(character).match(body, place)) is None:
                        break
                    place = found.end()


def _signature(key: bytes) -> bytes:
    """Return the longest piece of a key that is never escaped: quick to search for."""
    pieces: list[bytes] = _NEVER_ESCAPED.findall(key)
    return max(pieces, key=len)


def _in_base64(key: bytes) -> Iterator[bytes]:
    """Yield the key in Base64 at each offset in a group of three bytes, without characters shared with neighbours."""
    for encode in (b64encode, urlsafe_b64encode):
        for before in range(3):
            yield encode(bytes(before) + key)[(before * 8 + 5) // 6 : (before + len(key)) * 8 // 6]


def _way(character: int) -> bytes:
    """Return a pattern for one character of a key, escaped or not."""
    itself = b"%c" % character
    if _NEVER_ESCAPED.fullmatch(itself):
        return re.escape(itself)
    code = b"".join(b"[%c%c]" % (digit, digit ^ 32) if digit > 0x40 else b"%c" % digit for digit in b"%02x" % character)
    return rb"(?:%b|%%(?:25)?%b|\\{1,3}(?:u00%b|%b))" % (re.escape(itself), code, code, re.escape(itself))


@cache
def _one(character: int) -> re.Pattern[bytes]:
    return re.compile(_way(character))
