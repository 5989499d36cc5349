"""One decoder for every body, so that classify, frontier and the tables' SELECTs see the same text.

orjson reads what is sound JSON, and DuckDB reads that text as it came. What orjson refuses (a lone surrogate, a control
character, broken UTF-8, a BOM, NaN) goes through the standard library's forgiving reader and comes out as sound text.
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from typing import TypeAlias

import orjson

Json: TypeAlias = "dict[str, Json] | list[Json] | str | int | float | bool | None"

_WHOLE = re.compile(r"\s*-?[0-9]+\s*")


@dataclass(frozen=True, slots=True)
class Decoded:
    """A body that is JSON."""

    value: Json
    text: str
    """Sound JSON, in Unicode: what SQL reads."""
    repaired: bool
    """The bytes were not sound JSON; text and value are the nearest that is."""


@dataclass(frozen=True, slots=True)
class Undecodable:
    """A body that no reader accepts as JSON."""

    reason: str


def decode(body: bytes) -> Decoded | Undecodable:
    """Reads a body as JSON; never raises."""
    try:
        return Decoded(orjson.loads(body), body.decode(), repaired=False)
    except ValueError as strict:  # orjson.JSONDecodeError and UnicodeDecodeError are both ValueErrors
        refused_because = str(strict)
    try:
        text = body.decode("utf-8-sig", errors="replace")
        loose: Json = json.loads(text, strict=False, parse_float=_finite, parse_constant=lambda _: None)
        sound = json.dumps(loose, ensure_ascii=False).encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        return Decoded(orjson.loads(sound), sound, repaired=True)
    except (ValueError, RecursionError):
        return Undecodable(refused_because)


def _finite(text: str) -> float | None:
    number = float(text)
    return number if math.isfinite(number) else None


def at(document: Json, path: str) -> Json:
    """The value at a dotted path of object keys, or ``None`` where any step is missing."""
    value = document
    for key in path.split("."):
        if not isinstance(value, dict):
            return None
        value = value.get(key)
    return value


def integer_of(value: Json) -> int | None:
    """A whole number of 64 bits, as a number or as text; what is larger is no figure of a page, a rank or a view."""
    match value:
        case bool():
            return None
        case int():
            number = value
        case float() if value.is_integer():
            number = int(value)
        case str() if len(value) <= 32 and _WHOLE.fullmatch(value):
            number = int(value)
        case _:
            return None
    return number if abs(number) < 2**63 else None


def flag_of(value: Json) -> bool | None:
    """A yes or no as vendors write it: a bool, 1 or 0, or either as text."""
    match value:
        case True | 1 | "true" | "1":
            return True
        case False | 0 | "false" | "0":
            return False
        case _:
            return None


def text_of(value: Json) -> str | None:
    """An id or a cursor as text: vendors send either as a number too."""
    if isinstance(value, bool) or value is None or value == "":
        return None
    return str(value) if isinstance(value, (str, int)) else None
