"""What stops a run, or keeps it from starting: one tree, an exit code on each class.

What a single request meets is a value (`core.outcomes`), never one of these::

    ScraperError                  1   never raised itself: a bug of ours ends with 1
    ├── ConfigurationError        2   every fault of the files at once
    ├── UsageError                2   a command or an option that cannot be carried out as typed
    ├── StorageError              5   the disk or a file of ours: what was met, what is safe
    │   ├── StateError            5   the state database
    │   ├── ArchiveError          5   the Parquet archive
    │   └── OutputError           5   stdout, or the file of -o, takes no more
    └── QueryError                2   SQL that DuckDB refuses, or that we do

The exit codes that are no exception come from the run's status (`core.events.RunStatus.exit_code`): 0 complete ·
3 budget or quota reached · 4 vendor refused · 6 finished with failures · 130 interrupted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar


class ScraperError(Exception):
    """Root of all that we raise on purpose: its text is a sentence for the user."""

    exit_code: ClassVar[int] = 1


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong in a file or an option: where, what was met, what is allowed."""

    where: str
    """File and key: ``configs/week.toml: crawl[0].params.period``."""
    message: str

    def __str__(self) -> str:
        return f"{self.where}: {self.message}"


class ConfigurationError(ScraperError):
    """Files that cannot be used as they are, with every fault found."""

    exit_code = 2

    def __init__(self, faults: Sequence[Fault]) -> None:
        self.faults = tuple(faults)
        super().__init__("\n".join(str(fault) for fault in self.faults))


class UsageError(ScraperError):
    """An option or a command that cannot be carried out as it was typed."""

    exit_code = 2


class UnreadableError(UsageError):
    """A file or directory of another user."""

    def __init__(self, place: str, reason: str | None) -> None:
        super().__init__(
            f"{place} cannot be read: {reason}. Nothing was spent or changed; ask its owner for permission, or name "
            "another directory with --data."
        )


class QueryError(ScraperError):
    """A query that is refused: not read-only, or not SQL that DuckDB accepts."""

    exit_code = 2


class StorageError(ScraperError):
    """A disk, a directory or a file of ours cannot be used; what is committed stays true."""

    exit_code = 5


class StateError(StorageError):
    """The state database (ledger, runs, spool) cannot be used."""


class ArchiveError(StorageError):
    """The archive's files cannot be written or read."""


class OutputError(StorageError):
    """What a command prints cannot be written. `kept`: what stays true all the same."""

    def __init__(self, place: str, reason: str, kept: str = "What the command did stays done.") -> None:
        self.place, self.reason = place, reason
        super().__init__(f"{place} cannot be written: {reason}. {kept}")
