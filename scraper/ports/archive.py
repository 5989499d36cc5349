"""The Parquet archive."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from scraper.core.adopt import Identity
    from scraper.core.catalogue import Endpoint, OutcomeKind
    from scraper.core.compact import Merge
    from scraper.core.decisions import Decision
    from scraper.core.drift.findings import Looked
    from scraper.ports.adopt import ArchivedAnswer, SpendMark
    from scraper.ports.coverage import RunRow, RunRows, RunVersion
from scraper.ports.leases import Holding


@dataclass(frozen=True, slots=True)
class SpooledPage:
    """One paid answer on its way into the archive."""

    page_id: int
    vendor: str
    endpoint: str
    """Full name: ``crawlora.hashtags``."""
    run_id: str
    walk_id: str
    request_key: str
    snapshot_at: datetime
    """The reservation of the walk's first request: aware, UTC. Its UTC day is the partition's date."""
    observed_at: datetime
    """The completion of this answer: aware, UTC."""
    country: str | None
    """The walk's country parameter, upper case; ``None`` where the walk has none."""
    period_days: int | None
    page: int
    """1-based place of the answer in its walk."""
    parameters: str
    """JSON object of the request's parameters, as text."""
    http_status: int
    outcome: OutcomeKind
    body: bytes
    """Unmodified, as received; on its way to an archive that `takes_packed`, as the spool packs it."""


@dataclass(frozen=True, slots=True)
class DecidedAnswer:
    """A stored answer, and what today's vendor files make of it."""

    run_id: str
    request_key: str
    observed_at: datetime
    """The completion of the answer: aware, UTC. It distinguishes repeated answers to one request."""
    endpoint: Endpoint
    decision: Decision


@dataclass(frozen=True, slots=True)
class ReadAgain:
    """A stored answer that a rebuild has read, and the digest of its decision by today's vendor files."""

    run_id: str
    request_key: str
    observed_at: datetime
    digest: bytes
    """As in `Decision.digest`: a few bytes, while the facts of a page have a hundred ids."""


@dataclass(frozen=True, slots=True)
class Part:
    """One Parquet file of the archive."""

    table: str
    path: str
    """Relative to the archive: ``hashtags/vendor=crawlora/date=2026-11-21/part-17-0-3fa94c21.parquet``."""
    rows: int
    size_bytes: int
    select_hash: str
    """Hash of the SELECT that made it; for `pages`, of their own schema."""
    checksum: str | None = None
    """SHA-256 of the file's bytes; ``None`` for a file written before checksums were stored."""

    @property
    def partition(self) -> str:
        """``vendor=crawlora/date=2026-11-21``."""
        return self.path.removeprefix(f"{self.table}/").rpartition("/")[0]

    @property
    def name(self) -> str:
        """File name; a table's part has that of the pages part it is made from."""
        return self.path.rpartition("/")[2]


@dataclass(frozen=True, slots=True)
class Written:
    """The result of a drain or a rebuild."""

    parts: tuple[Part, ...]
    unreadable: Mapping[int, str]
    """page_id → why no SELECT could read this page. Its bytes are in `pages` nevertheless."""
    rows_without_key: Mapping[str, int]
    """Table → records that lack a key column: kept in `pages` only."""
    looked: tuple[Looked, ...] = ()
    """Drift by endpoint; empty for a rebuild, whose pages were examined when drained."""
    gone: tuple[str, ...] = ()
    """Paths that have no part (any more), as `Part.path`."""
    taken_out: int = 0
    """Number of parts that a rebuild removed."""
    read_again: tuple[ReadAgain, ...] = ()
    """The answers that a rebuild has read."""

    def rows(self) -> dict[str, int]:
        """Return table → rows written, for tables that got any."""
        counts: dict[str, int] = {}
        for part in self.parts:
            counts[part.table] = counts.get(part.table, 0) + part.rows
        return {table: rows for table, rows in counts.items() if rows}


