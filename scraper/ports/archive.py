"""The archive, as the use cases see it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from scraper.core.catalogue import Endpoint, OutcomeKind
from scraper.core.compact import Merge
from scraper.core.decisions import Decision
from scraper.core.drift.findings import Looked
from scraper.ports.coverage import RunRows, RunVersion


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
    """When the walk's first request was reserved: aware, UTC. Its UTC day is the partition's date."""
    observed_at: datetime
    """When this answer had been received: aware, UTC."""
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
    """As it came."""


@dataclass(frozen=True, slots=True)
class DecidedAnswer:
    """A stored answer, and what today's vendor files make of it."""

    run_id: str
    request_key: str
    observed_at: datetime
    """When the answer had been received: aware, UTC. Tells repeated answers to one request apart."""
    endpoint: Endpoint
    decision: Decision


@dataclass(frozen=True, slots=True)
class Part:
    """One Parquet file of the archive."""

    table: str
    path: str
    """Relative to the archive: ``hashtags/vendor=crawlora/date=2026-11-21/part-17-0.parquet``."""
    rows: int
    size_bytes: int
    select_hash: str
    """Of the SELECT that made it; of the pages' own schema for `pages`."""
    checksum: str | None = None
    """SHA-256 of the file's bytes; ``None`` where nobody took it when it was written."""

    @property
    def partition(self) -> str:
        """``vendor=crawlora/date=2026-11-21``."""
        return self.path.removeprefix(f"{self.table}/").rpartition("/")[0]

    @property
    def name(self) -> str:
        """File name: for a table's part that of the pages part it is made from."""
        return self.path.rpartition("/")[2]


@dataclass(frozen=True, slots=True)
class Written:
    """What a drain or a rebuild has put into the archive."""

    parts: tuple[Part, ...]
    unreadable: Mapping[int, str]
    """page_id → why no SELECT could read this page. Its bytes are in `pages` all the same."""
    rows_without_key: Mapping[str, int]
    """Table → records that lack a key column: kept in `pages` only."""
    looked: tuple[Looked, ...] = ()
    """What a drain saw of each endpoint: drift. A rebuild tells nothing: its pages were looked at when drained."""
    gone: tuple[str, ...] = ()
    """Paths at which there is no part (any more), as `Part.path`."""
    taken_out: int = 0
    """Parts that a rebuild found there and took away."""

    def rows(self) -> dict[str, int]:
        """Rows written, by table."""
        counts: dict[str, int] = {}
        for part in self.parts:
            counts[part.table] = counts.get(part.table, 0) + part.rows
        return counts


@dataclass(frozen=True, slots=True)
class Partition:
    """What lies under ``vendor=…/date=…`` of every table."""

    path: str
    """``vendor=crawlora/date=2026-11-21``."""
    parts: Mapping[str, Sequence[str]]
    """Table → names of its parts there; `pages` is always among them."""
    groups: Sequence[Sequence[str]]
    """Names of pages parts that would become one part each."""
    size_bytes: int
    fault: str | None = None
    """Why it is left as it is: what lies there is not what the state knows."""

    @property
    def files(self) -> int:
        """Parts of all tables."""
        return sum(map(len, self.parts.values()))

    @property
    def mergeable(self) -> bool:
        """Some of its parts would become one."""
        return any(len(group) > 1 for group in self.groups)


@dataclass(frozen=True, slots=True)
class Compaction:
    """A journalled exchange of a partition's directories for ones with fewer, larger parts of the same rows."""

    compaction_id: int
    partition: str
    merges: Mapping[str, Sequence[Merge]]
    """Table → what its new directory is made of."""
    offline: bool
    """Its directories are renamed away and in, with a moment between: nobody may read meanwhile."""
    built: tuple[Part, ...] | None = None
    """The parts of the new directories once these are whole, durable and verified: from then on it is only finished."""


class Compactor(Protocol):
    """Few large parts out of many small ones. Every method blocks and is called with the archive's lock held.

    Raises ArchiveError for what a disk or a file does.
    """

    def partition(self, path: str, known: Sequence[Part]) -> Partition:
        """What lies there and what would become of it; `known`: its parts as the state has noted them."""

    def refuse_unless_exchangeable(self) -> None:
        """UsageError where two directories cannot be exchanged in one step."""

    def build(self, compaction: Compaction) -> tuple[Part, ...]:
        """Makes the new directories beside the tables' tree, durable; ArchiveError where their rows are not the same.

        The parts that these hold. No reader sees anything of it.
        """

    def exchange(self, compaction: Compaction, now: datetime) -> None:
        """Puts the new directories in the place of the old ones, which go to the trash; repeatable at any point."""

    def discard(self, compaction: Compaction) -> None:
        """Removes what was built so far."""

    def sweep(self, now: datetime) -> None:
        """Removes what compactions put into the trash longer ago than the grace, and what trying the exchange left."""


