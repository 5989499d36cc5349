"""The journal, as the use cases see it: what stands between the database and the archive's files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from scraper.core.decisions import Decision
from scraper.core.drift.findings import Finding
from scraper.ports.archive import Compaction, DecidedAnswer, Part, SpooledPage, Written
from scraper.ports.coverage import RunRows, RunVersion


@dataclass(frozen=True, slots=True)
class Drain:
    """A journalled move of pages from the spool into the archive."""

    drain_id: int
    run_id: str
    pages: int


@dataclass(frozen=True, slots=True)
class DriftRecord:
    """Something that drifted, over all drains or over those of a run."""

    endpoint: str
    finding: Finding
    count: int
    """Records that it was met in; pages, where the kind is of pages."""
    of: int
    """Records, or pages, that were ever looked at of this endpoint."""
    first_at: datetime
    last_at: datetime
    run_id: str
    request_key: str
    """With its run: a page that it was met in, of the last drain that met it."""
    first_run_id: str
    """The run that met this kind at this path first."""


@dataclass(frozen=True, slots=True)
class Audit:
    """The parts, pages and journals that the database says must be there."""

    parts: Sequence[Part]
    stored: Mapping[tuple[str, str], int]
    """(run_id, request_key) → answers that the archive holds."""
    spooled: int
    """Answers that wait to be archived."""
    spool_faults: Sequence[str]
    """Of those, each whose body is not what was paid for, and why."""
    unkept: Mapping[str, int]
    """Run → attempts that were paid and answered, and of which no page was kept."""
    opened: Sequence[str]
    """Journals that were begun and neither finished nor undone: ``drain 17``."""
    database: str
    """The database that says so, as findings name it."""


class Journal(Protocol):
    """The spool, the archive's files as noted, and everything that is being done to them.

    A method returns once its change is committed and durable, and raises StateError where the database cannot be used.
    """

    async def open_drain(self, opened_at: datetime, most_bytes: int, after: int = 0) -> Drain | None:
        """Return an unfinished drain, else a new one of pages of one run; ``None`` where the spool is empty.

        A new one's number is above `after`: files bear it, also those that an older state has never heard of.
        """

    def drain_pages(self, drain: Drain) -> Iterator[SpooledPage]:
        """Yield the members of a drain in `drain_order`. Blocks: call it in a thread."""

    async def finish_drain(self, drain: Drain, written: Written, finished_at: datetime) -> None:
        """Mark the members stored, free their bodies, note the parts and the drift."""

    async def drift(self, run_id: str | None = None) -> Sequence[DriftRecord]:
        """Return what has drifted, by endpoint, kind and path: ever, or in one run."""

    async def parts(self, partition: str | None = None) -> Sequence[Part]:
        """Return every file of the archive, or of one partition of all tables, as noted."""

    async def note_parts(self, found: Sequence[Part]) -> None:
        """Note files that are in the archive; one made anew replaces its note."""

    async def audit(self) -> Audit:
        """Return the ledger, spool and notes that the archive is checked against."""

    async def open_compaction(self) -> Compaction | None:
        """Return a compaction that was neither finished nor undone."""

    async def begin_compaction(
        self, partition: str, groups: Sequence[Sequence[str]], offline: bool, opened_at: datetime
    ) -> Compaction:
        """Begin a compaction of a partition's noted parts; `groups` as `core.compact.groups` gives them."""

    async def note_built(self, compaction: Compaction, built: Sequence[Part]) -> Compaction:
        """Note that its new directories are whole, durable and verified: from now on it is finished, not undone."""

    async def finish_compaction(self, compaction: Compaction, finished_at: datetime) -> None:
        """Note the new parts in the place of the old ones."""

    async def undo_compaction(self, compaction: Compaction, finished_at: datetime) -> None:
        """Close a compaction of which nothing was exchanged. Its id, part of its files' names, is never given again."""

    async def select_hashes(self) -> Mapping[str, frozenset[str]]:
        """Return table → hashes of the SELECTs that its parts were made with."""

    async def begin_rebuild(self, sources: Mapping[str, Sequence[str]], opened_at: datetime) -> None:
        """Begin a rebuild: table → pages parts from which its parts are to be made anew."""

    async def open_rebuild(self) -> Mapping[str, Sequence[str]]:
        """Return the part of it that is left to do."""

    async def note_rebuilt(self, table: str, sources: Sequence[str], written: Written) -> None:
        """Note that the table's parts of these pages have been made anew."""

    async def drop_rebuild(self, table: str) -> None:
        """Give up what is left of the table's rebuild."""

    async def note_select(self, table: str, select_hash: str) -> None:
        """Note that every part of the table is now made with this SELECT, or is not ours to make."""

    async def noted_decisions(self, answers: Sequence[DecidedAnswer]) -> Sequence[Decision | None]:
        """Return what was noted of each answer when it was bought or last decided; ``None``: it is not known."""

    async def decide_again(self, answers: Sequence[DecidedAnswer], decided_at: datetime) -> None:
        """Note these decisions, and the coverage of every ended walk that holds or reuses the answers."""

    async def mark_run_outdated(self, run_id: str) -> bool:
        """Have the run's coverage and ledger in the archive written anew by the next run; False: no such run."""

    async def outdated_runs(self) -> Sequence[str]:
        """Return the runs whose coverage and ledger the archive does not hold as they are, oldest first.

        Without those whose pages still wait in the spool: the archive must not call a walk complete before its rows
        are there.
        """

    async def run_version(self, run_id: str) -> RunVersion:
        """Return how a run's coverage and ledger stand now."""

    def run_rows(self, run_id: str) -> RunRows:
        """Return its coverage and its ledger, read as they are asked for. Blocks: call it in a thread."""

    async def note_run_tables(self, account: RunVersion, written: Sequence[Part]) -> None:
        """Note the files of a run's account; it is done with unless it has changed since or the run is still open."""