@dataclass(frozen=True, slots=True)
class Partition:
    """The files under ``vendor=…/date=…`` of every table."""

    path: str
    """``vendor=crawlora/date=2026-11-21``."""
    parts: Mapping[str, Sequence[str]]
    """Table → names of its parts; always contains `pages`."""
    groups: Sequence[Sequence[str]]
    """Names of pages parts, grouped by the part that they would be merged into."""
    runs: Mapping[str, Sequence[str]]
    """Run table → names of its parts that would become one."""
    size_bytes: int
    fault: str | None = None
    """The reason for skipping it: its files are not those that the state has noted."""

    @property
    def files(self) -> int:
        return sum(map(len, self.parts.values()))

    @property
    def mergeable(self) -> bool:
        """True if parts of it would be merged."""
        return any(len(names) > 1 for names in (*self.groups, *self.runs.values()))


@dataclass(frozen=True, slots=True)
class Compaction:
    """A journalled exchange of a partition's directories for new ones with the same rows in fewer, larger parts."""

    compaction_id: int
    partition: str
    merges: Mapping[str, Sequence[Merge]]
    """Table → the merges that make its new directory."""
    offline: bool
    """True: without an atomic exchange; the directory is missing for a moment, so readers must be stopped."""
    built: tuple[Part, ...] | None = None
    """The parts of the new directories once these are durable and verified; from then on it can only be finished."""


class Compactor(Protocol):
    """Merges many small parts into few large ones. Every method blocks and needs the archive's lock.

    Raises ArchiveError if the disk or a file fails.
    """

    def partition(self, path: str, known: Sequence[Part]) -> Partition:
        """Return the partition's files and how they would be merged; `known`: its parts as noted in the state."""

    def refuse_unless_exchangeable(self) -> None:
        """Raise UsageError if two directories cannot be exchanged atomically."""

    def build(self, compaction: Compaction) -> tuple[Part, ...]:
        """Build the new directories outside the tables' tree, invisible to readers; return their parts.

        Raises ArchiveError if their rows differ from the old ones.
        """

    def exchange(self, compaction: Compaction, now: datetime) -> None:
        """Exchange the new directories for the old ones, which go to the trash; idempotent."""

    def discard(self, compaction: Compaction) -> None:
        """Remove what was built so far."""

    def sweep(self, now: datetime) -> None:
        """Remove what has been in the trash longer than the grace period, and files left by testing the exchange."""


@dataclass(frozen=True, slots=True)
class FoundPart:
    """A file at a path where parts are kept."""

    part: Part
    """As its footer says; zeros if the file cannot be read."""
    fault: str | None = None
    """The reader's error, if the file cannot be read."""
    pages: Mapping[tuple[str, str], int] = field(default_factory=dict)
    """(run_id, request_key) → answers, for a part of `pages`."""


@dataclass(frozen=True, slots=True)
class Survey:
    """The files of a data directory."""

    parts: Sequence[FoundPart]
    strays: Sequence[str]
    """Files of the tree that are not parts, relative to the data directory."""
    leftovers: Sequence[str]
    """Files in ``tmp`` that no running query uses."""
    forgotten: Sequence[str] = ()
    """Known parts whose bytes exist, but that the archive's list lacks."""


class ArchiveLedger(Protocol):
    """The archive's own record of its ledger. Every method blocks; ArchiveError if a file cannot be read or written."""

    def identity(self) -> tuple[Identity, str] | None:
        """Return the archive's identity and kind; ``None`` if it was never stamped."""

    def write_identity(self, identity: Identity, kind: str) -> None:
        """Write identity and kind, durably and atomically."""

    def marks(self) -> Sequence[SpendMark]:
        """Return the marks of runs."""

    def write_mark(self, mark: SpendMark) -> None:
        """Write the mark of a run, durably and atomically."""

    def remove_marks(self, run_ids: Sequence[str]) -> None:
        """Remove the marks of runs of which the archive knows everything."""

    def is_empty(self) -> bool:
        """Return True if the archive has no part."""

    def paths(self) -> Sequence[str]:
        """Return the paths of all parts."""

    def part(self, path: str) -> Part:
        """Return a part as its file is now."""

    def size_bytes(self, path: str) -> int:
        """Return the size of a part's file."""

    def rows(self, path: str) -> Iterator[RunRow]:
        """Yield the rows of a run table's part, of this version's columns; instants are aware."""

    def answers(self, path: str) -> Iterator[ArchivedAnswer]:
        """Yield the answers of a part of `pages`, each with its facts as today's vendor files read it."""

    def rows_by_run(self, path: str) -> Mapping[str, int]:
        """Return run → rows of a table's part."""


