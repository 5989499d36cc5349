"""The journal between the database and the archive's files."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from scraper.core.adopt import Identity, Standing
    from scraper.core.decisions import Decision
    from scraper.core.drift.findings import Finding
    from scraper.ports.adopt import (
        AdoptedCount,
        AdoptionEnd,
        AdoptionEnded,
        ArchivedAnswer,
        ArchivedRun,
        RunSpending,
        StateIdentity,
    )
    from scraper.ports.archive import Compaction, DecidedAnswer, Part, ReadAgain, SpooledPage, Written
    from scraper.ports.coverage import RunRow, RunRows, RunVersion
from scraper.ports.leases import Holding


@dataclass(frozen=True, slots=True)
class Drain:
    """A journalled move of pages from the spool into the archive."""

    drain_id: int
    run_id: str
    pages: int
    token: str = ""
    """Token of the state's epoch when it was opened, part of file names; empty: opened before there were any."""


@dataclass(frozen=True, slots=True)
class DriftRecord:
    """A drift finding, summed over all drains or over those of a run."""

    endpoint: str
    finding: Finding
    count: int
    """Records (pages, for a kind of pages) in which it occurred."""
    of: int
    """Records (or pages) of this endpoint examined so far."""
    first_at: datetime
    last_at: datetime
    run_id: str
    request_key: str
    """With `run_id`: a page in which it occurred, from the last drain that found it."""
    first_run_id: str
    """The first run with this kind at this path."""


@dataclass(frozen=True, slots=True)
class Audit:
    """The parts, pages and journals that must exist according to the database."""

    parts: Sequence[Part]
    stored: Mapping[tuple[str, str], int]
    """(run_id, request_key) → answers in the archive."""
    spooled: int
    """Answers waiting to be archived."""
    spool_faults: Sequence[str]
    """A sentence for each of those whose body is damaged."""
    unkept: Mapping[str, int]
    """Run → paid and answered attempts without a page."""
    opened: Sequence[str]
    """Journals neither finished nor undone: ``drain 17``."""
    database: str
    """Short name of the database, for findings."""


