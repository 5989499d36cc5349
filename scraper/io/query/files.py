"""The files of an archive's tables: those in a directory, or the local copies of listed objects.

Nothing here imports DuckDB or pyarrow: `scraper tables` does without them if the state has noted the parts.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypeAlias

from scraper.core.errors import ArchiveError
from scraper.io.permissions import require_readable

PARTS: Final = "vendor=*/date=*/*.parquet"
"""Glob of a table's files in its directory."""

_MESSAGE_LENGTH: Final = 600

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


def archive_root(data: Path) -> Path:
    """Return the directory of tables: `archive` in a data directory, or a copy of it alone.

    Raises ArchiveError if this user may not read all of it: DuckDB would silently leave those rows out.
    """
    inside = data / "archive"
    with _permitted():
        root = data if not inside.is_dir() and any(data.glob("*/vendor=*")) else inside
    return readable(root)


def readable(root: Path) -> Path:
    """Return a directory of tables with symbolic links resolved; raises the ArchiveError of `archive_root`."""
    with _permitted():
        require_readable(root)
    return root.resolve()


@contextmanager
def _permitted() -> Iterator[None]:
    try:
        yield
    except PermissionError as fault:
        raise ArchiveError(
            f"{fault.filename} cannot be read: {fault.strerror}. Nothing was changed; let its owner give you the right "
            "to read it, or name another directory with --data."
        ) from fault


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


def damaged(place: Path, fault: Exception) -> str:
    """Return the sentence for a file that cannot be read."""
    advice = (
        "Nothing was changed; restore the file that it names from a backup; "
        "scraper check --repair rebuilds any other than one of pages."
    )
    return f"{place} cannot be read: {shortened(fault)}. {advice}"


def shortened(fault: Exception) -> str:
    """Return DuckDB's message on one line: the error, its candidates and the line of the query, without the caret."""
    lines = (line.strip() for line in str(fault).splitlines())
    text = " ".join(line for line in lines if line and set(line) != {"^"})
    return text if len(text) <= _MESSAGE_LENGTH else f"{text[:_MESSAGE_LENGTH]}…"
