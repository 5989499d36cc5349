"""The first SELECT of a table, from the records of an example answer."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from scraper.core.bodies import Json
from scraper.core.tables import COMMON_COLUMNS

Shape: TypeAlias = "str | dict[str, Shape] | list[Shape] | None"
"""A DuckDB type, the fields of a struct, a list of one, or ``None`` if unknown."""

DEEPEST: Final = 6
MOST_COLUMNS: Final = 150
MOST_FIELDS: Final = 400
MOST_VALUES: Final = 100_000
"""Values of an example that are inspected for the types of its fields."""
LONGEST_NAME: Final = 60
_TAKEN: Final = frozenset({*(column.name for column in COMMON_COLUMNS), "records", "parameters", "parent_id", "record"})
_RESERVED: Final = frozenset(
    """
    all analyse analyze and any array as asc asymmetric both case cast check collate column constraint create default
    desc describe distinct do else end except false fetch for foreign from group having in initially intersect into
    lambda lateral leading limit not null offset on only or order pivot pivot_longer pivot_wider placing primary qualify
    references returning select show some summarize symmetric table then to trailing true union unique unpivot using
    variadic when where window with
    """.split()  # noqa: SIM905 - as duckdb_keywords() of DuckDB 2.0 lists them, on 2026-11-29
)


@dataclass(frozen=True, slots=True)
class DraftedColumn:
    """A column of a drafted table."""

    key: str
    """The record's field, or the dotted path of the id inside of one."""
    name: str
    shape: Shape
    meaning: str

    @property
    def read(self) -> str:
        """The column's expression."""
        return _read(self.key)


def shape_of(values: Iterable[Json | Mapping[str, Json]]) -> Shape:
    """Return the type of all values, or of as many as are inspected."""
    return _common(values, DEEPEST, [MOST_VALUES])


def _common(values: Iterable[Json | Mapping[str, Json]], levels: int, left: list[int]) -> Shape:
    """`left`: values that may still be inspected; YAML may repeat one list a million times."""
    shape: Shape = None
    for value in values:
        if left[0] <= 0:
            break
        shape = _merged(shape, _shape(value, levels, left))
    return shape


def _shape(value: Json | Mapping[str, Json], levels: int, left: list[int]) -> Shape:
    left[0] -= 1
    match value:
        case None:
            return None
        case bool():
            return "BOOLEAN"
        case int():
            return "BIGINT" if -(2**63) <= value < 2**63 else "VARCHAR"
        case float():
            return "DOUBLE"
        case str():
            return "VARCHAR"
        case list():
            inner = _common(value, levels - 1, left) if levels > 1 else None
            return None if inner is None else [inner]
        case _:
            return _fields(value, levels, left) if levels > 1 else None


def _fields(value: Mapping[str, Json], levels: int, left: list[int]) -> Shape:
    """Return the fields of a struct; names that differ only in case are one in DuckDB, and the first is kept."""
    found: dict[str, Shape] = {}
    lower: set[str] = set()
    for key, each in list(value.items())[:MOST_FIELDS]:
        if left[0] <= 0 or not _is_usable(key) or key.lower() in lower:
            continue
        if (shape := _shape(each, levels - 1, left)) is not None:
            found[key] = shape
            lower.add(key.lower())
    return found or None


def _is_usable(key: str) -> bool:
    return bool(key) and key.isprintable() and len(key) <= 100 and "." not in key and not set(key) & set("\"'\\")


def _merged(one: Shape, other: Shape) -> Shape:
    match one, other:
        case None, _:
            return other
        case _, None:
            return one
        case dict(), dict():
            keys = {key.lower(): key for key in (*other, *one)}
            return {key: _merged(one.get(key), other.get(key)) for key in keys.values()}
        case list(), list():
            return [_merged(one[0], other[0])]
        case str(), str():
            return one if one == other else "DOUBLE" if {one, other} == {"BIGINT", "DOUBLE"} else "VARCHAR"
        case _:
            return "VARCHAR"