class Journal(Protocol):
    """The spool, the noted parts of the archive, and the operations open on them.

    A method returns once its change is durable, and raises StateError if the database cannot be used.
    """

    def hold_archive(self) -> AbstractAsyncContextManager[Holding | None]:
        """Wait for and hold the archive, where the state is shared by several machines.

        Otherwise `Archive.lock` does so, and the block gets ``None``. Changes inside the block raise LeaseLostError
        once another process holds the archive.
        """

    async def open_drain(self, opened_at: datetime, most_bytes: int, after: int = 0) -> Drain | None:
        """Return an unfinished drain, else a new one with pages of one run; ``None`` if the spool is empty.

        A new one's number, part of file names, is above `after`: the state may be older than the archive.
        """

    def drain_pages(self, drain: Drain, *, packed: bool = False) -> Iterator[SpooledPage]:
        """Yield the pages of a drain in `drain_order`; `packed`: for an archive that takes them so.

        Blocks: call it in a thread.
        """

    async def finish_drain(self, drain: Drain, written: Written, finished_at: datetime) -> None:
        """Mark its pages stored, free their bodies, note the parts and the drift."""

    async def drift(self, run_id: str | None = None) -> Sequence[DriftRecord]:
        """Return the drift of all runs, or of one, by endpoint, kind and path."""

    async def parts(self, partition: str | None = None) -> Sequence[Part]:
        """Return the noted parts of the archive, or of one partition of all tables."""

    async def note_parts(self, found: Sequence[Part]) -> None:
        """Note parts of the archive; a rebuilt part replaces its note."""

    async def audit(self) -> Audit:
        """Return what the archive is checked against."""

    async def open_compaction(self) -> Compaction | None:
        """Return the compaction that is neither finished nor undone."""

    async def begin_compaction(
        self,
        partition: str,
        groups: Sequence[Sequence[str]],
        runs: Mapping[str, Sequence[str]],
        offline: bool,
        opened_at: datetime,
    ) -> Compaction:
        """Begin a compaction of a partition's noted parts; `groups` and `runs` as `core.compact.merges` has them."""

    async def note_built(self, compaction: Compaction, built: Sequence[Part]) -> Compaction:
        """Note that its new directories are durable and verified: from now on it can only be finished."""

    async def finish_compaction(self, compaction: Compaction, finished_at: datetime) -> None:
        """Note the new parts instead of the old ones."""

    async def undo_compaction(self, compaction: Compaction, finished_at: datetime) -> None:
        """Close a compaction that has exchanged nothing. Its id, part of file names, is never used again."""

    async def select_hashes(self) -> Mapping[str, frozenset[str]]:
        """Return table → hashes of the SELECTs that made its parts."""

    async def begin_rebuild(self, sources: Mapping[str, Sequence[str]], opened_at: datetime) -> None:
        """Begin a rebuild; `sources`: table → pages parts from which to rebuild its parts."""

    async def open_rebuild(self) -> Mapping[str, Sequence[str]]:
        """Return what is left of the open rebuild: table → pages parts."""

    async def note_rebuilt(self, table: str, sources: Sequence[str], written: Written) -> None:
        """Note that the table's parts of these pages have been rebuilt."""

    async def drop_rebuild(self, table: str) -> None:
        """Abandon what is left of the table's rebuild."""

    async def note_select(self, table: str, select_hash: str) -> None:
        """Note that every part of the table was made with this SELECT, or cannot be rebuilt here."""

    async def noted_decisions(self, answers: Sequence[DecidedAnswer | ReadAgain]) -> Sequence[Decision | None]:
        """Return what was noted of each answer when it was bought or last decided; ``None``: it is not known."""

    async def decide_again(self, answers: Sequence[DecidedAnswer], decided_at: datetime) -> None:
        """Note these decisions, and the coverage of every ended walk that holds or reuses the answers."""

    async def mark_run_outdated(self, run_id: str) -> bool:
        """Mark the run's coverage and ledger in the archive outdated; return False if there is no such run."""

    async def mark_day_outdated(self, day: date) -> None:
        """Mark the coverage and ledger of every run that began on this UTC day outdated."""

    async def outdated_runs(self) -> Sequence[str]:
        """Return the runs whose coverage and ledger in the archive are outdated, oldest first.

        Runs with pages in the spool are left out: the archive must not call a walk complete before it has its rows.
        """

    async def run_version(self, run_id: str) -> RunVersion:
        """Return the current version of a run's coverage and ledger."""

    def run_rows(self, run_id: str) -> RunRows:
        """Return a run's coverage and ledger, read lazily. Blocks: call it in a thread."""

    async def note_run_tables(self, run: RunVersion, written: Sequence[Part]) -> None:
        """Note the files of a run, which is then current unless it has changed since `run` was read or is open."""

    # --- state and archive side by side: `runs.adopt` -----------------------------------------------------------------

    async def identity(self) -> StateIdentity:
        """Return the identity that the state shares with its archive."""

    async def stamp(self, base: Identity | None) -> Identity:
        """Add an epoch to the identity and return it; `base`: the archive's, to be taken over."""

    async def run_spending(self, run_id: str) -> RunSpending | None:
        """Return what the ledger has of a run; ``None`` if it does not know it."""

    async def last_attempt(self) -> int:
        """Return the number of the ledger's last attempt."""

    async def accounted_runs(self, run_ids: Sequence[str]) -> Sequence[str]:
        """Return those of these runs of which the archive knows everything."""

    async def begin_adoption(self, why: Standing) -> None:
        """Note that an adoption is under way, in case it is interrupted."""

    async def adopt_run(self, run: ArchivedRun, coverage: Sequence[RunRow]) -> bool:
        """Add a run with its coverage, or bring it up to date; return True if it was not known."""

    async def adopt_attempts(self, rows: Sequence[RunRow]) -> AdoptedCount:
        """Add attempts of the archive that are not known, and settle those that were left undecided."""

    async def adopt_answers(
        self,
        answers: Sequence[ArchivedAnswer],
        run_of: Callable[[str], ArchivedRun],
        account_of: Callable[[str, str], str],
    ) -> AdoptedCount:
        """Add pages of the archive that are not known, each with its attempt.

        `run_of`: run id → the run, for a run of which only pages are left; `account_of`: run id and vendor → account.
        """

    async def doubled_answers(self, answers: Sequence[ArchivedAnswer]) -> int:
        """Return how many of these are not known, while the state has another page of the same request and run."""

    async def end_adoption(self, end: AdoptionEnd) -> AdoptionEnded:
        """Book what no file shows, sum the balances, close the journals and stamp the state, in one transaction."""
