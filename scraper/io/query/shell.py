"""The tables and views for DuckDB without this program: as a database file, and as SQL for any path."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import duckdb

from scraper.core.errors import ArchiveError
from scraper.io.query.files import PARTS, Files, damaged, pattern, quoted
from scraper.io.query.relations import (
    UTC,
    Described,
    create_relations,
    empty_selects,
    table_statements,
)

_STORAGE = "v1.2.0"
"""Storage version that older shells open too; the views' own SQL needs DuckDB 1.3."""

_HEAD = """\
-- Tables and views of an archive, for DuckDB 1.3 or later: duckdb -init views.sql
-- The archive has moved? Name its directory of tables in the next line; it may be relative to where DuckDB is started.
-- A table without files when this was written is empty for good: write it again with `scraper duckdb -o`.
"""


def write_database(path: Path, files: Files, described: Described) -> None:
    """Write a DuckDB database of views over absolute paths, without rows. `path` must not exist."""
    try:
        with duckdb.connect(str(path), config={"storage_compatibility_version": _STORAGE}) as connection:
            create_relations(connection, files, described)
    except duckdb.Error as fault:
        raise ArchiveError(damaged(files.root, fault)) from fault


def views_script(here: Files, described: Described) -> str:
    """Return the same views as SQL whose paths start with a variable: the archive's directory."""
    lines = [f"SET VARIABLE archive = {quoted(pattern(here.root))};", f"{UTC};"]
    anywhere = replace(here, sql=lambda name: f"getvariable('archive') || {quoted(f'/{name}/{PARTS}')}", hive=False)
    lines += table_statements(anywhere, empty_selects(here, described.tables))
    return _HEAD + "\n".join(_ended([*lines, *(view.sql for view in described.views)])) + "\n"


def _ended(statements: Sequence[str]) -> Iterator[str]:
    for statement in statements:
        yield statement if statement.endswith(";") else f"{statement};"