def columns_of(shape: Mapping[str, Shape], id_path: str, meanings: Mapping[str, str]) -> list[DraftedColumn]:
    """Return the columns of records, the id first; ids are text, whatever an example shows."""
    keys = [id_path, *(key for key in shape if key != id_path)][:MOST_COLUMNS]
    columns: list[DraftedColumn] = []
    taken = set(_TAKEN)
    for key in keys:
        name = _column_name(key.rpartition(".")[2] if key == id_path else key, taken)
        taken.add(name)
        meaning = meanings.get(key) or "as the vendor sends it"
        columns.append(DraftedColumn(key, name, "VARCHAR" if key == id_path else _id_as_text(key, shape[key]), meaning))
    return columns


def with_id_as_text(shape: Mapping[str, Shape], path: str) -> dict[str, Shape] | None:
    """Return the shape with the field at a dotted path as text; ``None`` if it has none there."""
    key, _, rest = path.partition(".")
    inner = shape.get(key)
    if not rest:
        return {**shape, key: "VARCHAR"} if isinstance(inner, str) else None
    changed = with_id_as_text(inner, rest) if isinstance(inner, dict) else None
    return None if changed is None else {**shape, key: changed}


def _id_as_text(key: str, shape: Shape) -> Shape:
    return "VARCHAR" if shape == "BIGINT" and re.search(r"(?:^id|_id|Id|ID)$", key) else shape


def _column_name(key: str, taken: set[str]) -> str:
    name = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", key)
    name = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")[:LONGEST_NAME] or "field"
    if name[0].isdigit() or name in taken or name in _RESERVED:
        name = f"record_{name}"
    numbered, number = name, 1
    while numbered in taken:
        number += 1
        numbered = f"{name}_{number}"
    return numbered


def select_of(
    title: str,
    shape: Mapping[str, Shape],
    columns: Sequence[DraftedColumn],
    as_integer: Sequence[str],
    left_out: int,
) -> str:
    """Return the text of a table's file. `as_integer`: fields that come as numbers and are read as text."""
    identifier = columns[0]
    root = identifier.key.partition(".")[0]
    structure = {root: shape[root]} | {column.key: column.shape for column in columns if column.key in shape}
    listed = ",\n    ".join(f"{_json(key)}: {_json(each)}" for key, each in structure.items())
    known = [f"  -- known as integer: {', '.join(as_integer)}"] if as_integer else []
    more = [f"  -- {left_out:,} more fields of the example are not read"] if left_out else []
    lines = [
        f"-- {title}",
        "-- Drafted from an example: correct types and meanings; `scraper drift` shows what is not read.",
        "WITH listed AS (",
        *known,
        *more,
        "  SELECT *, from_json(records, '[{",
        f"    {listed.replace(chr(39), chr(39) * 2)}",
        "  }]') AS list",
        "  FROM pages",
        "),",
        "places AS (",
        "  SELECT * EXCLUDE (list, records), unnest(list) AS record, generate_subscripts(list, 1) AS position",
        "  FROM listed",
        ")",
        "SELECT",
        "  endpoint, run_id, walk_id, request_key, snapshot_at, observed_at, country, period_days, page, position,",
        *(f"  {column.read} AS {column.name}, -- {column.meaning}" for column in columns),
        "FROM places",
        f"WHERE nullif({identifier.read}, '') IS NOT NULL",
    ]
    return "\n".join(lines) + "\n"


def _json(shape: Shape) -> str:
    return json.dumps(shape, ensure_ascii=False)


def _read(path: str) -> str:
    keys = path.split(".")
    plain = all(re.fullmatch(r"[a-z_][a-z0-9_]*", key) and key not in _RESERVED for key in keys)
    return ".".join(["record", *(key if plain else f'"{key}"' for key in keys)])


def integers_read_as_text(columns: Sequence[DraftedColumn], records: Sequence[Mapping[str, Json]]) -> list[str]:
    """Return the fields that an example shows as numbers and that are read as text."""
    text = [column.key for column in columns if column.shape == "VARCHAR"]
    numbers = (key for key in text if any(type(record.get(key)) is int for record in records))
    return [key for key in numbers if re.fullmatch(r"[A-Za-z0-9_]+", key)]


def meanings_of(described: Iterator[tuple[str, str]]) -> dict[str, str]:
    """Return field → its description, short enough for a comment."""
    return {key: f"{text[:117]}…" if len(text) > 118 else text for key, text in described if text}
