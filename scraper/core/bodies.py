"""One decoder for every body, so that classify, frontier and the tables' SELECTs see the same values.

orjson reads valid JSON. Bodies that it rejects (a lone surrogate, a control character, broken UTF-8, a BOM, NaN, more
than 1,024 levels of nesting) go through the standard library's lenient reader, which returns the nearest valid value.
SELECTs read the decoded value, encoded again.
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from typing import Final, TypeAlias, TypeVar

import orjson

Json: TypeAlias = "dict[str, Json] | list[Json] | str | int | float | bool | None"
T = TypeVar("T")


class Misread(Enum):
    """The third result of a reader, in addition to the value and ``None`` for an absent or null field."""

    NOT_UNDERSTOOD = "present, in an unexpected form"


NOT_UNDERSTOOD: Final = Misread.NOT_UNDERSTOOD

_WHOLE = re.compile(r"\s*-?[0-9]+\s*")


DEEPEST: Final = 250
"""Levels of nesting that are read; deeper values become null. orjson itself reads 1,024 levels and writes 254."""

_MOST_DIGITS: Final = 300
"""Most digits of a whole number; a longer one is neither a figure nor an id, and becomes null."""


@dataclass(frozen=True, slots=True)
class Decoded:
    """A body that is JSON. If a key occurs twice in an object, its last value counts."""

    value: Json
    repaired: bool
    """The bytes were not valid JSON, or nested too deeply; the value is the nearest valid one."""


@dataclass(frozen=True, slots=True)
class Undecodable:
    """A body that no reader accepts as JSON."""

    reason: str


def decode(body: bytes) -> Decoded | Undecodable:
    """Decode a body as JSON; never raises. Whole numbers past 64 bits become floats: see `decode_exactly`."""
    try:
        return Decoded(orjson.loads(body), repaired=False)
    except ValueError as refused:
        return _repaired(body, str(refused))


def decode_exactly(body: bytes) -> Decoded | Undecodable:
    """Decode as `decode` does, with exact whole numbers and nothing deeper than `DEEPEST`; half as fast."""
    return _repaired(body, "not JSON")


def _repaired(body: bytes, refused_because: str) -> Decoded | Undecodable:
    try:
        loose = _read(_shallow(body.decode("utf-8-sig", errors="replace")))
        sound = json.dumps(loose, ensure_ascii=False).encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        return Decoded(_read(sound), repaired=True)
    except (ValueError, RecursionError):
        return Undecodable(refused_because)


def _read(text: str) -> Json:
    read: Json = json.loads(text, strict=False, parse_float=_finite, parse_int=_whole, parse_constant=lambda _: None)
    return read


def _finite(text: str) -> float | None:
    number = float(text)
    return number if math.isfinite(number) else None


def _whole(text: str) -> int | None:
    return int(text) if len(text) <= _MOST_DIGITS else None


def _shallow(text: str) -> str:
    """Replace each value deeper than `DEEPEST` by null, in linear time."""
    depth, kept_to, pieces = 0, 0, list[str]()
    for token in _BRACKET.finditer(text):
        bracket = text[token.start()]
        if bracket in "[{":
            depth += 1
            if depth == DEEPEST + 1:
                pieces.append(text[kept_to : token.start()])
        elif bracket in "]}":
            if depth == DEEPEST + 1:
                pieces.append("null")
                kept_to = token.end()
            depth -= 1
    return "".join([*pieces, text[kept_to:]])


_BRACKET: Final = re.compile(r'"(?:[^"\\]|\\.)*+"?|[\[\]{}]', re.DOTALL)
"""A bracket, or a whole string: brackets inside it are text."""


def at(document: Json, path: str | None) -> Json:
    """Return the value at a dotted path of object keys, or ``None`` if a step is missing or no path is given.

    An empty path is the whole document.
    """
    if not path:
        return document if path == "" else None
    value = document
    for key in _steps(path):
        if not isinstance(value, dict):
            return None
        value = value.get(key)
    return value


@lru_cache(maxsize=1_024)
def _steps(path: str) -> tuple[str, ...]:
    return tuple(path.split("."))


def understood(value: T | Misread | None) -> T | None:
    """Return the value, or ``None`` if it is absent or not understood."""
    return None if isinstance(value, Misread) else value


def integer_of(value: Json) -> int | Misread | None:
    """Return a whole number of 64 bits, sent as a number or as text; a larger one is not understood."""
    match value:
        case None:
            return None
        case bool():
            return NOT_UNDERSTOOD
        case int():
            number = value
        case float() if value.is_integer():
            number = int(value)
        case str() if len(value) <= 32 and _WHOLE.fullmatch(value):
            number = int(value)
        case _:
            return NOT_UNDERSTOOD
    return number if abs(number) < 2**63 else NOT_UNDERSTOOD


def count_of(value: Json) -> int | Misread | None:
    """Return a whole number of 0 or more; a negative one is not understood."""
    number = integer_of(value)
    return NOT_UNDERSTOOD if isinstance(number, int) and number < 0 else number


def flag_of(value: Json) -> bool | Misread | None:
    """Return a bool, sent as such, as 1 or 0, or as the text of either in any case."""
    match value.strip().lower() if isinstance(value, str) else value:
        case None:
            return None
        case True | 1 | "true" | "1":
            return True
        case False | 0 | "false" | "0":
            return False
        case _:
            return NOT_UNDERSTOOD


def cursor_of(value: Json) -> str | Misread | None:
    """Return a cursor as text; a whole number may also be sent as a float."""
    return text_of(int(value) if isinstance(value, float) and value.is_integer() else value)


def text_of(value: Json) -> str | Misread | None:
    """Return an id or a cursor as text, sent as text or as a whole number; empty text counts as absent."""
    if value is None or value == "":
        return None
    return str(value) if isinstance(value, (str, int)) and not isinstance(value, bool) else NOT_UNDERSTOOD
