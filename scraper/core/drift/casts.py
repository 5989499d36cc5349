"""What becomes of a JSON value in a column: whether DuckDB's `from_json` keeps it, changes it, or makes null of it.

Observed on DuckDB 2.0, and held against it by tests/io/test_drift.py.
"""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Final

from scraper.core.bodies import Json


class Verdict(StrEnum):
    """What a column makes of a value."""

    FITS = "fits"
    TYPE = "type"
    """Another JSON type, and yet the same value."""
    COERCED = "coerced"
    """The column holds another value."""
    UNFIT = "unfit"
    """The column holds null."""


_BITS: Final = {"TINYINT": 7, "SMALLINT": 15, "INTEGER": 31, "BIGINT": 63, "HUGEINT": 127}
_UNSIGNED_BITS: Final = {"UTINYINT": 8, "USMALLINT": 16, "UINTEGER": 32, "UBIGINT": 64, "UHUGEINT": 128}
_WHOLE: Final = {name: (-(2**bits), 2**bits) for name, bits in _BITS.items()} | {
    name: (0, 2**bits) for name, bits in _UNSIGNED_BITS.items()
}
"""Type → its least value and the first that is too large."""
_REAL: Final = {"DOUBLE", "FLOAT"}
_TEXT: Final = {"VARCHAR", "TEXT", "STRING"}
_BOOLEAN: Final = {"BOOLEAN", "BOOL"}
_YES_OR_NO: Final = frozenset({"true", "false", "t", "f", "yes", "no", "y", "n", "1", "0"})

_INTEGER_TEXT: Final = re.compile(r"[+-]?[0-9]+")
_NUMBER_TEXT: Final = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_SHORT: Final = 18
"""Digits that fit any integer of 63 bits."""
_LONG: Final = 40
"""Digits that no integer type has."""

_JSON_TYPES: Final[dict[type, str]] = {
    dict: "object",
    list: "list",
    str: "string",
    bool: "boolean",
    int: "integer",
    float: "number",
    type(None): "null",
}


def json_type(value: Json) -> str:
    """In a word; what has a fraction, an exponent or more than 64 bits is a ``number``, not an ``integer``."""
    if type(value) is int and not -(2**63) <= value < 2**64:
        return "number"
    return _JSON_TYPES[type(value)]


def value_decides(met: type, type_name: str) -> bool:
    """Whether values of one JSON type fare differently in a column of this type."""
    if type_name in _WHOLE or type_name in _REAL:
        return met in {int, float, str}
    if type_name in _BOOLEAN:
        return met in {int, str}
    return False


def verdict(value: Json, type_name: str) -> Verdict:
    """What a column of this type makes of a value that is not null. Of types that are not told here: that it fits."""
    if type_name in _WHOLE:
        return _in_whole(value, *_WHOLE[type_name])
    if type_name in _REAL:
        return _in_real(value)
    if type_name in _BOOLEAN:
        return _in_boolean(value)
    return Verdict.FITS if type_name not in _TEXT or isinstance(value, str) else Verdict.TYPE


def _in_whole(value: Json, least: int, past: int) -> Verdict:
    match value:
        case bool():
            return Verdict.COERCED
        case int():
            return Verdict.FITS if least <= value < past else Verdict.UNFIT
        case float():
            return _rounded(value, least, past)
        case str():
            text = value.strip()
            if len(text) <= _SHORT and text.isascii() and text.isdigit() and past >= 2**63:
                return Verdict.TYPE
            if _INTEGER_TEXT.fullmatch(text):
                fits = len(text.lstrip("+-0")) <= _LONG and least <= int(text) < past
                return Verdict.TYPE if fits else Verdict.UNFIT
            return _rounded(float(text), least, past) if _NUMBER_TEXT.fullmatch(text) else Verdict.UNFIT
        case _:
            return Verdict.UNFIT


def _rounded(number: float, least: int, past: int) -> Verdict:
    if not least <= number < past:
        return Verdict.UNFIT
    return Verdict.TYPE if number.is_integer() else Verdict.COERCED


def _in_real(value: Json) -> Verdict:
    match value:
        case bool():
            return Verdict.COERCED
        case float():
            return Verdict.FITS
        case int():
            return Verdict.FITS if int(float(value)) == value else Verdict.COERCED
        case str():
            return Verdict.TYPE if _NUMBER_TEXT.fullmatch(value.strip()) else Verdict.UNFIT
        case _:
            return Verdict.UNFIT


def _in_boolean(value: Json) -> Verdict:
    match value:
        case bool():
            return Verdict.FITS
        case int() if value in {0, 1}:
            return Verdict.TYPE
        case int():
            return Verdict.COERCED if -(2**63) <= value < 2**64 else Verdict.UNFIT
        case float():
            return Verdict.COERCED
        case str():
            return Verdict.TYPE if value.lower() in _YES_OR_NO else Verdict.UNFIT
        case _:
            return Verdict.UNFIT
