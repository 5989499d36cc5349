"""Values that survive a SELECT's casts and become null in its own expressions, as a time out of bounds does.

The columns of a value are found by running the SELECT over made-up records, once a table and process: a column
that is null as soon as a value is missing has no other source. A value is lost where all such columns are null, and is
looked for only where one of the tried values is lost that way. Empty text is no value: `nullif(x, '')` loses nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

import orjson
import pyarrow as pa
import pyarrow.compute as pc

from scraper.core.bodies import Json
from scraper.core.drift.casts import Typed, json_type
from scraper.core.drift.expected import COLUMN, Elements, Fields, Leaf, Structure, joined
from scraper.core.drift.findings import DriftKind
from scraper.core.drift.observe import Watch, as_json
from scraper.io.archive.survey import ReadPage, mark

Steps: TypeAlias = tuple[str, ...]
"""The path to a value through keys and, as `ELEMENTS`, lists."""
ELEMENTS: Final = "[]"

_WHOLE: Final = (1_700_000_000, 1_700_000_000_000, 17, -1, 2**62)
_REAL: Final = (0.5, 1.7e12, 17.0, -1.0, 1e18)
_TEXT: Final = ("https://a.example/b?x-expires=1700000000", "2026-01-31", "2026-01-31T02:15:00Z", "x", "17")
_ROUNDS: Final = range(len(_WHOLE))
"""Times in seconds and milliseconds, dates, small, negative and huge numbers, and none of these."""


@dataclass(frozen=True, slots=True)
class Fragile:
    """A value that the SELECT may turn into null."""

    value: Steps
    type: str
    """DuckDB's type that it is read as."""
    columns: tuple[Steps, ...]
    """The columns that it alone fills."""

    @property
    def path(self) -> str:
        """Its path, as drift reports it."""
        path = ""
        for step in self.value:
            path = path + ELEMENTS if step == ELEMENTS else joined(path, step)
        return path


_PLACE: Final = ("endpoint", "request_key", "position")

Plain: TypeAlias = Callable[[pa.Table], Iterable[Mapping[str, object]]]
"""Turns rows into JSON objects."""
Tried: TypeAlias = Callable[[Sequence[Json]], Sequence[Mapping[str, object] | None]]
"""Returns the row that a SELECT makes of each record; ``None`` where it makes none, or fails."""


def fragile_values(structure: Structure, tried: Tried) -> tuple[Fragile, ...]:
    """Return the values of a structure that the SELECT may turn into null."""
    made = [_made(structure, turn) for turn in _ROUNDS]
    rows = tried(made)
    whole = [_filled(row) for row in rows]
    shaky = frozenset[Steps]().union(*whole) - frozenset(whole[0]).intersection(*whole)
    bases = {next(turn for turn in _ROUNDS if column in whole[turn]) for column in shaky}
    leaves = dict(_leaves(structure))
    sources: dict[Steps, set[Steps]] = {}
    for base in sorted(bases):
        without = tried([_without(made[base], leaf) for leaf in leaves])
        for leaf, row in zip(leaves, without, strict=True):
            if row is not None:
                sources.setdefault(leaf, set()).update(_missing(rows[base] or {}, row))
    return tuple(
        Fragile(leaf, leaves[leaf], tuple(sorted(columns)))
        for leaf, columns in sources.items()
        if columns and any(held and not columns & held for held in whole)
    )


def note_lost(
    batch: Sequence[ReadPage], rows: pa.Table, fragile: Sequence[Fragile], typed: Typed, plain: Plain, watch: Watch
) -> None:
    """Report to the watch the records that lost a value on their way into the table."""
    for one in fragile:
        if all(_has_nulls(rows, column) for column in one.columns):
            columns = {*_PLACE, *(column[0] for column in one.columns)}.intersection(rows.column_names)
            made: dict[object, list[Mapping[str, object]]] = {}
            for row in plain(rows.select(sorted(columns))):
                made.setdefault((row.get("endpoint"), row.get("request_key")), []).append(row)
            for read in batch:
                of_page = made.get((read.page.endpoint, read.page.request_key), ())
                for met, count in _lost(orjson.loads(read.records), of_page, one, typed).items():
                    detail = f"{met} for {COLUMN}{one.columns[0][0]}"
                    watch.note(mark(read.page), DriftKind.UNFIT, detail, count, one.path)


