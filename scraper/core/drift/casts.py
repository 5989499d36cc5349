"""Verdicts on the casts of a SELECT's structure: DuckDB casts, this module compares the results.

DuckDB's rules are not repeated here, except for types that lose no value of a JSON type (`verdict_of_type`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import Final, TypeAlias

from scraper.core.bodies import Json

Typed: TypeAlias = Callable[[str, Sequence[bytes]], Sequence[object]]
"""Returns the values of a column of a type (DuckDB's name) for JSON values given as text; ``None`` for null."""


class Verdict(StrEnum):
    """The difference between a JSON value and the column's value."""

    FITS = "fits"
    TYPE = "type"
    """Another JSON type, but the same value."""
    COERCED = "coerced"
    """The column contains another value."""
    UNFIT = "unfit"
    """The column contains null."""


_REAL: Final = {"DOUBLE", "FLOAT"}
_BOOLEAN: Final = {"BOOLEAN", "BOOL"}
_TEXT: Final = {"VARCHAR", "TEXT", "STRING"}

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
    """Return the JSON type; a fraction, an exponent or more than 64 bits make it ``number`` instead of ``integer``."""
    if type(value) is int and not -(2**63) <= value < 2**64:
        return "number"
    return _JSON_TYPES[type(value)]


def verdict_of_type(met: type, type_name: str) -> Verdict | None:
    """Return the verdict on all values of one JSON type; ``None`` if DuckDB has to cast each."""
    if type_name == "JSON":
        return Verdict.FITS
    if type_name in _TEXT:
        return Verdict.FITS if met is str else Verdict.TYPE
    if (met is bool and type_name in _BOOLEAN) or (met is float and type_name in _REAL):
        return Verdict.FITS
    return None


def verdict(value: Json, held: object) -> Verdict:
    """Return the verdict on a value that is not null, by the value that the column has for it."""
    if held is None:
        return Verdict.UNFIT
    if isinstance(held, str):
        return Verdict.FITS if isinstance(value, str) else Verdict.TYPE
    match value:
        case bool():
            return Verdict.FITS if held is value else Verdict.COERCED
        case int() | float():
            if value != (float(held) if isinstance(held, Decimal) else held):
                return Verdict.COERCED
            rounded = isinstance(value, float) and isinstance(held, int)
            return Verdict.TYPE if rounded or isinstance(held, bool) else Verdict.FITS
        case str():
            return Verdict.FITS if not isinstance(held, int | float | Decimal) else _of_text(value, held)
        case _:
            return Verdict.FITS


def _of_text(text: str, held: float | Decimal) -> Verdict:
    """Return the verdict on text in a numeric or boolean column."""
    if str(held) == text:
        return Verdict.TYPE
    try:
        exact = isinstance(held, bool) or (float(text) if isinstance(held, float) else Decimal(text.strip())) == held
    except (ValueError, InvalidOperation):
        exact = False
    return Verdict.TYPE if exact else Verdict.COERCED
