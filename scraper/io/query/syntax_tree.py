"""The syntax tree of a SELECT as DuckDB parses it, and the relations that it names."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

import duckdb

_PLAIN_FUNCTIONS: Final = frozenset({"range", "generate_series", "unnest"})
"""Table functions that read no relation. Any other may read all of them, as duckdb_views() does."""


def syntax_tree(connection: duckdb.DuckDBPyConnection, sql: str) -> Mapping[str, Any]:
    """Return DuckDB's serialised tree; its ``error`` is true where this is no SELECT."""
    serialised = connection.execute("SELECT json_serialize_sql(?)", [sql]).fetchall()[0][0]
    tree: Mapping[str, Any] = json.loads(serialised)
    return tree


def nodes_of(tree: object) -> Iterator[Mapping[str, Any]]:
    """Yield every object of a tree."""
    waiting: list[object] = [tree]
    while waiting:
        match waiting.pop():
            case dict() as node:
                yield node
                waiting.extend(node.values())
            case list() as nodes:
                waiting.extend(nodes)


def relations_named(tree: Mapping[str, Any], known: frozenset[str]) -> frozenset[str]:
    """Return the known relations that a SELECT can read, in lower case as they are given: all where that is unclear.

    Unclear are a list of the relations, as of SHOW TABLES or information_schema, and a name that is not known: then
    DuckDB names the nearest one.
    """
    if tree["error"]:
        return known
    named: set[str] = set()
    defined: set[str] = set()
    for node in nodes_of(tree):
        match node:
            case {"type": "BASE_TABLE", "table_name": str(name)}:
                named.add(name.lower())
            case {"type": "TABLE_FUNCTION", "function": {"function_name": str(name)}}:
                named.add(name.lower())
            case {"type": "SHOW_REF", "table_name": str(listed)} if listed:
                return known
            case {"cte_map": {"map": list(ctes)}}:
                defined.update(cte["key"].lower() for cte in ctes)
    return known & named if named <= known | defined | _PLAIN_FUNCTIONS else known