def _lost(
    records: Sequence[Json], rows: Sequence[Mapping[str, object]], one: Fragile, typed: Typed
) -> Mapping[str, int]:
    """Return JSON type → records of a page that have a value which no column has kept."""
    alike = one.value.count(ELEMENTS) == one.columns[0].count(ELEMENTS)
    there = [list(_values(_record(records, row), one.value)) for row in rows]
    held = iter(typed(one.type, [as_json(value) for values in there for value in values]))
    counts: Counter[str] = Counter()
    for row, values in zip(rows, there, strict=True):
        fit = sum(1 for _ in values if next(held) is not None)
        kept = max(sum(1 for _ in _values(row, column)) for column in one.columns)
        if kept < (fit if alike else min(fit, 1)):
            counts[json_type(values[0])] += 1
    return counts


def _record(records: Sequence[Json], row: Mapping[str, object]) -> Json:
    position = row.get("position")
    return records[position - 1] if isinstance(position, int) else None


def _has_nulls(rows: pa.Table, column: Steps) -> bool:
    values = rows[column[0]]
    for step in column[1:]:
        values = pc.list_flatten(values) if step == ELEMENTS else pc.struct_field(values, step)
    return bool(values.null_count)


def _values(value: object, steps: Steps) -> Iterator[Json]:
    """Yield the values at the end of a path that are neither null nor empty text."""
    for place, step in enumerate(steps):
        if step == ELEMENTS:
            for each in value if isinstance(value, list) else ():
                yield from _values(each, steps[place + 1 :])
            return
        value = value.get(step) if isinstance(value, dict) else None
    if value is not None and value != "":
        yield value  # type: ignore[misc]


def _made(structure: Structure, turn: int) -> Json:
    """Return a record with a value everywhere."""
    match structure:
        case Fields(fields):
            return {key: _made(each, turn) for key, each in fields.items()}
        case Elements(of):
            return [_made(of, turn)]
        case Leaf(type_name):
            return _made_up(type_name, turn)


def _without(record: Json, leaf: Steps) -> Json:
    """Return a record without the value at one path; all else is shared with the record."""
    match record:
        case _ if not leaf:
            return None
        case dict():
            return {**record, leaf[0]: _without(record[leaf[0]], leaf[1:])}
        case list():
            return [_without(each, leaf[1:]) for each in record]
        case _:
            return record


def _made_up(type_name: str, turn: int) -> Json:
    if type_name in {"DOUBLE", "FLOAT"} or type_name.startswith("DECIMAL"):
        return _REAL[turn]
    if type_name.startswith("BOOL"):
        return turn != 3
    return _WHOLE[turn] if type_name.endswith("INT") or type_name == "INTEGER" else _TEXT[turn]


def _leaves(structure: Structure, steps: Steps = ()) -> Iterator[tuple[Steps, str]]:
    match structure:
        case Fields(fields):
            for key, each in fields.items():
                yield from _leaves(each, (*steps, key))
        case Elements(of):
            yield from _leaves(of, (*steps, ELEMENTS))
        case Leaf(type_name):
            yield steps, type_name


def _missing(whole: Mapping[str, object], row: Mapping[str, object]) -> Iterator[Steps]:
    """Yield the paths to all values of a row that are null in another."""
    for name, value in whole.items():
        if (other := row.get(name)) != value:
            yield from _filled(value, (name,)) - _filled(other, (name,))


def _filled(value: object, steps: Steps = ()) -> frozenset[Steps]:
    """Return the paths to all values of a row that are not null."""
    match value:
        case None:
            return frozenset()
        case dict():
            return frozenset[Steps]().union(*(_filled(each, (*steps, key)) for key, each in value.items()))
        case list():
            return frozenset[Steps]().union(*(_filled(each, (*steps, ELEMENTS)) for each in value))
        case _:
            return frozenset({steps})
