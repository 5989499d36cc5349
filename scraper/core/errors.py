"""Errors that stop a run, or keep it from starting: one tree, an exit code on each class.

The outcome of a single request is a value (`core.outcomes`), never one of these::

    ScraperError                  1   never raised itself; a bug in scraper ends with 1
    ├── ConfigurationError        2   every fault of the files at once
    ├── UsageError                2   a command or an option that cannot be executed as typed
    │   ├── UnreadableError       2   a file or directory that this user may not read
    │   └── HeldElsewhereError    2   another process runs the job
    ├── StorageError              5   a disk, a directory or a file of ours
    │   ├── StateError            5   the state database
    │   │   ├── StateAwayError    5   the state's server does not answer now
    │   │   └── LeaseLostError  130   another process has taken over the job that this one held
    │   │       └── ArchiveLostError  130   another process has taken over the archive
    │   ├── ArchiveError          5   the Parquet archive
    │   │   └── CutOffError       5   an operation on it that was cut off, and may be repeated at once
    │   └── OutputError           5   stdout, or the file of -o, cannot be written
    ├── StoppedWaitingError     130   the user stopped a standby
    └── QueryError                2   SQL that DuckDB or we refuse

Exit codes without an exception come from the run's status (`core.events.RunStatus.exit_code`): 0 complete ·
3 the run's budget is spent · 4 vendor refused · 6 finished with failures · 7 a limit of account or vendor ·
130 interrupted.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar, Final

WORST_FIRST: Final = (130, 1, 5, 2, 4, 6, 7, 3, 0)
"""Exit codes from the worst one: interrupted, so that the rest did not run; faults that a person has to fix (a bug,
archive or state, configuration, a refused key); gaps in the data; runs that continue by themselves."""


def worst_exit_code(codes: Iterable[int]) -> int:
    """Return the exit code of a command that did several things; 0 if it did none."""
    return min(codes, key=WORST_FIRST.index, default=0)


class ScraperError(Exception):
    """Base of all errors that we raise on purpose; the text is a message for the user."""

    exit_code: ClassVar[int] = 1


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault in a file or an option: its place, the value found, and the allowed values."""

    where: str
    """File and key: ``configs/week.toml: crawl[0].params.period``."""
    message: str

    def __str__(self) -> str:
        return f"{self.where}: {self.message}"


class ConfigurationError(ScraperError):
    """Invalid configuration files, with every fault found."""

    exit_code = 2

    def __init__(self, faults: Sequence[Fault]) -> None:
        self.faults = tuple(faults)
        super().__init__("\n".join(str(fault) for fault in self.faults))


class UsageError(ScraperError):
    """A command or an option that cannot be executed as typed."""

    exit_code = 2


class UnreadableError(UsageError):
    """A file or directory that this user may not read."""

    def __init__(self, place: str, reason: str | None) -> None:
        super().__init__(
            f"{place} cannot be read: {reason}. Nothing was spent or changed; ask its owner for permission, or name "
            "another directory with --data."
        )


class HeldElsewhereError(UsageError):
    """Another process runs the job, which was not begun here. `met`: a clause that names the process."""

    def __init__(self, met: str, advice: str) -> None:
        self.met = met
        super().__init__(f"{met}. Nothing was spent; {advice}.")


class StoppedWaitingError(ScraperError):
    """The user stopped a standby before there was anything to take over."""

    exit_code = 130


class QueryError(ScraperError):
    """A refused query: not read-only, or not valid SQL."""

    exit_code = 2


class StorageError(ScraperError):
    """A disk, or a directory or file of ours, cannot be used; everything committed is kept."""

    exit_code = 5


class StateError(StorageError):
    """The state database (ledger, runs, spool) cannot be used."""


class StateAwayError(StateError):
    """The state's server cannot be reached or used at present; a later attempt may succeed."""


class LeaseLostError(StateError):
    """Another process has taken over the job or archive that this one held; this one changes nothing more."""

    exit_code = 130


class ArchiveLostError(LeaseLostError):
    """Another process has taken over the archive; the operation may be repeated under a new lease."""


class ArchiveError(StorageError):
    """The archive's files cannot be written or read."""


class CutOffError(ArchiveError):
    """An operation on the archive was cut off: its worker ended. It may be repeated at once, without the worker."""


class OutputError(StorageError):
    """A command's output cannot be written. `kept` states what remains true."""

    def __init__(self, place: str, reason: str, kept: str = "What the command did is kept.") -> None:
        self.place, self.reason = place, reason
        super().__init__(f"{place} cannot be written: {reason}. {kept}")
