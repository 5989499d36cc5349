"""Rows of a query or of a list, and their values as text: exact in JSON, flat in CSV."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, Protocol, TypeAlias

import orjson

from scraper.core.units import iso_utc

Tuples: TypeAlias = Iterable[Sequence[Any]]


class Reader(Protocol):
    """The part of `pyarrow.RecordBatchReader` that is used: nothing here imports pyarrow."""

    @property
    def schema(self) -> Any: ...  # noqa: ANN401 - pyarrow has no types

    def __iter__(self) -> Iterator[Any]: ...


@dataclass(frozen=True, slots=True)
class Rows:
    """Columns and values, read once. Column names are unique, since a JSON object needs that."""

    columns: tuple[str, ...]
    tuples: Tuples
    prose: str | None = None
    """Name of the last column, if it contains sentences: they are wrapped, not cut."""


def rows_of_reader(reader: Reader) -> Rows:
    """Return the rows of a query, read batch by batch; errors of the reader pass through."""
    return Rows(_unique(reader.schema.names), _tuples(reader))


def rows_of_objects(
    objects: Sequence[Mapping[str, Any]], columns: Sequence[str] | None = None, prose: str | None = None
) -> Rows:
    """Return the rows of a list: columns as stated, else keys in the order of first appearance."""
    names = tuple(columns or dict.fromkeys(key for row in objects for key in row))
    return Rows(names, ([row.get(name) for name in names] for row in objects), prose)


def picked(value: object, *names: str) -> dict[str, Any]:
    """Return these attributes of a value by name."""
    return {name: getattr(value, name) for name in names}


def _tuples(reader: Reader) -> Iterator[Sequence[Any]]:
    for batch in reader:
        yield from zip(*(_values(column) for column in batch.columns), strict=True)


def _values(column: Any) -> list[Any]:  # noqa: ANN401
    """Return maps as dicts; a value that Python lacks (an infinite date) becomes pyarrow's text."""
    values: list[Any]
    try:
        values = column.to_pylist(maps_as_pydicts="lossy")
    except (OverflowError, ValueError):
        values = column.cast("string").to_pylist()
    return values


def _unique(names: Sequence[str]) -> tuple[str, ...]:
    """``a, a, a`` → ``a, a_1, a_2``, as DuckDB names them in a subquery."""
    unique: dict[str, None] = {}
    for name in names:
        candidate, number = name, 0
        while candidate in unique or (number and candidate in names):
            number += 1
            candidate = f"{name}_{number}"
        unique[candidate] = None
    return tuple(unique)


_OBEYED = re.compile("[\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
"""Control characters that JSON writers leave unescaped; in JSON they occur in strings only."""

_NOT_ASCII = re.compile("[^\x00-\x7e]")  # a range up to the last character takes 3 ms to compile
_SURROGATE = re.compile("[\ud800-\udfff]")
_JSON_INTEGERS = range(-(2**63), 2**64)
"""Integers within the range of orjson."""


def json_text(value: Any, indent: bool = False, ascii: bool = False) -> str:  # noqa: ANN401 - anything that a row may hold
    """Return JSON with exact figures: whole numbers of any size, decimals by their digits, instants in UTC, NaN as
    null.

    It is escaped to be safe on a terminal (`ascii`: in any encoding), and reads back the same.
    """
    options = orjson.OPT_NON_STR_KEYS | (orjson.OPT_INDENT_2 if indent else 0)
    text = orjson.dumps(_plain(value), option=options).decode()
    return (_NOT_ASCII if ascii else _OBEYED).sub(_escaped, text)


def _escaped(met: re.Match[str]) -> str:
    """``\\u00e9``; two of them for a character past U+FFFF."""
    units = met[0].encode("utf-16-be").hex()
    return "".join(f"\\u{units[place : place + 4]}" for place in range(0, len(units), 4))


def value_text(value: Any) -> str:  # noqa: ANN401
    """Return a value for CSV: empty for None, nested values as JSON."""
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case str():
            return sound(value)
        case Decimal():
            return _digits(value)
        case int() | float():
            return str(value)
        case Mapping() | list():
            return json_text(value)
        case _:
            return _scalar(value)


def _plain(value: Any) -> Any:  # noqa: ANN401
    """Return the value in types that orjson writes exactly."""
    match value:
        case None | bool() | float():
            return value
        case str():
            return sound(value)
        case int():
            return value if value in _JSON_INTEGERS else orjson.Fragment(str(value))
        case Decimal():
            return orjson.Fragment(_digits(value)) if value.is_finite() else None
        case Mapping():
            return {sound(key) if isinstance(key, str) else value_text(key): _plain(v) for key, v in value.items()}
        case list() | tuple() if not hasattr(value, "nanoseconds"):
            return [_plain(element) for element in value]
        case _:
            return _scalar(value)


def _scalar(value: Any) -> str:  # noqa: ANN401
    """Return values without a JSON type as text."""
    match value:
        case datetime():
            return iso_utc(value if value.tzinfo else value.replace(tzinfo=UTC))
        case date() | time():
            return value.isoformat()
        case bytes():
            return value.decode(errors="replace")
        case tuple():  # an interval: pyarrow's MonthDayNano
            return _interval(value.months, value.days, value.nanoseconds)  # type: ignore[attr-defined]
        case timedelta():
            return _interval(0, value.days, (value - timedelta(days=value.days)) // timedelta(microseconds=1) * 1000)
        case _:
            return sound(str(value))


def sound(text: str) -> str:
    """Join surrogate pairs and replace lone surrogates, which no stream can write, by �."""
    if text.isascii() or not _SURROGATE.search(text):
        return text
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _digits(value: Decimal) -> str:
    """Return whole numbers without a decimal point: DuckDB's sum of BIGINT is a decimal."""
    if value.is_finite() and value == int(value):
        return str(int(value))
    return f"{value:f}"


def _interval(months: int, days: int, nanoseconds: int) -> str:
    """Return an INTERVAL in DuckDB's form: ``14 months 3 days 04:05:06.5``."""
    sign, rest = ("-" if nanoseconds < 0 else ""), abs(nanoseconds)
    seconds, fraction = divmod(rest, 10**9)
    clock = f"{sign}{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"
    if fraction:
        clock += f".{fraction:09}".rstrip("0")
    calendar = ((months, "month"), (days, "day"))
    parts = [f"{number} {unit}{'' if number == 1 else 's'}" for number, unit in calendar if number]
    return " ".join([*parts, clock] if nanoseconds or not parts else parts)


def is_number(value: Any) -> bool:  # noqa: ANN401
    """Return True for a finite number."""
    if isinstance(value, float):
        return math.isfinite(value)
    return isinstance(value, (int, Decimal)) and not isinstance(value, bool)