class Archive(Protocol):
    """The Parquet archive. Every method blocks, except the properties: call it in a thread."""

    @property
    def compactor(self) -> Compactor:
        """The archive's compactor."""

    @property
    def ledger(self) -> ArchiveLedger:
        """The archive's own record of its ledger."""

    @property
    def select_hashes(self) -> Mapping[str, str]:
        """Table → hash of its current SELECT."""

    @property
    def takes_packed(self) -> bool:
        """True if `write` takes bodies as the spool packs them."""

    def lock(self, hold: Holding | None = None) -> AbstractContextManager[None]:
        """Wait for and hold the lock, shared by all processes, under which files come and go; a crash frees it.

        `hold`: the lease of the archive, which excludes other machines. The local lock is then waited for only briefly,
        and once the lease is in doubt no more files are shown to readers: ArchiveLostError.
        """

    def refuse_unless_writable(self) -> None:
        """Raise ArchiveError if a drain would fail: another user's directory, or one on another file system.

        Called before anything is spent, and before a journal is opened that has to be finished.
        """

    def write(self, drain_id: int, pages: Iterable[SpooledPage], token: str = "") -> Written:
        """Write the pages and the tables made from them; repeated for a drain, it leaves the same files.

        A table without parts gets an empty one: an engine may fail on a path that was never written.
        Readers see only files that are complete and durable. `pages` must be sorted by `drain_order`; `token` is the
        drain's, part of the files' names.
        Raises ArchiveError (disk full, not writable …), or CutOffError where it may be repeated at once; a retry
        replaces files already renamed into place.
        """

    def last_drain(self) -> int:
        """Return the highest drain number in the names of parts: a new drain's must be above it."""

    def sources(self) -> Sequence[str]:
        """Return the parts of `pages`: ``vendor=crawlora/date=2026-11-21/part-17-0-3fa94c21.parquet``."""

    def outdated(self, table: str) -> Sequence[str]:
        """Return the sources from which the table has no part made by its current SELECT."""

    def rebuild(self, table: str, sources: Sequence[str]) -> Written:
        """Rebuild the table's parts from these pages parts, each replaced atomically.

        Parts of the table whose pages are gone are removed. A table without rows keeps one empty part.
        """

    def decided(self, source: str, table: str | None = None) -> Iterator[DecidedAnswer]:
        """Yield the 2xx answers of a pages part, as today's vendor files read them; `table`: only those that feed it.

        Without answers that are superseded by another one to the same request. Nothing where an endpoint of the part is
        in no vendor file of this process.
        """

    def write_run_tables(self, runs: Sequence[RunVersion], rows_of: Callable[[str], RunRows]) -> tuple[Part, ...]:
        """Write the coverage and ledger of runs that began on one UTC day, replacing older ones. Needs the lock.

        Each has a file for each table and vendor, or its place in the one in which a compaction has gathered the day's.

        Raises ArchiveError; the old files are then unchanged.
        """


class InspectedArchive(Archive, Protocol):
    """An archive that can be checked against the state."""

    def rebuildable(self, table: str, source: str) -> bool:
        """Return True if the pages part is intact and all of its endpoints are described in vendor files."""

    def differing(self, table: str, sources: Sequence[str]) -> Sequence[str]:
        """Return those of these pages parts whose part of the table has other rows than its SELECT gives now."""

    def survey(self, known: Mapping[str, Part], quick: bool) -> Survey:
        """Read every file: all bytes, compared with the checksums in `known` (by path); if `quick`, only footers and
        the keys of pages.
        """

    def set_aside(self, paths: Sequence[str], now: datetime) -> None:
        """Move files of the data directory into its trash, where no command removes them."""

    def relist(self, parts: Sequence[Part]) -> None:
        """Add forgotten parts to the archive's list again."""


def drain_order(page: SpooledPage) -> tuple[str, str, str, str, int, str, int]:
    """Sort key of pages in the archive: vendor, day, endpoint, country, period, walk, page."""
    day = page.snapshot_at.date().isoformat()
    return page.vendor, day, page.endpoint, page.country or "", page.period_days or 0, page.walk_id, page.page
