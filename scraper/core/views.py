"""Views over the archive's tables, as an SQL file declares them.

The file contains ``CREATE VIEW name AS …;`` and ``CREATE MACRO name(…) AS TABLE …;``. The comment lines right above a
statement are its description; ``… AS name, -- meaning`` at the end of a line is the meaning of column ``name``, and a
column without one has the meaning of the first relation that the statement reads.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from scraper.core.coverage import RUN_TABLES, run_table_meanings
from scraper.core.tables import (
    COMMON_MEANINGS,
    PAGES_COLUMNS,
    PAGES_TABLE,
    PATH_COLUMNS,
    TableSelect,
    bare_sql,
    column_meanings,
)

_STATEMENT = re.compile(r"((?:--[^\n]*\n)*)\s*(CREATE (VIEW|MACRO) (\w+)(\([^)]*\))?.*?);[ \t]*(?=\n|\Z)", re.DOTALL)

_READ = re.compile(r"\b(?:FROM|JOIN)\s+(\w+)\b")


@dataclass(frozen=True, slots=True)
class View:
    """A view, or a table macro."""

    name: str
    arguments: str
    """``(ts)`` of a macro; empty for a view."""
    sql: str
    """Its whole CREATE statement, without comments."""
    description: str
    columns: Mapping[str, str]
    """Column → meaning, if the file has one."""

    @property
    def reads(self) -> tuple[str, ...]:
        return tuple(_READ.findall(self.sql))


def read_views(text: str) -> tuple[View, ...]:
    """Return the views of a file in order: later ones may read earlier ones. ValueError for any other statement."""
    views = []
    for head, statement, _, name, arguments in _STATEMENT.findall(text):
        description = " ".join(line.lstrip("-").strip() for line in head.splitlines())
        views.append(View(name, arguments, bare_sql(statement), description, column_meanings(statement)))
    if left := bare_sql(_STATEMENT.sub("", text)):
        raise ValueError(f"only CREATE VIEW … ; and CREATE MACRO … AS TABLE … ; are allowed here, not: {left[:80]}")
    return tuple(views)


def meanings(tables: Sequence[TableSelect], views: Sequence[View]) -> Mapping[str, Mapping[str, str]]:
    """Return relation → column → meaning, of every relation of an archive, tables first."""
    known: dict[str, Mapping[str, str]] = {table.name: {**COMMON_MEANINGS, **table.columns} for table in tables}
    known[PAGES_TABLE] = {column.name: column.meaning for column in (*PATH_COLUMNS, *PAGES_COLUMNS)}
    known |= {name: run_table_meanings(name) for name in RUN_TABLES}
    for view in views:
        inherited: dict[str, str] = {}
        for relation in view.reads:
            inherited = {**known.get(relation, {}), **inherited}
        known[view.name] = {**inherited, **view.columns}
    return known
