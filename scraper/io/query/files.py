"""The files of an archive's tables: those in a directory, or the local copies of listed objects."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypeAlias

PARTS: Final = "vendor=*/date=*/*.parquet"
"""Glob of a table's files in its directory."""

Hashes: TypeAlias = Callable[[str], Mapping[str, str]]
"""Table → path of a part, relative to the archive → `Part.select_hash`, as far as they are noted."""


@dataclass(frozen=True, slots=True)
class Files:
    """The files of an archive's tables, and how SQL finds them."""

    root: Path
    """The directory that all of them are in: a query reads nothing else."""
    sql: Callable[[str], str]
    """Table → SQL expression for all of its files: a glob, or a list."""
    paths: Callable[[str], Iterable[str]]
    """Table → paths of its files, relative to `root`."""
    tables: Callable[[], Iterable[str]]
    """The tables with files."""
    hive: bool = False
    """vendor and date are read by DuckDB's hive partitioning: a join on either opens only matching files too.

    It reads every ``key=value`` of the whole path, so that a directory above the archive may be none.
    """
    noted: Hashes = lambda _table: {}
    """With these hashes, the footers of tables that nothing rebuilds need not be read."""

    left_out: Mapping[str, str] = field(default_factory=dict)
    """Table → the reason why its files are left out."""

    def has(self, table: str) -> bool:
        """Return whether a table has files."""
        return any(True for _ in self.paths(table))


def files_below(root: Path, noted: Hashes | None = None) -> Files:
    """Return the files of an archive in this directory, as they are at each query."""
    return Files(
        root=root,
        sql=lambda table: quoted(f"{pattern(root / table)}/{PARTS}"),
        paths=lambda table: (path for path, _ in files_of(root, table)),
        tables=lambda: (child.name for child in root.iterdir() if any(child.glob(PARTS))) if root.is_dir() else (),
        hive="=" not in str(root),
        noted=noted or (lambda _table: {}),
    )


def files_listed(
    root: Path, listed: Mapping[str, Mapping[str, str]], left_out: Mapping[str, str] | None = None
) -> Files:
    """Return the files of a list, below a directory: table → path → `Part.select_hash`."""
    return Files(
        root=root,
        sql=lambda table: sql_list(root, listed[table]),
        paths=lambda table: listed.get(table, ()),
        tables=lambda: (table for table, paths in listed.items() if paths),
        hive="=" not in str(root),
        noted=lambda table: listed.get(table, {}),
        left_out=left_out or {},
    )


def files_of(root: Path, table: str) -> Iterator[tuple[str, os.DirEntry[str]]]:
    """Yield the paths of a table's files, relative to the archive, and their entries."""
    for vendor in _entries(root / table, "vendor="):
        for day in _entries(vendor.path, "date="):
            for file in _entries(day.path, ""):
                if file.name.endswith(".parquet"):
                    yield f"{table}/{vendor.name}/{day.name}/{file.name}", file


def _entries(directory: Path | str, prefix: str) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(directory) as entries:
            return sorted((entry for entry in entries if entry.name.startswith(prefix)), key=lambda entry: entry.name)
    except (FileNotFoundError, NotADirectoryError):
        return []


def sql_list(root: Path, paths: Iterable[str]) -> str:
    """Return files as an SQL list."""
    return f"[{', '.join(quoted(pattern(root / path)) for path in paths)}]"


def pattern(directory: Path) -> str:
    """Return the directory as a glob pattern, with wildcard characters of its own name escaped."""
    return re.sub(r"([*?\[])", r"[\1]", str(directory))


def quoted(text: Path | str) -> str:
    """Return text as an SQL string literal."""
    return "'" + str(text).replace("'", "''") + "'"