@dataclass(frozen=True, slots=True)
class FoundPart:
    """A file of the tree that stands where a part stands."""

    part: Part
    """As the file itself says; nothing known of it, zeros, where it cannot be read."""
    fault: str | None = None
    """Why it cannot be read, in the reader's words."""
    pages: Mapping[tuple[str, str], int] = field(default_factory=dict)
    """(run_id, request_key) → answers, of a part that holds pages."""


@dataclass(frozen=True, slots=True)
class Survey:
    """What lies in a data directory, read file by file."""

    parts: Sequence[FoundPart]
    strays: Sequence[str]
    """Files of the tree that are no parts, relative to the data directory."""
    leftovers: Sequence[str]
    """What lies in ``tmp`` and belongs to no query under way."""


class Archive(Protocol):
    """The Parquet archive. Every method but the properties blocks: call them in a thread."""

    @property
    def compactor(self) -> Compactor:
        """What merges this archive's parts."""

    @property
    def select_hashes(self) -> Mapping[str, str]:
        """Table → hash of the SELECT that it is made with now."""

    def lock(self) -> AbstractContextManager[None]:
        """Waits for, and holds, the one lock under which files come and go (over processes; freed by a crash)."""

    def refuse_unless_writable(self) -> None:
        """ArchiveError where a drain would fail: another user's directory, or one on another file system.

        Asked before anything is spent, and before anything is journalled that has to be finished.
        """

    def write(self, drain_id: int, pages: Iterable[SpooledPage]) -> Written:
        """Writes the pages and the tables made from them; repeated for a drain, it leaves the same files.

        Nothing is visible to a reader before it is whole and durable. `pages` must come sorted by `drain_order`.
        Raises ArchiveError (disk full, not writable …); files already renamed in are replaced by the next try.
        """

    def last_drain(self) -> int:
        """The highest number of a drain that parts of the archive bear: no new drain may take it, whoever gave it."""

    def sources(self) -> Sequence[str]:
        """The parts that hold pages: ``vendor=crawlora/date=2026-11-21/part-17-0.parquet``."""

    def outdated(self, table: str) -> Sequence[str]:
        """Those of which the table has no part that its present SELECT has made."""

    def rebuild(self, table: str, sources: Sequence[str]) -> Written:
        """Makes the table's parts of these pages anew, whatever stands there, each exchanged in one step.

        Parts of the table whose pages are gone are taken out of the tree.
        """

    def decided(self, source: str, table: str | None = None) -> Iterator[DecidedAnswer]:
        """Yield the 2xx answers of a pages part, as today's vendor files read them; `table`: of what feeds it alone.

        Without answers that are superseded by another one to the same request. Nothing where an endpoint of the part is
        in no vendor file of this process.
        """

    def write_run_tables(self, account: RunVersion, rows: RunRows) -> tuple[Part, ...]:
        """Writes a run's coverage and ledger, a file a table and vendor, in place of what stood there.

        With the lock held. Raises ArchiveError; what stood there then still does.
        """


class InspectedArchive(Archive, Protocol):
    """An archive that can be held against what the state says."""

    def rebuildable(self, table: str, source: str) -> bool:
        """The pages part is whole, and all of its endpoints are described: a part of this table can be made of it."""

    def differing(self, table: str, sources: Sequence[str]) -> Sequence[str]:
        """Those of these pages parts whose part of the table holds other rows than its SELECT gives now."""

    def survey(self, known: Mapping[str, Part], quick: bool) -> Survey:
        """Reads every file of the archive: all bytes, against the checksums of those known by path, or quickly:
        footers and pages' keys."""

    def set_aside(self, paths: Sequence[str], now: datetime) -> None:
        """Moves files of the data directory into its trash, where no command of ours removes them."""


def drain_order(page: SpooledPage) -> tuple[str, str, str, str, int, str, int]:
    """Rows lie in the archive by vendor, day, endpoint, country, period, walk and page."""
    day = page.snapshot_at.date().isoformat()
    return page.vendor, day, page.endpoint, page.country or "", page.period_days or 0, page.walk_id, page.page
