"""Parameters of a query (``$country``), written into its text as string literals.

DuckDB's own binding holds the whole result in memory; a literal leaves the query streaming. DuckDB's parser says where
parameters stand, so that a ``$`` in a string or a comment is none. A string literal takes the type that it is compared
with, as in any SQL: ``rank <= $most``, ``$day::DATE``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from contextlib import closing
from operator import itemgetter
from typing import Final

import duckdb

from scraper.core.errors import UsageError
from scraper.core.nearest import nearest
from scraper.core.tables import bare_sql
from scraper.io.query.files import quoted
from scraper.io.query.syntax_tree import nodes_of, syntax_tree

EXPLAIN: Final = re.compile(r"EXPLAIN (?:ANALYZE |\( ?(?:FORMAT|ANALYZE)\b[^()]*\) ?)?", re.IGNORECASE)


def bound(sql: str, parameters: Mapping[str, str]) -> str:
    """Return the query with its parameters; names are compared without case, as DuckDB does.

    Raises UsageError for one without a value and a value without one. A query that DuckDB cannot parse is returned as
    it is: running it reports the error.
    """
    if not parameters and "$" not in sql and "?" not in sql:
        return sql
    if explain := EXPLAIN.match(bare := bare_sql(sql)):
        return explain.group() + bound(bare[explain.end() :], parameters)
    places = _places(sql)
    if places is None:
        return sql
    values = {name.lower(): value for name, value in parameters.items()}
    _require_all(places.values(), values)
    text = sql.encode()
    for (begin, end), name in sorted(places.items(), reverse=True):
        text = text[:begin] + quoted(values[name.lower()]).encode() + text[end:]
    return text.decode()


def _places(sql: str) -> dict[tuple[int, int], str] | None:
    """Return the bytes of each parameter and its name, in order; ``None`` where the text is not one SELECT."""
    with closing(duckdb.connect()) as connection:
        try:
            tree = syntax_tree(connection, sql)
        except (duckdb.Error, UnicodeEncodeError):
            return None
    if tree["error"]:
        return None
    return {
        (begin, begin + node["query_location_length"]): node["identifier"]
        for node in sorted(
            (node for node in nodes_of(tree) if node.get("class") == "PARAMETER"), key=itemgetter("query_location")
        )
        for begin in [node["query_location"]]
    }


def _require_all(named: Iterable[str], values: Mapping[str, str]) -> None:
    names = {name.lower(): name for name in named}
    if numbered := [name for name in names.values() if name.isdecimal()]:
        raise UsageError(
            f"the query has {len(numbered)} parameters without a name (? or $1): write $name, and give --param name=…"
        )
    if missing := [name for key, name in names.items() if key not in values]:
        raise UsageError(
            f"the query needs a value for {', '.join(f'${name}' for name in missing)}: give "
            f"{' '.join(f'--param {name}=…' for name in missing)}"
        )
    if unused := [name for name in values if name not in names]:
        has = f"it has {', '.join(f'${name}' for name in names.values())}" if names else "it has none"
        raise UsageError(f"the query has no parameter ${unused[0]}{nearest(unused[0], names.values())}; {has}.")
