"""The archive's tables: the columns that all share, and the SELECTs that define each.

A table is a file ``<name>.sql``: one SELECT over a relation named ``pages``, of the columns `SELECT_INPUT`, that gives
at most one row for each record and none for a record that lacks its key. Its comments are read as documentation:

- the comment lines at the head of the file are the table's description;
- ``… AS name, -- meaning`` at the end of a line is the meaning of column ``name``.

Columns of `COMMON_COLUMNS` need no comment of their own.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256


@dataclass(frozen=True, slots=True)
class Column:
    """A declared column; ``type`` is DuckDB's name for it."""

    name: str
    type: str
    meaning: str


PATH_COLUMNS = (
    Column("vendor", "VARCHAR", "the vendor that sold the answer; in the path only"),
    Column("date", "DATE", "UTC day of snapshot_at; in the path only"),
)
"""Columns of the path: with them inside the files as well, pyarrow and pandas refuse the directory."""

_WALK_COLUMNS = (
    Column("endpoint", "VARCHAR", "full name of the endpoint: crawlora.hashtags"),
    Column("run_id", "VARCHAR", "the run that bought the page"),
    Column("walk_id", "VARCHAR", "the walk that the page belongs to: one endpoint, one set of parameters"),
    Column("request_key", "VARCHAR", "the request that was paid: joins a row to its page"),
    Column("snapshot_at", "TIMESTAMP", "UTC, when the walk's first request was reserved: the same in all its rows"),
    Column("observed_at", "TIMESTAMP", "UTC, when this answer had been received"),
    Column("country", "VARCHAR", "the walk's country, upper case; the record's own if the walk has none"),
    Column("period_days", "BIGINT", "the window of the board in days; null where the endpoint has none"),
    Column("page", "BIGINT", "1-based place of the page in its walk"),
)
_POSITION = Column("position", "BIGINT", "1-based place of the record in its page")

COMMON_COLUMNS = (*PATH_COLUMNS, *_WALK_COLUMNS, _POSITION)
"""Names and types of the columns that every typed table starts with; `1::BIGINT AS position` for a single record."""

PAGES_TABLE = "pages"
PAGES_DESCRIPTION = "One paid answer, verbatim: every other table is made from these."
PAGES_COLUMNS = (
    *_WALK_COLUMNS,
    Column("parameters", "VARCHAR", "JSON object of the request's parameters"),
    Column("http_status", "BIGINT", "HTTP status of the answer"),
    Column("outcome", "VARCHAR", "the outcome when it was bought: ok, empty …; a rebuild decides each 2xx body again"),
    Column("error", "VARCHAR", "why the page cannot be read; null: it can"),
    Column("body", "BLOB", "the bytes, unmodified"),
)
"""Columns of the raw table's files, beside the path's."""

SELECT_INPUT = (
    PATH_COLUMNS[0],
    *_WALK_COLUMNS,
    Column("parameters", "VARCHAR", "JSON object of the request's parameters"),
    Column("parent_id", "VARCHAR", "value of the parameter that a parent crawl fills (a hashtag's id); else null"),
    Column("records", "VARCHAR", "JSON list of the page's records, at the path that the vendor file states"),
)
"""The relation ``pages`` that a table's SELECT reads. ``country`` is only the walk's here."""


@dataclass(frozen=True, slots=True)
class TableSelect:
    """A typed table: the SELECT that makes it, and the meanings of its columns."""

    name: str
    sql: str
    hash: str
    """Hash of the SQL without comments and spacing: a comment rebuilds nothing."""
    description: str
    columns: Mapping[str, str]
    """Column → meaning, in the file's order."""

    def meaning(self, column: str) -> str:
        """Return the file's meaning of a column, else that of the common columns, else an empty text."""
        return self.columns.get(column) or COMMON_MEANINGS.get(column, "")


COMMON_MEANINGS: Mapping[str, str] = {column.name: column.meaning for column in COMMON_COLUMNS}

_TOKEN = re.compile(
    r"""(?P<text>'(?:[^']|'')*'|"(?:[^"]|"")*"|\$\$.*?\$\$) | (?P<gap>(?:--[^\n]*|/\*.*?\*/|\s)+)""",
    re.DOTALL | re.VERBOSE,
)
_MEANING = re.compile(r'\bAS "?(\w+)"?,?[ \t]+--[ \t]*(\S[^\n]*)')
_HEAD = re.compile(r"(?:[ \t]*--[^\n]*\n|[ \t]*\n)*")


@lru_cache(maxsize=128)
def table_select(name: str, text: str) -> TableSelect:
    """Return the table that the text of its ``.sql`` file declares."""
    head = _HEAD.match(text)
    lines = head.group().splitlines() if head else []
    return TableSelect(
        name=name,
        sql=text,
        hash=_digest(bare_sql(text)),
        description=" ".join(line.strip().lstrip("-").strip() for line in lines).strip(),
        columns=column_meanings(text),
    )


def column_meanings(text: str) -> dict[str, str]:
    """Return column → meaning, of every ``AS name, -- meaning`` in a text of SQL."""
    return {column: meaning.strip() for column, meaning in _MEANING.findall(text)}


@lru_cache(maxsize=128)
def bare_sql(text: str) -> str:
    """Return SQL with each run of spacing and comments as one blank; quoted text is left alone."""
    return _TOKEN.sub(lambda token: token["text"] or " ", text).strip().rstrip(";").rstrip()


def empty_relation(columns: Iterable[Column]) -> str:
    """Return a SELECT of these columns and no rows, which has a table's schema."""
    fields = ", ".join(f'NULL::{column.type} AS "{column.name}"' for column in columns)
    return f"SELECT {fields} WHERE false"


def over_no_pages(table: TableSelect) -> str:
    """Return the table's SELECT over an empty input: it has the table's columns, and no rows."""
    return f"WITH pages AS ({empty_relation(SELECT_INPUT)}) SELECT * FROM ({bare_sql(table.sql)})"  # noqa: S608


PAGES_HASH = sha256(empty_relation(PAGES_COLUMNS).encode()).hexdigest()[:16]


def _digest(text: str) -> str:
    return sha256(text.encode()).hexdigest()[:16]
